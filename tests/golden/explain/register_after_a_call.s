# category: uninitialised-read
# mistake: r1 to r5 do not survive a call; the context had to be kept in r6
	.section socket,"ax",@progbits
	.globl length
	.type length,@function
length:
	call 5
	r0 = *(u32 *)(r1 + 0)
	exit
	.size length, .-length
