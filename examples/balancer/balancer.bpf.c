// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A layer-4 load balancer. A packet to a virtual address is sent on to one of the service's backends: destination
// address, port and MAC are rewritten; the backend's answers get the virtual address back on their way to the client.
//
// New flows choose by rendezvous hashing: every backend of the service draws a number from the flow and its own address,
// the highest wins. Taking one backend out moves only its own flows, and two balancers agree without talking. The flow
// table then keeps every flow where it is when backends come.
//
// Checksums are mended, not computed anew: RFC 1624, equation 3.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define MAX_BACKENDS 16 // of one service
#define FRAGMENT 0x3fff	// more fragments, or an offset

// Addresses and ports are in network order everywhere.
struct service {
	__u8 address[4];
	__be16 port;
	__u8 protocol;
	__u8 unused;
};

// The service's rows of `backends`.
struct pool {
	__u32 first;
	__u32 count;
};

struct backend {
	__u8 address[4];
	__be16 port; // 0: that of the service
	__u8 mac[ETH_ALEN];
};

struct flow {
	__u8 source[4];
	__u8 destination[4];
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 unused[3];
};

// What happens to a flow's packets. One that goes to a backend gets address and port as its destination, one that comes
// from a backend as its source; both get the MAC as their destination.
struct route {
	__u8 address[4];
	__be16 port;
	__u8 mac[ETH_ALEN];
	__u16 backend;
	__u16 answers; // 1: from the backend to the client
};

struct counter {
	__u64 packets_in;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 bytes_out;
	__u64 flows;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct service);
	__type(value, struct pool);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow);
	__type(value, struct route);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

// Packets that are none of the balancer's business, or that it leaves to the host.
__u64 not_ipv4, not_balanced, fragments, expired;

struct packet {
	struct ethhdr *eth;
	struct iphdr *ip;
	__be16 *ports; // source, destination
	__u16 *check;  // of TCP or UDP; null: the sender of the UDP packet made none
	__u32 length;
	struct flow flow;
};

// Sums of 16-bit words in the order in which they lie in the packet.
static __always_inline __u32 words(const __u8 address[4])
{
	return *(const __u16 *)address + *(const __u16 *)(address + 2);
}

static __always_inline __u32 minus(const __u8 address[4])
{
	return (__u16) ~*(const __u16 *)address + (__u16) ~*(const __u16 *)(address + 2);
}

static __always_inline void mend(__u16 *check, __u32 change)
{
	__u32 sum = (__u16)~*check + change;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*check = ~sum;
}

// The finisher of MurmurHash3 (public domain): every bit of the input reaches every bit of the output.
static __always_inline __u32 mix(__u32 x)
{
	x ^= x >> 16;
	x *= 0x85ebca6b;
	x ^= x >> 13;
	x *= 0xc2b2ae35;
	return x ^ x >> 16;
}

// 0 and the packet's parts, or -1: nothing to balance.
static __always_inline int parse(struct xdp_md *ctx, struct packet *p)
{
	void *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct vlan {
		__be16 tci;
		__be16 type;
	} *tag;
	__be16 type;

	p->length = end - at;
	p->eth = at;
	if ((void *)(p->eth + 1) > end)
		return -1;
	type = p->eth->h_proto;
	at = p->eth + 1;
	if (type == bpf_htons(ETH_P_8021Q)) {
		tag = at;
		if ((void *)(tag + 1) > end)
			return -1;
		type = tag->type;
		at = tag + 1;
	}
	p->ip = at;
	if (type != bpf_htons(ETH_P_IP) || (void *)(p->ip + 1) > end || p->ip->version != 4 || p->ip->ihl < 5) {
		not_ipv4++;
		return -1;
	}
	if (p->ip->frag_off & bpf_htons(FRAGMENT)) { // only the first one has ports
		fragments++;
		return -1;
	}
	at += p->ip->ihl * 4;
	p->ports = at;
	if (p->ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = at;

		if ((void *)(tcp + 1) > end)
			return -1;
		p->check = &tcp->check;
	} else if (p->ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = at;

		if ((void *)(udp + 1) > end)
			return -1;
		p->check = udp->check ? &udp->check : 0;
	} else {
		not_balanced++;
		return -1;
	}
	__builtin_memcpy(p->flow.source, &p->ip->saddr, 4);
	__builtin_memcpy(p->flow.destination, &p->ip->daddr, 4);
	p->flow.source_port = p->ports[0];
	p->flow.destination_port = p->ports[1];
	p->flow.protocol = p->ip->protocol;
	return 0;
}

