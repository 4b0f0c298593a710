// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Lightweight tunnel programs: they see the packet from the network header on; lwt_xmit may rewrite it.
#include <linux/bpf.h>
#include <linux/ip.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 packets, bytes, rewritten;

SEC("lwt_in")
int inbound(struct __sk_buff *skb)
{
	packets++;
	bytes += skb->len;
	return skb->len % 3 ? BPF_OK : BPF_DROP;
}

SEC("lwt_xmit")
int xmit(struct __sk_buff *skb)
{
	struct iphdr *ip = (void *)(long)skb->data;
	__u8 marked = 0x2e << 2;

	packets++;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return BPF_DROP;
	if (ip->version == 4 && bpf_skb_store_bytes(skb, 1, &marked, 1, 0) == 0)
		rewritten++;
	if (skb->len % 4 == 0)
		bpf_skb_change_head(skb, 14, 0);
	return BPF_OK;
}
