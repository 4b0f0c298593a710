// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A stateless firewall: drops what is malformed, what comes from or goes to a blocked network, and what asks for a
// closed port; counts every verdict by reason and reports every drop through a ring buffer.
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

enum reason {
	PASS_IPV4,
	PASS_IPV6,
	PASS_OTHER,
	DROP_MALFORMED,
	DROP_BLOCKED_NETWORK,
	DROP_CLOSED_PORT,
	DROP_BAD_FLAGS,
	REASONS,
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct network {
	__u32 prefixlen;
	__u8 address[4];
};

struct event {
	__u64 packet;
	enum reason reason;
	__u32 length;
	__u8 source[4];
	__u8 destination[4];
	__u16 port;
	__u8 protocol;
};

// Ports that nobody may reach: telnet, SMB, remote desktop. Edit before loading.
const volatile __u16 closed_ports[4] = {23, 445, 3389};

__u64 packets_seen;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, __u32);
} blocklist SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, enum reason);
	__type(value, struct counter);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u8[4]);
	__type(value, struct counter);
} blocked_hosts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} drops SEC(".maps");

// Keeps the type in BTF, so that `skep run --event drops=event` can decode the records.
const struct event *const unused_event __attribute__((unused));

struct packet {
	void *at;
	void *end;
	__u32 length;
	__u32 protocol; // ethertype, then IP protocol
	__u8 source[4];
	__u8 destination[4];
	__u16 port;
};

static __always_inline void add(struct counter *counter, __u32 bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

static __always_inline int blocked(const __u8 address[4], __u32 bytes)
{
	struct network host = {.prefixlen = 32};
	struct counter first = {}, *seen;

	__builtin_memcpy(host.address, address, 4);
	if (!bpf_map_lookup_elem(&blocklist, &host))
		return 0;
	if (!bpf_map_lookup_elem(&blocked_hosts, host.address))
		bpf_map_update_elem(&blocked_hosts, host.address, &first, BPF_NOEXIST);
	seen = bpf_map_lookup_elem(&blocked_hosts, host.address);
	if (seen)
		add(seen, bytes);
	return 1;
}

// Ethernet and up to two VLAN tags; leaves the ethertype in p->protocol.
static __always_inline int parse_link(struct packet *p)
{
	struct ethhdr *eth = p->at;
	struct vlan {
		__be16 tci;
		__be16 type;
	} *tag;

	if ((void *)(eth + 1) > p->end)
		return -1;
	p->protocol = bpf_ntohs(eth->h_proto);
	p->at = eth + 1;
	for (int depth = 0; depth < 2; depth++) {
		if (p->protocol != ETH_P_8021Q && p->protocol != ETH_P_8021AD)
			break;
		tag = p->at;
		if ((void *)(tag + 1) > p->end)
			return -1;
		p->protocol = bpf_ntohs(tag->type);
		p->at = tag + 1;
	}
	return 0;
}

static __always_inline enum reason check_transport(struct packet *p)
{
	if (p->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = p->at;

		if ((void *)(tcp + 1) > p->end || tcp->doff < 5)
			return DROP_MALFORMED;
		p->port = bpf_ntohs(tcp->dest);
		if ((tcp->syn && (tcp->fin || tcp->rst)) || !(tcp->syn || tcp->ack || tcp->rst || tcp->fin))
			return DROP_BAD_FLAGS;
	} else if (p->protocol == IPPROTO_UDP) {
		struct udphdr *udp = p->at;

		if ((void *)(udp + 1) > p->end || bpf_ntohs(udp->len) < sizeof(*udp))
			return DROP_MALFORMED;
		p->port = bpf_ntohs(udp->dest);
	} else {
		return PASS_OTHER;
	}
	for (int i = 0; i < 4; i++)
		if (p->port && p->port == closed_ports[i])
			return DROP_CLOSED_PORT;
	return PASS_OTHER;
}

static __always_inline enum reason check_ipv4(struct packet *p)
{
	struct iphdr *ip = p->at;
	enum reason reason;
	__u32 header;

	if ((void *)(ip + 1) > p->end)
		return DROP_MALFORMED;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip) || bpf_ntohs(ip->tot_len) < header) {
		bpf_printk("ipv4 header says version %u, %u bytes", ip->version, header);
		return DROP_MALFORMED;
	}
	__builtin_memcpy(p->source, &ip->saddr, 4);
	__builtin_memcpy(p->destination, &ip->daddr, 4);
	if (blocked(p->source, p->length) || blocked(p->destination, p->length))
		return DROP_BLOCKED_NETWORK;
	if (ip->frag_off & bpf_htons(0x1fff))
		return PASS_IPV4; // only the first fragment has ports
	p->protocol = ip->protocol;
	p->at += header;
	reason = check_transport(p);
	return reason == PASS_OTHER ? PASS_IPV4 : reason;
}

static __always_inline enum reason check_ipv6(struct packet *p)
{
	struct ipv6hdr *ip = p->at;
	enum reason reason;

	if ((void *)(ip + 1) > p->end || ip->version != 6)
		return DROP_MALFORMED;
	p->protocol = ip->nexthdr;
	p->at = ip + 1;
	reason = check_transport(p);
	return reason == PASS_OTHER ? PASS_IPV6 : reason;
}

static __always_inline enum reason check(struct packet *p)
{
	if (parse_link(p))
		return DROP_MALFORMED;
	if (p->protocol == ETH_P_IP)
		return check_ipv4(p);
	if (p->protocol == ETH_P_IPV6)
		return check_ipv6(p);
	return PASS_OTHER;
}

static __always_inline void report(const struct packet *p, enum reason reason)
{
	struct event *event = bpf_ringbuf_reserve(&drops, sizeof(*event), 0);

	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->packet = packets_seen;
	event->reason = reason;
	event->length = p->length;
	__builtin_memcpy(event->source, p->source, 4);
	__builtin_memcpy(event->destination, p->destination, 4);
	event->port = p->port;
	event->protocol = (__u8)p->protocol;
	bpf_ringbuf_submit(event, 0);
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	struct packet p = {
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.length = ctx->data_end - ctx->data,
	};
	struct counter *counter;
	enum reason reason;

	packets_seen++;
	reason = check(&p);
	counter = bpf_map_lookup_elem(&verdicts, &reason);
	if (counter)
		add(counter, p.length);
	if (reason < DROP_MALFORMED)
		return XDP_PASS;
	report(&p, reason);
	return XDP_DROP;
}
