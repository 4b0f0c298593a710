// category: wrong-map-type
// mistake: the map became a ring buffer, the call is still the one for perf event arrays
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("xdp")
int sample(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &now, sizeof(now));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
