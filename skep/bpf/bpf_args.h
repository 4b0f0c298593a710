/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Counting and walking macro arguments: what the variadic macros of the other headers are made of.
 *
 * ___bpf_map(M, c, a, b, ...) expands to M(c, 0, a) M(c, 1, b) ... for up to 12 arguments. Everything else here
 * is in reach of programs too, under the names that they know from libbpf.
 */
#ifndef __BPF_ARGS_H__
#define __BPF_ARGS_H__

#define ___bpf_concat(a, b) a##b
#define ___bpf_apply(fn, n) ___bpf_concat(fn, n)

/* The 14th argument; with a descending list behind __VA_ARGS__, that is how many there were. */
#define ___bpf_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, N, ...) N
#define ___bpf_narg(...) ___bpf_nth(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

#define ___bpf_map0(M, c)
#define ___bpf_map1(M, c, a0) M(c, 0, a0)
#define ___bpf_map2(M, c, a0, a1) ___bpf_map1(M, c, a0) M(c, 1, a1)
#define ___bpf_map3(M, c, a0, a1, a2) ___bpf_map2(M, c, a0, a1) M(c, 2, a2)
#define ___bpf_map4(M, c, a0, a1, a2, a3) ___bpf_map3(M, c, a0, a1, a2) M(c, 3, a3)
#define ___bpf_map5(M, c, a0, a1, a2, a3, a4) ___bpf_map4(M, c, a0, a1, a2, a3) M(c, 4, a4)
#define ___bpf_map6(M, c, a0, a1, a2, a3, a4, a5) ___bpf_map5(M, c, a0, a1, a2, a3, a4) M(c, 5, a5)
#define ___bpf_map7(M, c, a0, a1, a2, a3, a4, a5, a6) \
	___bpf_map6(M, c, a0, a1, a2, a3, a4, a5) M(c, 6, a6)
#define ___bpf_map8(M, c, a0, a1, a2, a3, a4, a5, a6, a7) \
	___bpf_map7(M, c, a0, a1, a2, a3, a4, a5, a6) M(c, 7, a7)
#define ___bpf_map9(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8) \
	___bpf_map8(M, c, a0, a1, a2, a3, a4, a5, a6, a7) M(c, 8, a8)
#define ___bpf_map10(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9) \
	___bpf_map9(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8) M(c, 9, a9)
#define ___bpf_map11(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) \
	___bpf_map10(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9) M(c, 10, a10)
#define ___bpf_map12(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11) \
	___bpf_map11(M, c, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) M(c, 11, a11)
#define ___bpf_map(M, c, ...) ___bpf_apply(___bpf_map, ___bpf_narg(__VA_ARGS__))(M, c, ##__VA_ARGS__)

/* arr[0] = a; arr[1] = b; ... as 64-bit values, pointers included. */
#define ___bpf_fill_one(arr, i, x) (arr)[i] = (unsigned long long)(x);
#define ___bpf_fill(arr, ...) ___bpf_map(___bpf_fill_one, arr, ##__VA_ARGS__)

#endif
