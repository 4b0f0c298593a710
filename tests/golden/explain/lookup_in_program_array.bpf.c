// category: wrong-map-type
// mistake: programs cannot be looked up, only called
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int call(struct xdp_md *ctx)
{
	__u32 key = 1;

	if (bpf_map_lookup_elem(&next, &key))
		bpf_tail_call(ctx, &next, key);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
