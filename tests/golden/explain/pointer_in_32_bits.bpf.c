// category: pointer-arithmetic
// mistake: ctx->data is 32 bits wide in C, but holds a pointer: calculating in 32 bits destroys it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int type(struct xdp_md *ctx)
{
	__u32 at = ctx->data + 12;
	__u8 *type = (void *)(long)at;

	if ((void *)(type + 2) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	return *type == 8 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
