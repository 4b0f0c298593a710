// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A tc program that edits packets through helpers: bpf_skb_load_bytes, store_bytes, l3/l4 checksum replacement, pull_data,
// change_tail, change_head.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define IP_AT ETH_HLEN

__u64 edited, errors, pulled, grown, shrunk;

SEC("tc")
int edit(struct __sk_buff *skb)
{
	__be32 old_address, new_address = bpf_htonl(0xc0000201);
	__be16 old_port, new_port = bpf_htons(8080);
	struct iphdr ip;
	__u32 l4;

	if (bpf_skb_load_bytes(skb, IP_AT, &ip, sizeof(ip))) {
		errors++;
		return TC_ACT_OK;
	}
	if (skb->protocol != bpf_htons(ETH_P_IP) || ip.ihl != 5)
		return TC_ACT_UNSPEC;
	if (skb->len % 4 == 1) {
		if (bpf_skb_pull_data(skb, skb->len))
			errors++;
		if ((void *)(long)skb->data + 54 <= (void *)(long)skb->data_end)
			pulled++;
	}
	old_address = ip.daddr;
	bpf_l3_csum_replace(skb, IP_AT + offsetof(struct iphdr, check), old_address, new_address, 4);
	l4 = IP_AT + sizeof(ip);
	if (ip.protocol == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, l4 + offsetof(struct tcphdr, dest), &old_port, 2))
			return TC_ACT_SHOT;
		errors += !!bpf_l4_csum_replace(skb, l4 + offsetof(struct tcphdr, check), old_address, new_address,
						BPF_F_PSEUDO_HDR | 4);
		errors += !!bpf_l4_csum_replace(skb, l4 + offsetof(struct tcphdr, check), old_port, new_port, 2);
		bpf_skb_store_bytes(skb, l4 + offsetof(struct tcphdr, dest), &new_port, 2, 0);
	} else if (ip.protocol == IPPROTO_UDP) {
		if (bpf_skb_load_bytes(skb, l4 + offsetof(struct udphdr, dest), &old_port, 2))
			return TC_ACT_SHOT;
		errors += !!bpf_l4_csum_replace(skb, l4 + offsetof(struct udphdr, check), old_address, new_address,
						BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4);
		errors += !!bpf_l4_csum_replace(skb, l4 + offsetof(struct udphdr, check), old_port, new_port,
						BPF_F_MARK_MANGLED_0 | 2);
		bpf_skb_store_bytes(skb, l4 + offsetof(struct udphdr, dest), &new_port, 2, BPF_F_RECOMPUTE_CSUM);
	}
	if (bpf_skb_store_bytes(skb, IP_AT + offsetof(struct iphdr, daddr), &new_address, 4, 0))
		errors++;
	edited++;
	if (skb->len % 8 == 3 && bpf_skb_change_tail(skb, skb->len + 20, 0) == 0)
		grown++;
	else if (skb->len % 8 == 5 && bpf_skb_change_tail(skb, skb->len - 2, 0) == 0)
		shrunk++;
	else if (skb->len % 8 == 6 && bpf_skb_change_head(skb, 16, 0) == 0)
		grown++;
	return TC_ACT_OK;
}
