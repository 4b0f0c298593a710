// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Programs that call one another through a prog_array with initial contents: one program per protocol, a chain that meets
// the limit of 33, and an index that is empty.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 entered, ipv4, ipv6, looped, fell_through;

int on_ipv4(struct xdp_md *ctx);
int on_ipv6(struct xdp_md *ctx);
int again(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} programs SEC(".maps") = {
	.values = {
		[1] = (void *)&on_ipv4,
		[2] = (void *)&on_ipv6,
		[5] = (void *)&again,
	},
};

SEC("xdp")
int on_ipv4(struct xdp_md *ctx)
{
	ipv4++;
	bpf_tail_call(ctx, &programs, 7); // nobody is there
	fell_through++;
	return XDP_PASS;
}

SEC("xdp")
int on_ipv6(struct xdp_md *ctx)
{
	ipv6++;
	return XDP_TX;
}

SEC("xdp")
int again(struct xdp_md *ctx)
{
	looped++;
	bpf_tail_call(ctx, &programs, 5); // until the limit
	fell_through++;
	return XDP_DROP;
}

SEC("xdp")
int classify(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	entered++;
	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		bpf_tail_call(ctx, &programs, 1);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		bpf_tail_call(ctx, &programs, 2);
	else
		bpf_tail_call(ctx, &programs, 5);
	return XDP_ABORTED;
}
