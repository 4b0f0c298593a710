// category: pointer-arithmetic
// mistake: two addresses are added to find the middle
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int middle(struct xdp_md *ctx)
{
	long data = ctx->data, end = ctx->data_end;
	__u8 *middle = (void *)((data + end) / 2);

	if ((long)middle < data || (long)(middle + 1) > end)
		return XDP_PASS;
	return *middle ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
