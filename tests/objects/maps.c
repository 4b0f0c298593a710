// BTF-defined maps with every member that libbpf knows, map-in-map and prog_array initialisers, and a program
// that uses them (R_BPF_64_64 against the maps).
#include "macros.h"

struct flow {
  __u32 src, dst;
  __u16 sport : 12, flags : 4;
  __u8 proto;
  char name[5];
};

struct counters {
  __u64 packets, bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE);
  __uint(numa_node, 0);
  __uint(key_size, sizeof(struct flow));
  __type(key, struct flow);
  __uint(value_size, sizeof(struct counters));
  __type(value, struct counters);
  __uint(pinning, 1);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
  __uint(max_entries, 64);
  __type(value, __u32);
  __uint(map_extra, 3);
} bloom SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

struct inner {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 3);
  __uint(key_size, 4);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[0] = &inner_a, [2] = &inner_b}};

struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 8);
  __type(key, __u32);
  __array(values, struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u32);
  });
} outer_anonymous SEC(".maps");

int tail_one(struct xdp_md* ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __uint(key_size, 4);
  __array(values, int(void*));
} jumps SEC(".maps") = {.values = {[1] = (void*)&tail_one}};

SEC("xdp")
int tail_one(struct xdp_md* ctx) { return XDP_DROP; }

SEC("xdp/count")
int count(struct xdp_md* ctx) {
  struct flow key = {.src = ctx->ingress_ifindex, .proto = 6};
  struct counters one = {1, 64};
  __u32 zero = 0;
  struct counters* value = map_lookup_elem(&flows, &key);
  if (value) {
    value->packets++;
    value->bytes += 64;
  } else {
    map_update_elem(&flows, &key, &one, 0);
  }
  void* map = map_lookup_elem(&outer, &zero);
  if (map) map_lookup_elem(map, &zero);
  map_lookup_elem(&outer_anonymous, &zero);
  tail_call(ctx, &jumps, 1);
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
