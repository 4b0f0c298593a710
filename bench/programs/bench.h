/*
 * What the programs of bench/jit share. Each is compiled twice from one source: by clang to eBPF, where it is
 * an XDP program, and by gcc, where it is a function over the same struct xdp_md (the packet lies below 4
 * GiB, so that data and data_end are pointers there too).
 *
 * A program named P is P.c with PROGRAM(P). It takes its input from the packet, so no compiler can compute it
 * beforehand, starts from the same state on every run, and returns 32 bits that depend on all of its work.
 */
#ifndef SKEP_BENCH_H
#define SKEP_BENCH_H

#include <linux/bpf.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

/* The packet: Ethernet, IPv4 and UDP headers, then payload_bytes without meaning (bench/jit/input.cpp). */
enum { payload_at = 42, payload_bytes = 1472, packet_bytes = payload_at + payload_bytes };

#ifdef __bpf__

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define PROGRAM(name) \
  SEC("xdp")          \
  int name(struct xdp_md* ctx)

#define MAP(name, kind, key_type, value_type, entries) \
  struct {                                             \
    __uint(type, BPF_MAP_TYPE_##kind);                 \
    __uint(max_entries, entries);                      \
    __type(key, key_type);                             \
    __type(value, value_type);                         \
  } name SEC(".maps")

/*
 * Part of a loop's condition: may_goto (linux/bpf.h: BPF_JCOND), with which the verifier does not walk
 * through every round. Loops with unknown branches in them would be too much for it. Written as bytes,
 * because not every assembler knows it (.long: clang takes a .short for the offset of a jump).
 */
#define CAN_LOOP                                     \
  ({                                                 \
    __label__ over, on;                              \
    int more = 1;                                    \
    asm volatile goto(                               \
        "1: .byte 0xe5, 0; "                         \
        ".long ((%l[over] - 1b - 8) / 8) & 0xffff; " \
        ".short 0"                                   \
        :                                            \
        :                                            \
        :                                            \
        : over);                                     \
    goto on;                                         \
  over:                                              \
    more = 0;                                        \
  on:                                                \
    more;                                            \
  })

#else

#define CAN_LOOP 1

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htonl(x) __builtin_bswap32(x)

/* The runner finds functions and maps in these sections (bench/jit/native.cpp). */
struct native_program {
  const char* name;
  u32 (*run)(struct xdp_md* ctx);
};
struct native_map {
  const char *program, *name;
  void* descriptor; /* set by the runner */
};

#define PROGRAM(id)                                                                    \
  u32 native_##id(struct xdp_md* ctx);                                                 \
  static const struct native_program native_program_##id                               \
      __attribute__((section("skep_natives"), used, aligned(8))) = {#id, native_##id}; \
  u32 native_##id(struct xdp_md* ctx)

#define MAP(id, kind, key_type, value_type, entries) \
  static struct native_map id                        \
      __attribute__((section("skep_native_maps"), used, aligned(8))) = {BENCH_NAME, #id, 0}

/* skep's own helpers and maps. */
void* native_map_lookup(struct native_map* map, const void* key);
long native_map_update(struct native_map* map, const void* key, const void* value, u64 flags);
long native_map_delete(struct native_map* map, const void* key);
long native_for_each(struct native_map* map, long (*fn)(struct native_map*, const void*, void*, void*),
                     void* ctx);
u32 native_smp_processor_id(void);
s64 native_csum_diff(u32* from, u32 from_size, u32* to, u32 to_size, u32 seed);
#define bpf_map_lookup_elem(map, key) native_map_lookup(map, key)
#define bpf_map_update_elem(map, key, value, flags) native_map_update(map, key, value, flags)
#define bpf_map_delete_elem(map, key) native_map_delete(map, key)
#define bpf_for_each_map_elem(map, fn, ctx, flags) native_for_each(map, (void*)(fn), ctx)
#define bpf_get_smp_processor_id() native_smp_processor_id()
#define bpf_csum_diff(from, from_size, to, to_size, seed) native_csum_diff(from, from_size, to, to_size, seed)
#define bpf_loop(count, fn, ctx, flags) run_loop(count, fn, ctx)

static inline long run_loop(u32 count, void* fn, void* ctx) {
  u32 i;

  for (i = 0; i < count; i++)
    if (((long (*)(u64, void*))fn)(i, ctx)) return i + 1;
  return i;
}

#endif

/* The whole packet, or null: the verifier wants to see the check. */
static __always_inline const u8* packet_of(const struct xdp_md* ctx) {
  const u8* data = (const u8*)(unsigned long)ctx->data;

  if (data + packet_bytes > (const u8*)(unsigned long)ctx->data_end) return 0;
  return data;
}

static __always_inline u32 read32(const u8* at) { return *(const u32*)at; }

static __always_inline u64 read64(const u8* at) { return *(const u64*)at; }

static __always_inline u32 rol32(u32 x, u32 by) { return x << by | x >> (32 - by); }

static __always_inline u64 rol64(u64 x, u32 by) { return x << by | x >> (64 - by); }

static __always_inline u32 fold(u64 x) { return (u32)x ^ (u32)(x >> 32); }

/* Where loops with CAN_LOOP begin: a 0 that the verifier takes for any number, so that rounds look alike to
 * it. */
#define ANY_ZERO              \
  ({                          \
    static volatile u32 zero; \
    zero;                     \
  })

/* Hides what the compiler knows of a number, so that it keeps the mask that the verifier wants to see. */
#define HIDE(x) asm volatile("" : "+r"(x))

#define INPUT(ctx)                   \
  const u8* packet = packet_of(ctx); \
  if (!packet) return 0;             \
  const u8* in = packet + payload_at

#endif
