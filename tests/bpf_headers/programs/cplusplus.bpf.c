/* The headers in a C++ program: helpers, a map, byte order, printing. */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct Counts {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};
extern "C" {
struct Counts counts SEC(".maps");
char _license[] SEC("license") = "Dual MIT/GPL";

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = 0;
	auto *value = static_cast<__u64 *>(bpf_map_lookup_elem(&counts, &key));
	if (value != NULL)
		*value += bpf_htons(1);
	bpf_printk("%d %d", ctx->ingress_ifindex, key);
	return bpf_xdp_adjust_head(ctx, 0) ? XDP_DROP : XDP_PASS;
}
}
