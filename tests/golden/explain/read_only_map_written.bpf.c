// category: read-only
// mistake: the map was declared as read-only for programs
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} settings SEC(".maps");

SEC("xdp")
int learn(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 value = ctx->ingress_ifindex;

	bpf_map_update_elem(&settings, &key, &value, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
