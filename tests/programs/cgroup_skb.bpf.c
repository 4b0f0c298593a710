// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A cgroup filter on what leaves: the packet begins at the network header here.
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} seen SEC(".maps");

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u64 key = skb->protocol, one = 1, *count;
	struct iphdr *ip = data;

	if ((void *)(ip + 1) <= end)
		key |= (__u64)ip->protocol << 16 | (__u64)ip->version << 24 | (__u64)(skb->len & 0xff) << 32;
	count = bpf_map_lookup_elem(&seen, &key);
	if (count)
		(*count)++;
	else
		bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
	skb->cb[0] = skb->len;
	skb->mark = 5;
	return skb->len % 5 != 0;
}
