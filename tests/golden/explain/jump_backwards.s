# category: back-edge
# mistake: a loop, in a program of a user without privileges
# options: --unprivileged
# kernel: not loadable here, unprivileged_bpf_disabled
	.section socket,"ax",@progbits
	.globl loop
	.type loop,@function
loop:
	r0 = 0
again:
	r0 += 1
	if r0 != 10 goto again
	exit
	.size loop, .-loop
