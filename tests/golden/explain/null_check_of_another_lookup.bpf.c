// category: missing-null-check
// mistake: two lookups of the same key, the first one's result is checked and the second one's is used
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;

	if (!bpf_map_lookup_elem(&packets, &key))
		return XDP_PASS;
	*(__u64 *)bpf_map_lookup_elem(&packets, &key) += 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
