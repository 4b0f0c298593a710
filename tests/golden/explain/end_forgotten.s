# category: invalid-instruction
# mistake: the program does not end with exit
	.section socket,"ax",@progbits
	.globl open_end
	.type open_end,@function
open_end:
	r0 = 2
	r1 = 1
	.size open_end, .-open_end
