// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// The fields of __sk_buff in tc: read into a hash, written where tc may write; direct access to the packet.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u64);
} sums SEC(".maps");

static __always_inline void sum(__u32 field, __u64 value)
{
	__u64 *total = bpf_map_lookup_elem(&sums, &field);

	if (total)
		*total = *total * 31 + value;
}

SEC("tc")
int context(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;

	sum(0, skb->len);
	sum(1, skb->pkt_type);
	sum(2, skb->mark);
	sum(3, skb->queue_mapping);
	sum(4, skb->protocol);
	sum(5, skb->vlan_present);
	sum(6, skb->vlan_proto);
	sum(7, skb->priority);
	sum(8, skb->ingress_ifindex);
	sum(9, skb->ifindex);
	sum(10, skb->tc_index);
	sum(11, skb->cb[0] ^ skb->cb[4]);
	sum(12, skb->tc_classid);
	sum(13, end - data);
	sum(14, skb->napi_id);
	sum(15, skb->data_meta == skb->data);
	sum(16, skb->tstamp);
	sum(17, skb->wire_len);
	sum(18, skb->gso_segs);
	sum(19, skb->gso_size);
	sum(20, skb->tstamp_type);
	sum(21, *(__u8 *)&skb->mark);
	sum(22, *(__u16 *)&skb->priority);

	if ((void *)(eth + 1) > end)
		return TC_ACT_SHOT;
	sum(23, eth->h_proto);
	eth->h_source[0] |= 2;
	skb->mark = skb->mark * 3 + 1;
	skb->priority = skb->len & 7;
	skb->cb[1] = skb->len;
	skb->cb[3] = 0xdeadbeef;
	skb->tc_index = skb->len & 0xffff;
	skb->queue_mapping = skb->len & 15;
	skb->tc_classid = 0x10001;
	return skb->len & 1 ? TC_ACT_OK : TC_ACT_PIPE;
}
