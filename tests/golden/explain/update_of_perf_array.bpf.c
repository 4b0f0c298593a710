// category: wrong-map-type
// mistake: an event is put into a perf event array like into a hash; it goes out with bpf_perf_event_output()
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

SEC("xdp")
int sample(struct xdp_md *ctx)
{
	__u32 key = 0, value = ctx->ingress_ifindex;

	bpf_map_update_elem(&events, &key, &value, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
