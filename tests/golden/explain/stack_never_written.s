# category: uninitialised-read
# mistake: eight bytes are read from the stack, four were written
# options: --unprivileged
# kernel: not loadable here, unprivileged_bpf_disabled
	.section socket,"ax",@progbits
	.globl half
	.type half,@function
half:
	w1 = 0
	*(u32 *)(r10 - 8) = w1
	r0 = *(u64 *)(r10 - 8)
	exit
	.size half, .-half
