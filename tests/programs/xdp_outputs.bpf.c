// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// What helpers answer when there is nobody to talk to, dynptrs over map values, values of other CPUs, spin-locked values:
// bpf_perf_event_output without events, bpf_fib_lookup and socket lookups that find nothing, bpf_dynptr_from_mem, sums of
// bpf_csum_diff with all its signs.
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} events SEC(".maps");

struct buffer {
	__u8 bytes[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct buffer);
} buffers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} here SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

struct locked {
	struct bpf_spin_lock lock;
	__u32 count;
	__u64 total;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct locked);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __s64);
} answers SEC(".maps");

static __always_inline void answer(__u32 which, __s64 value)
{
	__s64 *sum = bpf_map_lookup_elem(&answers, &which);

	if (sum)
		*sum = *sum * 31 + value;
}

SEC("xdp")
int outputs(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data, key = 0;
	struct bpf_fib_lookup route = {};
	struct bpf_sock_tuple tuple = {};
	struct locked fresh = {.count = 1, .total = length}, *locked;
	struct bpf_dynptr dynptr;
	struct buffer *buffer;
	struct bpf_sock *sock;
	__u64 *count, one = 1;
	__u8 part[8] = {};
	void *slice;

	answer(0, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &length, sizeof(length)));
	answer(1, bpf_perf_event_output(ctx, &events, length % 4, &length, sizeof(length)));
	answer(2, bpf_perf_event_output(ctx, &events, (__u64)60 << 32, &length, sizeof(length)));
	answer(3, bpf_perf_event_output(ctx, &events, (__u64)1 << 52, &length, sizeof(length)));

	route.family = length % 3 ? 2 : 9; // AF_INET, or what is not routed
	route.ifindex = 0x7ffffff0;
	answer(4, bpf_fib_lookup(ctx, &route, sizeof(route), 0));
	answer(4, bpf_fib_lookup(ctx, &route, sizeof(route) - 1, 0));
	answer(4, bpf_fib_lookup(ctx, &route, sizeof(route), 1 << 10));
	tuple.ipv4.dport = 0x0100; // port 1
	sock = bpf_sk_lookup_tcp(ctx, &tuple, length % 2 ? sizeof(tuple.ipv4) : 11, BPF_F_CURRENT_NETNS, 0);
	answer(5, sock != 0);
	if (sock)
		bpf_sk_release(sock);
	sock = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 1);
	answer(5, sock != 0);
	if (sock)
		bpf_sk_release(sock);

	buffer = bpf_map_lookup_elem(&buffers, &key);
	if (buffer) {
		answer(6, bpf_dynptr_from_mem(buffer, sizeof(*buffer), length % 5 == 0, &dynptr));
		answer(7, bpf_dynptr_write(&dynptr, length % 70, &length, sizeof(length), 0));
		answer(7, bpf_dynptr_write(&dynptr, 8, &length, sizeof(length), length % 7 == 0));
		answer(8, bpf_dynptr_read(part, sizeof(part), &dynptr, length % 61, 0));
		answer(8, part[0] + part[7]);
		answer(8, bpf_dynptr_read(part, sizeof(part), &dynptr, 0, length % 11 == 0));
		slice = bpf_dynptr_data(&dynptr, 40, 16);
		if (slice)
			*(__u64 *)slice += length;
		slice = bpf_dynptr_data(&dynptr, 60, 16);
		answer(9, slice != 0);
	}

	key = length & 3;
	count = bpf_map_lookup_percpu_elem(&here, &key, 0);
	if (count)
		*count += length;
	answer(10, bpf_map_lookup_percpu_elem(&here, &key, 1u << 20) != 0);
	key = length % 80;
	answer(11, bpf_map_update_elem(&lengths, &key, &one, length % 3));
	count = bpf_map_lookup_percpu_elem(&lengths, &key, bpf_get_smp_processor_id());
	if (count)
		*count += 7;
	key = length % 24;
	locked = bpf_map_lookup_elem(&shared, &key);
	if (locked) {
		bpf_spin_lock(&locked->lock);
		locked->count++;
		locked->total += length;
		bpf_spin_unlock(&locked->lock);
	} else {
		answer(12, bpf_map_update_elem(&shared, &key, &fresh, BPF_NOEXIST));
	}
	tuple.ipv6.saddr[0] = length * 0x9e3779b1;
	tuple.ipv6.saddr[1] = ~length;
	tuple.ipv6.saddr[2] = length << 24;
	answer(13, bpf_csum_diff(tuple.ipv6.saddr, 8, tuple.ipv6.saddr + 1, 12, length));
	answer(13, bpf_csum_diff(tuple.ipv6.saddr, 12, tuple.ipv6.saddr + 1, 4, ~0));
	answer(14, bpf_csum_diff(tuple.ipv6.saddr, 16, 0, 0, length << 16));
	answer(14, bpf_csum_diff(0, 0, tuple.ipv6.saddr, 16, ~length));
	answer(15, bpf_csum_diff(0, 0, tuple.ipv6.saddr, 8, 0));
	return length & 1 ? XDP_PASS : XDP_DROP;
}
