// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A flow dissector: fills struct bpf_flow_keys for IPv4 and IPv6 with ports, from the packet itself.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 seen, loads_failed;

static __always_inline int ports(struct __sk_buff *skb, struct bpf_flow_keys *keys, __u32 at)
{
	__be16 *pair = (void *)(long)skb->data + at;

	if (keys->ip_proto != IPPROTO_TCP && keys->ip_proto != IPPROTO_UDP)
		return BPF_OK;
	if ((void *)(pair + 2) > (void *)(long)skb->data_end)
		return BPF_DROP;
	keys->sport = pair[0];
	keys->dport = pair[1];
	return BPF_OK;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_flow_keys *keys = skb->flow_keys;
	__u32 at = keys->nhoff & 0xff;
	struct ipv6hdr *ip6 = data + at;
	struct iphdr *ip = data + at;
	__u8 byte = 1;

	seen++;
	// A test run has no struct sk_buff behind the context: loads through the helper fail and clear their target.
	if (bpf_skb_load_bytes(skb, 0, &byte, 1) || byte)
		loads_failed++;
	if (keys->n_proto == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > end || ip->ihl < 5)
			return BPF_DROP;
		keys->addr_proto = ETH_P_IP;
		keys->ipv4_src = ip->saddr;
		keys->ipv4_dst = ip->daddr;
		keys->ip_proto = ip->protocol;
		keys->thoff = keys->nhoff + ip->ihl * 4;
		keys->is_frag = !!(ip->frag_off & bpf_htons(0x3fff));
		return keys->is_frag ? BPF_OK : ports(skb, keys, at + (ip->ihl & 15) * 4);
	}
	if (keys->n_proto == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > end)
			return BPF_DROP;
		keys->addr_proto = ETH_P_IPV6;
		__builtin_memcpy(&keys->ipv6_src, &ip6->saddr, 32);
		keys->ip_proto = ip6->nexthdr;
		keys->thoff = keys->nhoff + sizeof(*ip6);
		if (keys->flags & BPF_FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL)
			keys->flow_label = *(__be32 *)ip6 & bpf_htonl(0xfffff);
		return ports(skb, keys, at + sizeof(*ip6));
	}
	keys->thoff = 0xffff; // comes back as the packet's length
	keys->nhoff = 0;      // comes back as 14
	return BPF_DROP;
}