// The winner's row in `backends`, or -1: the service has none.
static __always_inline int choose(const struct flow *flow, const struct pool *pool)
{
	__u32 seed, best = 0;
	int winner = -1;

	seed = mix(*(__u32 *)flow->source ^ flow->protocol);
	seed = mix(seed ^ (flow->source_port << 16 | flow->destination_port));
	for (__u32 i = 0; i < MAX_BACKENDS && i < pool->count; i++) {
		__u32 row = pool->first + i, draw;
		struct backend *backend = bpf_map_lookup_elem(&backends, &row);

		if (!backend)
			break;
		draw = mix(seed ^ mix(*(__u32 *)backend->address));
		if (winner < 0 || draw > best) {
			best = draw;
			winner = row;
		}
	}
	return winner;
}

// Chooses a backend for a flow that the table does not know and notes both directions. 0 or -1.
static __always_inline int begin(const struct packet *p, struct route *route)
{
	struct service service = {.port = p->flow.destination_port, .protocol = p->flow.protocol};
	struct flow back = {.protocol = p->flow.protocol};
	struct route answers = {.answers = 1};
	struct backend *backend;
	struct counter *counter;
	struct pool *pool;
	__u32 row;

	__builtin_memcpy(service.address, p->flow.destination, 4);
	pool = bpf_map_lookup_elem(&services, &service);
	if (!pool)
		return -1;
	row = choose(&p->flow, pool);
	backend = bpf_map_lookup_elem(&backends, &row);
	if (!backend)
		return -1;
	__builtin_memcpy(route->address, backend->address, 4);
	__builtin_memcpy(route->mac, backend->mac, ETH_ALEN);
	route->port = backend->port ? backend->port : service.port;
	route->backend = row;
	bpf_map_update_elem(&flows, &p->flow, route, BPF_ANY);

	__builtin_memcpy(back.source, route->address, 4);
	__builtin_memcpy(back.destination, p->flow.source, 4);
	back.source_port = route->port;
	back.destination_port = p->flow.source_port;
	__builtin_memcpy(answers.address, service.address, 4);
	__builtin_memcpy(answers.mac, p->eth->h_source, ETH_ALEN);
	answers.port = service.port;
	answers.backend = row;
	bpf_map_update_elem(&flows, &back, &answers, BPF_ANY);

	counter = bpf_map_lookup_elem(&counters, &row);
	if (counter)
		counter->flows++;
	return 0;
}

static __always_inline void count(const struct packet *p, const struct route *route)
{
	__u32 row = route->backend;
	struct counter *counter = bpf_map_lookup_elem(&counters, &row);

	if (!counter)
		return;
	if (route->answers) {
		counter->packets_out++;
		counter->bytes_out += p->length;
	} else {
		counter->packets_in++;
		counter->bytes_in += p->length;
	}
}

static __always_inline void rewrite(struct packet *p, const struct route *route)
{
	const __u8 *before = route->answers ? p->flow.source : p->flow.destination;
	__be16 *port = route->answers ? &p->ports[0] : &p->ports[1];
	__u32 change = minus(before) + words(route->address);
	__u16 *hop = (__u16 *)&p->ip->ttl; // with the protocol
	__u16 old_hop = *hop;

	p->ip->ttl--;
	mend(&p->ip->check, change + (__u16)~old_hop + *hop);
	if (p->check) {
		mend(p->check, change + (__u16)~*port + route->port);
		if (p->flow.protocol == IPPROTO_UDP && !*p->check)
			*p->check = 0xffff; // zero would say that there is none
	}
	*port = route->port;
	if (route->answers)
		__builtin_memcpy(&p->ip->saddr, route->address, 4);
	else
		__builtin_memcpy(&p->ip->daddr, route->address, 4);
	__builtin_memcpy(p->eth->h_source, p->eth->h_dest, ETH_ALEN);
	__builtin_memcpy(p->eth->h_dest, route->mac, ETH_ALEN);
}

SEC("xdp")
int balancer(struct xdp_md *ctx)
{
	struct packet p = {};
	struct route route = {}, *known;

	if (parse(ctx, &p))
		return XDP_PASS;
	known = bpf_map_lookup_elem(&flows, &p.flow);
	if (known) {
		route = *known;
	} else if (begin(&p, &route)) {
		not_balanced++;
		return XDP_PASS;
	}
	if (p.ip->ttl <= 1) { // the host answers that the time was exceeded
		expired++;
		return XDP_PASS;
	}
	count(&p, &route);
	rewrite(&p, &route);
	return XDP_TX;
}
