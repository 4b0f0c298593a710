// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A flow monitor: packets, bytes and the TCP flags that were seen, for every flow in each direction, over IPv4 and IPv6.
// The table is per CPU, so that counting needs no atomic instructions; who reads it adds the CPUs up. No packet is
// dropped.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// IPv4 addresses stand in the last four bytes, after ten zeros and two 0xff (RFC 4291, section 2.5.5.2).
struct flow {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port; // in host order; 0: the protocol has none, or a later fragment
	__u16 destination_port;
	__u8 protocol;
	__u8 unused[3];
};

struct traffic {
	__u64 packets;
	__u64 bytes;
	__u32 largest;
	__u32 tcp_flags; // as they stand in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow);
	__type(value, struct traffic);
} flows SEC(".maps");

// By ethertype: what is not IP.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, __u16);
	__type(value, struct traffic);
} others SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic);
} total SEC(".maps");

// Flows that found the table full.
__u64 lost;

struct packet {
	void *at;
	void *end;
	__u32 length;
	__u32 tcp_flags;
	__u32 later_fragment; // no ports in it
	struct flow flow;
};

static __always_inline void add(struct traffic *to, const struct packet *p)
{
	to->packets++;
	to->bytes += p->length;
	if (p->length > to->largest)
		to->largest = p->length;
	to->tcp_flags |= p->tcp_flags;
}

// The ethertype behind up to two VLAN tags; 0: the frame ends before it.
static __always_inline __u16 parse_link(struct packet *p)
{
	struct ethhdr *eth = p->at;
	struct vlan {
		__be16 tci;
		__be16 type;
	} *tag;
	__u16 type;

	if ((void *)(eth + 1) > p->end)
		return 0;
	type = bpf_ntohs(eth->h_proto);
	p->at = eth + 1;
	for (int depth = 0; depth < 2 && (type == ETH_P_8021Q || type == ETH_P_8021AD); depth++) {
		tag = p->at;
		if ((void *)(tag + 1) > p->end)
			return 0;
		type = bpf_ntohs(tag->type);
		p->at = tag + 1;
	}
	return type;
}

static __always_inline void map_ipv4(__u8 to[16], const __be32 *from)
{
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, from, 4);
}

// Addresses and protocol; 0, or -1: no such header. Leaves p->at behind it.
static __always_inline int parse_ip(struct packet *p, __u16 type)
{
	if (type == ETH_P_IP) {
		struct iphdr *ip = p->at;

		if ((void *)(ip + 1) > p->end || ip->version != 4 || ip->ihl < 5)
			return -1;
		map_ipv4(p->flow.source, &ip->saddr);
		map_ipv4(p->flow.destination, &ip->daddr);
		p->flow.protocol = ip->protocol;
		p->later_fragment = ip->frag_off & bpf_htons(0x1fff);
		p->at += ip->ihl * 4;
		return 0;
	}
	if (type == ETH_P_IPV6) {
		struct ipv6hdr *ip = p->at;

		if ((void *)(ip + 1) > p->end || ip->version != 6)
			return -1;
		__builtin_memcpy(p->flow.source, &ip->saddr, 16);
		__builtin_memcpy(p->flow.destination, &ip->daddr, 16);
		p->flow.protocol = ip->nexthdr;
		p->at = ip + 1;
		return 0;
	}
	return -1;
}

static __always_inline void parse_ports(struct packet *p)
{
	if (p->later_fragment)
		return;
	if (p->flow.protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = p->at;

		if ((void *)(tcp + 1) > p->end)
			return;
		p->flow.source_port = bpf_ntohs(tcp->source);
		p->flow.destination_port = bpf_ntohs(tcp->dest);
		p->tcp_flags = ((__u8 *)tcp)[13] & 0x3f;
	} else if (p->flow.protocol == IPPROTO_UDP) {
		struct udphdr *udp = p->at;

		if ((void *)(udp + 1) > p->end)
			return;
		p->flow.source_port = bpf_ntohs(udp->source);
		p->flow.destination_port = bpf_ntohs(udp->dest);
	}
}

static __always_inline void count(void *map, const void *key, const struct packet *p)
{
	static const struct traffic nothing;
	struct traffic *seen = bpf_map_lookup_elem(map, key);

	if (!seen) {
		struct traffic first = nothing;

		if (bpf_map_update_elem(map, key, &first, BPF_NOEXIST))
			lost++;
		seen = bpf_map_lookup_elem(map, key);
	}
	if (seen)
		add(seen, p);
}

SEC("xdp")
int flowmon(struct xdp_md *ctx)
{
	struct packet p = {
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.length = ctx->data_end - ctx->data,
	};
	struct traffic *all;
	__u32 zero = 0;
	__u16 type;

	type = parse_link(&p);
	if (parse_ip(&p, type)) {
		count(&others, &type, &p);
	} else {
		parse_ports(&p);
		count(&flows, &p.flow, &p);
	}
	all = bpf_map_lookup_elem(&total, &zero);
	if (all)
		add(all, &p);
	return XDP_PASS;
}
