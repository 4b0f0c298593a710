// category: unbounded-offset
// mistake: an index from the packet's metadata goes into an array unchecked
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counters {
	__u64 by_queue[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} queues SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counters *c = bpf_map_lookup_elem(&queues, &key);

	if (!c)
		return XDP_PASS;
	c->by_queue[ctx->rx_queue_index]++;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
