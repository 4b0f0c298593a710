// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Queue, stack, bloom filter, maps in maps, LPM trie of IPv6: what is not a plain hash or array.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 64);
	__type(value, __u64);
} last SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 16);
	__type(value, __u32);
} depths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 10000);
	__uint(map_extra, 3);
	__uint(map_flags, BPF_F_ZERO_SEED); // the same false answers everywhere
	__type(value, __u32);
} known SEC(".maps");

struct bucket {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} small SEC(".maps"), large SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct bucket);
} by_size SEC(".maps") = {
	.values = {[0] = &small, [2] = &large},
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct bucket);
} by_type SEC(".maps") = {
	.values = {&small, &large},
};

struct prefix {
	__u32 length;
	__u8 address[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} networks SEC(".maps");

__u64 pushed, full, overwritten, misses, inner_misses;

SEC("xdp")
int containers(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *inner;
	struct ethhdr *eth = data;
	struct prefix prefix = {};
	__u64 length = end - data, top, *count, one = 1;
	__u32 key, word, slot;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	if (bpf_map_push_elem(&last, &length, 0)) { // full: the oldest makes room
		full++;
		bpf_map_push_elem(&last, &length, BPF_EXIST);
		overwritten++;
	}
	key = length;
	if (length % 5 == 0 && bpf_map_pop_elem(&depths, &key) == 0)
		pushed--;
	else if (bpf_map_push_elem(&depths, &key, 0) == 0)
		pushed++;
	if (bpf_map_peek_elem(&depths, &key) == 0 && key == 60)
		pushed += 1000000;
	if (bpf_map_peek_elem(&last, &top))
		misses += 1000000;

	word = *(__u32 *)eth->h_source;
	// A filter may claim to know what it does not, by its random seed; it must know what was pushed.
	if (bpf_map_peek_elem(&known, &word))
		bpf_map_push_elem(&known, &word, 0);
	if (bpf_map_peek_elem(&known, &word))
		misses++;

	slot = length < 100 ? 0 : length < 500 ? 1 : 2;
	inner = bpf_map_lookup_elem(&by_size, &slot);
	if (inner) {
		key = length & 3;
		count = bpf_map_lookup_elem(inner, &key);
		if (count)
			(*count)++;
	} else {
		inner_misses++;
	}
	slot = bpf_ntohs(eth->h_proto) == ETH_P_IP ? 0 : 1;
	inner = bpf_map_lookup_elem(&by_type, &slot);
	if (inner) {
		key = 3;
		count = bpf_map_lookup_elem(inner, &key);
		if (count)
			*count += length;
	}

	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		__builtin_memcpy(prefix.address, &ip->saddr, 16);
	} else if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		__builtin_memcpy(prefix.address, &ip->saddr, 4);
		__builtin_memcpy(prefix.address + 4, &ip->daddr, 4);
	} else {
		return XDP_PASS;
	}
	prefix.length = 128;
	count = bpf_map_lookup_elem(&networks, &prefix);
	if (count)
		(*count)++;
	else {
		prefix.length = 8 + length % 57; // some network around it
		bpf_map_update_elem(&networks, &prefix, &one, BPF_ANY);
	}
	if (length % 11 == 0) {
		prefix.length = 24;
		bpf_map_delete_elem(&networks, &prefix);
	}
	return XDP_PASS;
}
