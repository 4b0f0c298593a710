// category: packet-out-of-bounds
// mistake: metadata before the packet is read without comparing with ctx->data
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int by_mark(struct xdp_md *ctx)
{
	__u32 *mark = (void *)(long)ctx->data_meta;

	return *mark == 7 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
