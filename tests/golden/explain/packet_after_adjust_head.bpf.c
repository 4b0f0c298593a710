// category: stale-packet-pointer
// mistake: bpf_xdp_adjust_head() moves the beginning of the packet, the pointer from before is not valid any more
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int push(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (bpf_xdp_adjust_head(ctx, -4))
		return XDP_DROP;
	eth->h_proto = __builtin_bswap16(ETH_P_8021Q);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
