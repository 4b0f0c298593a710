# category: pointer-arithmetic
# mistake: r10 is moved down like the stack pointer of other machines
	.section socket,"ax",@progbits
	.globl frame
	.type frame,@function
frame:
	r10 += -16
	r0 = 0
	exit
	.size frame, .-frame
