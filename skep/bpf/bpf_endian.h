/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Network and host byte order in BPF programs.
 *
 * The target's order decides (bpfel or bpfeb). A constant argument gives a constant, good for case labels and
 * static initialisers, because compilers fold their own byte-swap builtins.
 */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__

/* Spelled out with shifts: for compilers or contexts that want nothing but arithmetic. */
#define ___bpf_swab16(x) ((__u16)((((__u16)(x) & 0x00ffU) << 8) | (((__u16)(x) & 0xff00U) >> 8)))
#define ___bpf_swab32(x) \
	((__u32)(((__u32)___bpf_swab16((__u32)(x)) << 16) | ___bpf_swab16((__u32)(x) >> 16)))
#define ___bpf_swab64(x) \
	((__u64)(((__u64)___bpf_swab32((__u64)(x)) << 32) | ___bpf_swab32((__u64)(x) >> 32)))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_big16(x) __builtin_bswap16(x)
#define ___bpf_big32(x) __builtin_bswap32(x)
#define ___bpf_big64(x) __builtin_bswap64(x)
#define ___bpf_constant_big16(x) ___bpf_swab16(x)
#define ___bpf_constant_big32(x) ___bpf_swab32(x)
#define ___bpf_constant_big64(x) ___bpf_swab64(x)
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ___bpf_big16(x) ((__u16)(x))
#define ___bpf_big32(x) ((__u32)(x))
#define ___bpf_big64(x) ((__u64)(x))
#define ___bpf_constant_big16(x) ((__u16)(x))
#define ___bpf_constant_big32(x) ((__u32)(x))
#define ___bpf_constant_big64(x) ((__u64)(x))
#else
#error "bpf_endian.h: the compiler does not say __BYTE_ORDER__"
#endif

/* Big to host and host to big are the same exchange. */
#define bpf_htons(x) ___bpf_big16(x)
#define bpf_ntohs(x) ___bpf_big16(x)
#define bpf_htonl(x) ___bpf_big32(x)
#define bpf_ntohl(x) ___bpf_big32(x)
#define bpf_cpu_to_be64(x) ___bpf_big64(x)
#define bpf_be64_to_cpu(x) ___bpf_big64(x)

/* The same, where the argument is known to be no constant ... */
#define __bpf_htons(x) ___bpf_big16(x)
#define __bpf_ntohs(x) ___bpf_big16(x)
#define __bpf_htonl(x) ___bpf_big32(x)
#define __bpf_ntohl(x) ___bpf_big32(x)
#define __bpf_cpu_to_be64(x) ___bpf_big64(x)
#define __bpf_be64_to_cpu(x) ___bpf_big64(x)

/* ... or must be one. */
#define __bpf_constant_htons(x) ___bpf_constant_big16(x)
#define __bpf_constant_ntohs(x) ___bpf_constant_big16(x)
#define __bpf_constant_htonl(x) ___bpf_constant_big32(x)
#define __bpf_constant_ntohl(x) ___bpf_constant_big32(x)
#define __bpf_constant_cpu_to_be64(x) ___bpf_constant_big64(x)
#define __bpf_constant_be64_to_cpu(x) ___bpf_constant_big64(x)

#endif
