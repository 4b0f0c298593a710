// A map of a type that does not exist; unknown_map.o is this file compiled with
//   clang-19 -target bpf -mcpu=v3 -O2 -g -I ../objects -c unknown_map.c -o unknown_map.o
#include "macros.h"

struct {
  __uint(type, 777);
  __uint(max_entries, 1);
  __type(key, int);
  __type(value, int);
} odd SEC(".maps");

SEC("xdp")
int pass(struct xdp_md* ctx) {
  int key = 0;
  return map_lookup_elem(&odd, &key) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
