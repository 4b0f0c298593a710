// category: wrong-map-type
// mistake: tail calls go through a program array
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int call(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
