# category: uninitialised-read
# mistake: exit returns r0, and nothing was put there
	.section socket,"ax",@progbits
	.globl nothing
	.type nothing,@function
nothing:
	r1 = 2
	exit
	.size nothing, .-nothing
