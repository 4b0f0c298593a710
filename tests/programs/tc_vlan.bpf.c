// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// VLAN tags, room for tunnels, packet types and hashes in tc: bpf_skb_vlan_push and pop, adjust_room, change_type,
// set_hash_invalid, set_hash, get_hash_recalc, csum_update, csum_level.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} results SEC(".maps");

static __always_inline void note(__u32 what, long result)
{
	__u64 key = (__u64)what << 32 | (__u32)-result, one = 1, *seen = bpf_map_lookup_elem(&results, &key);

	if (seen)
		(*seen)++;
	else
		bpf_map_update_elem(&results, &key, &one, BPF_ANY);
}

SEC("tc")
int vlan(struct __sk_buff *skb)
{
	note(0, skb->vlan_present);
	note(1, skb->vlan_tci);
	switch (skb->len % 9) {
	case 0:
		note(2, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 100));
		note(3, skb->vlan_tci);
		break;
	case 1:
		note(4, bpf_skb_vlan_pop(skb));
		break;
	case 2:
		note(5, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 7));
		note(6, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 8));
		note(7, bpf_skb_vlan_pop(skb));
		break;
	case 3:
		note(8, bpf_skb_adjust_room(skb, 8, BPF_ADJ_ROOM_MAC, 0));
		break;
	case 4:
		note(9, bpf_skb_adjust_room(skb, 20, BPF_ADJ_ROOM_NET, 0));
		break;
	case 5:
		note(10, bpf_skb_adjust_room(skb, -8, BPF_ADJ_ROOM_NET, 0));
		break;
	case 6:
		note(11, bpf_skb_change_type(skb, 1));
		note(12, skb->pkt_type);
		break;
	case 7:
		bpf_set_hash_invalid(skb);
		note(13, bpf_set_hash(skb, 0x1234));
		note(14, skb->hash);
		note(15, bpf_get_hash_recalc(skb));
		break;
	case 8:
		note(16, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
		note(17, bpf_csum_update(skb, 77));
		break;
	}
	note(18, skb->len);
	note(19, skb->protocol);
	return TC_ACT_OK;
}
