// category: pointer-leak
// mistake: a program of a user without privileges writes an address into a map
// options: --unprivileged
// kernel: not loadable here, unprivileged_bpf_disabled
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last SEC(".maps");

SEC("socket")
int note(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&last, &key);

	if (value)
		*value = (__u64)skb;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
