// category: pointer-arithmetic
// mistake: the end of the packet is calculated with; only comparing it is allowed
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int last(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u8 *last = end - 4;

	if (last < data)
		return XDP_PASS;
	return *last ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
