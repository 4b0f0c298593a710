# category: invalid-instruction
# mistake: a constant divisor of zero
	.section socket,"ax",@progbits
	.globl divide
	.type divide,@function
divide:
	r0 = 5
	r0 /= 0
	exit
	.size divide, .-divide
