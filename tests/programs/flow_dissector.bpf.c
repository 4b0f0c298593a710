// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A flow dissector: fills struct bpf_flow_keys for IPv4 and IPv6 with ports.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 seen;

static __always_inline int ports(struct __sk_buff *skb, struct bpf_flow_keys *keys)
{
	__be16 pair[2];

	if (keys->ip_proto != IPPROTO_TCP && keys->ip_proto != IPPROTO_UDP)
		return BPF_OK;
	if (bpf_skb_load_bytes(skb, keys->thoff, pair, sizeof(pair)))
		return BPF_DROP;
	keys->sport = pair[0];
	keys->dport = pair[1];
	return BPF_OK;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	struct ipv6hdr ip6;
	struct iphdr ip;

	seen++;
	if (keys->n_proto == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, keys->nhoff, &ip, sizeof(ip)) || ip.ihl < 5)
			return BPF_DROP;
		keys->addr_proto = ETH_P_IP;
		keys->ipv4_src = ip.saddr;
		keys->ipv4_dst = ip.daddr;
		keys->ip_proto = ip.protocol;
		keys->thoff = keys->nhoff + ip.ihl * 4;
		keys->is_frag = !!(ip.frag_off & bpf_htons(0x3fff));
		return keys->is_frag ? BPF_OK : ports(skb, keys);
	}
	if (keys->n_proto == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, keys->nhoff, &ip6, sizeof(ip6)))
			return BPF_DROP;
		keys->addr_proto = ETH_P_IPV6;
		__builtin_memcpy(&keys->ipv6_src, &ip6.saddr, 32);
		keys->ip_proto = ip6.nexthdr;
		keys->thoff = keys->nhoff + sizeof(ip6);
		return ports(skb, keys);
	}
	return BPF_DROP;
}
