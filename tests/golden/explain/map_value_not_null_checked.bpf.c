// category: missing-null-check
// mistake: the result of a map lookup is used without asking whether the key was found
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
	__u64 *n = bpf_map_lookup_elem(&packets, &key);

	*n += 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
