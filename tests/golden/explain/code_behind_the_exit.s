# category: unreachable-code
# mistake: an instruction stands behind the exit
	.section socket,"ax",@progbits
	.globl last
	.type last,@function
last:
	r0 = 2
	exit
	r0 = 1
	exit
	.size last, .-last
