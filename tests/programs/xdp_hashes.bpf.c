// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Flows counted in hash maps of every kind: hash, per-CPU hash, LRU (never full here), with add, replace and delete.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct flow {
	__u32 source, destination;
	__u8 protocol;
	__u8 pad[3];
};

struct counter {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512); // fills up: E2BIG must come at the same packet
	__type(key, struct flow);
	__type(value, struct counter);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u16);
	__type(value, struct counter);
} ethertypes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} hosts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u32);
} sizes SEC(".maps");

__u64 full, exist_errors, deleted;

SEC("xdp")
int hashes(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct counter one = {1, end - data}, *counter;
	struct flow flow = {};
	__u64 size = end - data, *seen, first = 1;
	__u32 *number, once = 1;
	__u16 type;
	long error;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	type = bpf_ntohs(eth->h_proto);
	counter = bpf_map_lookup_elem(&ethertypes, &type);
	if (counter) {
		counter->packets++;
		counter->bytes += size;
	} else {
		bpf_map_update_elem(&ethertypes, &type, &one, BPF_NOEXIST);
	}
	number = bpf_map_lookup_elem(&sizes, &size);
	if (number)
		(*number)++;
	else
		bpf_map_update_elem(&sizes, &size, &once, BPF_ANY);

	if (type == ETH_P_IP) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		flow.source = ip->saddr;
		flow.destination = ip->daddr;
		flow.protocol = ip->protocol;
		seen = bpf_map_lookup_elem(&hosts, &flow.source);
		if (seen) {
			__sync_fetch_and_add(seen, 1);
			if (*seen == 7) { // gone, and back again with the next packet
				bpf_map_delete_elem(&hosts, &flow.source);
				deleted++;
			}
		} else {
			bpf_map_update_elem(&hosts, &flow.source, &first, BPF_NOEXIST);
		}
		error = bpf_map_update_elem(&flows, &flow, &one, BPF_NOEXIST);
		if (error == -17) {
			exist_errors++;
			counter = bpf_map_lookup_elem(&flows, &flow);
			if (!counter)
				return XDP_ABORTED;
			one.packets += counter->packets;
			one.bytes += counter->bytes;
			bpf_map_update_elem(&flows, &flow, &one, BPF_EXIST);
		} else if (error) {
			full++;
			return XDP_TX;
		}
	}
	return XDP_PASS;
}
