// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Headers rewritten in place and moved: VLAN tags stripped or pushed with bpf_xdp_adjust_head, addresses swapped, the
// time to live lowered, checksums mended incrementally and with bpf_csum_diff.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 stripped, pushed, expired, helper_errors;

static __always_inline __u16 fold(__u64 sum)
{
	for (int i = 0; i < 4; i++)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

SEC("xdp")
int rewrite(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, copy;
	struct iphdr *ip;
	struct udphdr *udp;
	__u32 old_word, new_word, address;
	__u8 mac[ETH_ALEN];
	__s64 sum;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) { // strip the tag
		if (data + 18 > end)
			return XDP_DROP;
		copy = *eth;
		copy.h_proto = *(__be16 *)(data + 16);
		if (bpf_xdp_adjust_head(ctx, 4)) {
			helper_errors++;
			return XDP_ABORTED;
		}
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		if (data + sizeof(copy) > end)
			return XDP_ABORTED;
		__builtin_memcpy(data, &copy, sizeof(copy));
		stripped++;
		return XDP_PASS;
	}
	if (eth->h_proto == bpf_htons(ETH_P_ARP)) { // push one
		copy = *eth;
		if (bpf_xdp_adjust_head(ctx, -4)) {
			helper_errors++;
			return XDP_ABORTED;
		}
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
		if (data + 18 > end)
			return XDP_ABORTED;
		__builtin_memcpy(data, &copy, 12);
		*(__be16 *)(data + 12) = bpf_htons(ETH_P_8021Q);
		*(__be16 *)(data + 14) = bpf_htons(42);
		*(__be16 *)(data + 16) = copy.h_proto;
		pushed++;
		return XDP_TX;
	}
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > end || ip->ihl != 5)
		return XDP_PASS;
	if (ip->ttl <= 1) {
		expired++;
		return XDP_DROP;
	}
	// back to where it came from, one hop older
	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->ttl--;
	ip->check = 0;
	sum = bpf_csum_diff(0, 0, (__be32 *)ip, sizeof(*ip), 0);
	if (sum < 0)
		return XDP_ABORTED;
	ip->check = fold(sum);
	if (ip->protocol == IPPROTO_UDP) {
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > end)
			return XDP_DROP;
		old_word = *(__u32 *)udp;
		new_word = udp->dest | (__u32)udp->source << 16;
		*(__u32 *)udp = new_word;
		if (udp->check) {
			sum = bpf_csum_diff(&old_word, 4, &new_word, 4, ~(__u32)udp->check & 0xffff);
			udp->check = fold(sum);
		}
	}
	return XDP_TX;
}
