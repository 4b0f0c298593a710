# clang 19 -target bpf -mcpu=v4 -O2 -S on a program with maps, globals, subprograms and atomics. Lines with #=
# at the end: the sections of the object that clang -c writes for it, name and bytes.
	.text
	.file	"clang_v4.c"
	.globl	gl                              # -- Begin function gl
	.p2align	3
	.type	gl,@function
gl:                                     # @gl
# %bb.0:
	r6 = r1
	r0 = 0
	if r6 == 0 goto LBB0_3
# %bb.1:
	r7 = 0
	r8 = 0
LBB0_2:                                 # =>This Inner Loop Header: Depth=1
	r1 = r7
	r2 = r6
	call f
	r0 += r8
	r7 += 1
	r8 = r0
	if r7 < r6 goto LBB0_2
LBB0_3:
	exit
.Lfunc_end0:
	.size	gl, .Lfunc_end0-gl
                                        # -- End function
	.p2align	3                               # -- Begin function f
	.type	f,@function
f:                                      # @f
# %bb.0:
	r0 = r2
	r2 *= r1
	r0 s/= 3
	r0 += r2
	r2 = r1
	r2 = bswap32 r2
	r0 += r2
	r2 = r1
	r2 >>= 3
	w2 s%= 7
	r2 = (s32)r2
	r0 += r2
	r1 &= 3
	r1 <<= 3
	r2 = tab ll
	r2 += r1
	r1 = *(u64 *)(r2 + 0)
	r0 += r1
	exit
.Lfunc_end1:
	.size	f, .Lfunc_end1-f
                                        # -- End function
	.section	xdp,"ax",@progbits
	.globl	prog                            # -- Begin function prog
	.p2align	3
	.type	prog,@function
prog:                                   # @prog
# %bb.0:
	r7 = r1
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = m ll
	call 1
	r6 = r0
	if r6 == 0 goto LBB2_2
# %bb.1:
	r1 = 1
	lock *(u64 *)(r6 + 0) += r1
LBB2_2:
	r1 = cfg ll
	w2 = *(u32 *)(r1 + 0)
	r3 = g ll
	r1 = *(u64 *)(r3 + 0)
	r1 += r2
	*(u64 *)(r3 + 0) = r1
	w2 = *(u32 *)(r10 - 4)
	call f
	r2 = r0
	r4 = h ll
	*(u64 *)(r4 + 0) = r2
	w0 = 1
	w1 = *(u32 *)(r7 + 4)
	w3 = *(u32 *)(r7 + 0)
	r5 = r3
	r5 += 64
	if r5 > r1 goto LBB2_12
# %bb.3:
	r5 = *(s8 *)(r3 + 0)
	r1 = *(s16 *)(r3 + 6)
	r1 *= r5
	r1 += r2
	*(u64 *)(r4 + 0) = r1
	if r6 == 0 goto LBB2_5
# %bb.4:
	r0 = 1
	r0 = cmpxchg_64(r6 + 0, r0, r1)
	r1 = r0
	r2 = 7
	r2 = xchg_64(r6 + 0, r2)
	w4 = 3
	w4 = atomic_fetch_xor((u32 *)(r6 + 0), w4)
	r1 += r2
	r1 += r4
	r2 = h ll
	r4 = *(u64 *)(r2 + 0)
	r1 += r4
	*(u64 *)(r2 + 0) = r1
LBB2_5:
	w0 = 5
	w2 = *(u8 *)(r3 + 5)
	if w2 == 9 goto LBB2_12
# %bb.6:
	if w2 == 7 goto LBB2_9
# %bb.7:
	if w2 != 1 goto LBB2_11
# %bb.8:
	r1 += 1
	goto LBB2_10
LBB2_9:
	r1 *= 3
LBB2_10:
	r2 = h ll
	*(u64 *)(r2 + 0) = r1
LBB2_11:
	call gl
	w0 += 2
LBB2_12:
                                        # kill: def $w0 killed $w0 killed $r0
	exit
.Lfunc_end2:
	.size	prog, .Lfunc_end2-prog
                                        # -- End function
	.type	cfg,@object                     # @cfg
	.section	.rodata,"a",@progbits
	.globl	cfg
	.p2align	2, 0x0
cfg:
	.long	3                               # 0x3
	.size	cfg, 4

	.type	m,@object                       # @m
	.section	.maps,"aw",@progbits
	.globl	m
	.p2align	3, 0x0
m:
	.zero	24
	.size	m, 24

	.type	g,@object                       # @g
	.data
	.p2align	3, 0x0
g:
	.quad	5                               # 0x5
	.size	g, 8

	.type	h,@object                       # @h
	.section	.bss,"aw",@nobits
	.globl	h
	.p2align	3, 0x0
h:
	.quad	0                               # 0x0
	.size	h, 8

	.type	_license,@object                # @_license
	.section	license,"aw",@progbits
	.globl	_license
_license:
	.asciz	"GPL"
	.size	_license, 4

	.type	tab,@object                     # @tab
	.section	.rodata.cst32,"aM",@progbits,32
	.p2align	3, 0x0
tab:
	.quad	1                               # 0x1
	.quad	2                               # 0x2
	.quad	3                               # 0x3
	.quad	4                               # 0x4
	.size	tab, 32

#= .text bf16000000000000b7000000000000001506090000000000b707000000000000b708000000000000bf71000000000000bf6200000000000085100000050000000f800000000000000707000001000000bf08000000000000ad67f9ff000000009500000000000000bf200000000000002f1200000000000037000100030000000f20000000000000bf12000000000000d7020000200000000f20000000000000bf1200000000000077020000030000009402010007000000bf222000000000000f2000000000000057010000030000006701000003000000180200000000000000000000000000000f1200000000000079210000000000000f100000000000009500000000000000
#= xdp bf17000000000000620afcff00000000bfa200000000000007020000fcffffff180100000000000000000000000000008500000001000000bf060000000000001506020000000000b701000001000000db160000000000001801000000000000000000000000000061120000000000001803000000000000000000000000000079310000000000000f210000000000007b1300000000000061a2fcff00000000851000000c000000bf02000000000000180400000000000000000000000000007b24000000000000b40000000100000061710400000000006173000000000000bf3500000000000007050000400000002d15210000000000913500000000000089310600000000002f510000000000000f210000000000007b1400000000000015060e0000000000b700000001000000db160000f1000000bf01000000000000b702000007000000db260000e1000000b404000003000000c3460000a10000000f210000000000000f410000000000001802000000000000000000000000000079240000000000000f410000000000007b12000000000000b400000005000000713205000000000016020a000900000016020300070000005602060001000000070100000100000005000100000000002701000003000000180200000000000000000000000000007b1200000000000085100000ffffffff04000000020000009500000000000000
#= .rodata 03000000
#= .maps 000000000000000000000000000000000000000000000000
#= .data 0500000000000000
#= .bss 0000000000000000
#= license 47504c00
#= .rodata.cst32 0100000000000000020000000000000003000000000000000400000000000000
