// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// An egress marker: sorts packets into classes by protocol and port, and gives each class its DSCP (in the packet, with
// the checksum mended), its skb->mark (for routing and netfilter) and its skb->priority (for the queueing discipline).
//
//   tc qdisc add dev eth0 clsact && tc filter add dev eth0 egress bpf da obj marker.bpf.o sec tc
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define CLASSES 8

struct port {
	__be16 port; // of either end
	__u8 protocol;
	__u8 unused;
};

struct class {
	__u32 mark;
	__u32 priority;
	__u8 dscp; // 0 to 63
	__u8 unused[3];
};

struct counter {
	__u64 packets;
	__u64 bytes;
	__u64 changed; // the packet came with another DSCP
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct port);
	__type(value, __u32);
} ports SEC(".maps");

// Class 0 is everybody else's.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, __u32);
	__type(value, struct class);
} classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

__u64 not_ip, errors;

// What the packet is: where its IP header begins, what its DSCP is, and its class.
struct packet {
	__u32 ip;
	__u32 version;
	__u8 dscp;
	__u8 protocol;
	__u32 l4; // 0: no ports
};

static __always_inline int parse(struct __sk_buff *skb, struct packet *p)
{
	struct vlan {
		__be16 tci;
		__be16 type;
	} tag;
	__be16 type;

	p->ip = ETH_HLEN;
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type)))
		return -1;
	if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
		if (bpf_skb_load_bytes(skb, p->ip, &tag, sizeof(tag)))
			return -1;
		type = tag.type;
		p->ip += sizeof(tag);
	}
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, p->ip, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
			return -1;
		p->version = 4;
		p->dscp = ip.tos >> 2;
		p->protocol = ip.protocol;
		p->l4 = ip.frag_off & bpf_htons(0x1fff) ? 0 : p->ip + ip.ihl * 4;
		return 0;
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, p->ip, &ip, sizeof(ip)) || ip.version != 6)
			return -1;
		p->version = 6;
		p->dscp = ip.priority << 2 | ip.flow_lbl[0] >> 6;
		p->protocol = ip.nexthdr;
		p->l4 = p->ip + sizeof(ip);
		return 0;
	}
	return -1;
}

// The class of the packet's service: the lower of the two ports is looked at first, as servers have low ones.
static __always_inline __u32 classify(struct __sk_buff *skb, const struct packet *p)
{
	struct port port = {.protocol = p->protocol};
	__be16 both[2];
	__u32 *class;
	int first;

	if (!p->l4 || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP) ||
	    bpf_skb_load_bytes(skb, p->l4, both, sizeof(both)))
		return 0;
	first = bpf_ntohs(both[1]) < bpf_ntohs(both[0]);
	port.port = first ? both[1] : both[0];
	class = bpf_map_lookup_elem(&ports, &port);
	if (!class) {
		port.port = first ? both[0] : both[1];
		class = bpf_map_lookup_elem(&ports, &port);
	}
	return class ? *class : 0;
}

// The first two bytes of either version hold the version and the field; only IPv4's are under a checksum.
static __always_inline int set_dscp(struct __sk_buff *skb, const struct packet *p, __u8 dscp)
{
	__be16 before, after;
	__u16 word;
	int error = 0;

	if (bpf_skb_load_bytes(skb, p->ip, &before, sizeof(before)))
		return -1;
	word = bpf_ntohs(before);
	if (p->version == 4)
		word = (word & ~0xfc) | dscp << 2;
	else
		word = (word & ~0x0fc0) | dscp << 6;
	after = bpf_htons(word);
	if (p->version == 4)
		error = bpf_l3_csum_replace(skb, p->ip + offsetof(struct iphdr, check), before, after, 2);
	return error ?: bpf_skb_store_bytes(skb, p->ip, &after, sizeof(after), 0);
}

SEC("tc")
int marker(struct __sk_buff *skb)
{
	struct packet p = {};
	struct counter *counter;
	struct class *class;
	__u32 number;

	if (parse(skb, &p)) {
		not_ip++;
		return TC_ACT_OK;
	}
	number = classify(skb, &p);
	class = bpf_map_lookup_elem(&classes, &number);
	counter = bpf_map_lookup_elem(&counters, &number);
	if (!class || !counter)
		return TC_ACT_OK;
	counter->packets++;
	counter->bytes += skb->len;
	skb->mark = class->mark;
	skb->priority = class->priority;
	if (p.dscp != class->dscp) {
		if (set_dscp(skb, &p, class->dscp))
			errors++;
		else
			counter->changed++;
	}
	return TC_ACT_OK;
}
