// category: read-only
// mistake: an atomic addition to the packet
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 *hops = data;

	if ((void *)(hops + 1) > end)
		return XDP_PASS;
	__sync_fetch_and_add(hops, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
