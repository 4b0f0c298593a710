// Map definitions as objects had them before BTF: struct bpf_map_def of libbpf 0.x and the longer one of iproute2.
#include "macros.h"

struct bpf_map_def {
  unsigned type, key_size, value_size, max_entries, map_flags;
};
#ifdef IPROUTE2
struct bpf_elf_map {
  __u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
};
struct bpf_elf_map SEC("maps") acl = {
    .type = BPF_MAP_TYPE_HASH, .size_key = 4, .size_value = 8, .max_elem = 16, .pinning = 2};
struct bpf_elf_map SEC("maps") stats = {.type = BPF_MAP_TYPE_ARRAY, .size_key = 4, .size_value = 8, .max_elem = 2};
#else
struct bpf_map_def SEC("maps") acl = {BPF_MAP_TYPE_HASH, 4, 8, 16, BPF_F_NO_PREALLOC};
struct bpf_map_def SEC("maps") stats = {BPF_MAP_TYPE_ARRAY, 4, 8, 2, 0};
#endif

SEC("classifier")
int filter(struct __sk_buff* skb) {
  __u32 key = skb->remote_ip4;
  __u64* hits = map_lookup_elem(&acl, &key);
  if (hits) ++*hits;
  key = 0;
  hits = map_lookup_elem(&stats, &key);
  if (hits) ++*hits;
  return 0;
}

char _license[] SEC("license") = "GPL";
