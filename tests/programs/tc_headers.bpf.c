// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// tc programs that change what stands around a packet: IPv4 to IPv6 and back, tunnels with bpf_skb_adjust_room's flags,
// the head and tail at their limits, congestion marks, sums over packet bytes, the socket behind the packet, redirects.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Newer than some systems' linux/bpf.h.
#define DECAP_L3_IPV4 (1ULL << 7)
#define DECAP_L3_IPV6 (1ULL << 8)
#define CLOCK_MONOTONIC 1
#define CLOCK_TAI 2

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
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

// After an edit: how long the packet is, what it says it is, and what the program can reach.
static __always_inline void note_state(struct __sk_buff *skb, __u32 what)
{
	__u8 mac[4], net[4];

	note(what, skb->len & 0xff);
	note(what + 1, skb->protocol);
	note(what + 2, (long)skb->data_end - (long)skb->data == skb->len);
	note(what + 3, bpf_skb_load_bytes_relative(skb, 12, mac, 4, BPF_HDR_START_MAC));
	note(what + 4, bpf_skb_load_bytes_relative(skb, 0, net, 4, BPF_HDR_START_NET));
	note(what + 5, mac[0] << 8 | mac[1]);
	note(what + 6, net[0]);
	note(what + 7, bpf_skb_load_bytes_relative(skb, skb->len - 14, net, 4, BPF_HDR_START_NET));
	note(what + 8, bpf_skb_load_bytes_relative(skb, 0, net, 4, 2));
}

SEC("tc")
int protocols(struct __sk_buff *skb)
{
	int four = skb->protocol == bpf_htons(ETH_P_IP);

	note(0, bpf_skb_change_proto(skb, bpf_htons(four ? ETH_P_IPV6 : ETH_P_IP), 0));
	note_state(skb, 10);
	note(1, bpf_skb_change_proto(skb, bpf_htons(ETH_P_ARP), 0));
	note(2, bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 1));
	if (skb->len % 3 == 0) {
		note(3, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), skb->len));
		note(4, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_IP), 0x2001));
		note(5, skb->vlan_proto);
		note(6, bpf_skb_change_proto(skb, bpf_htons(four ? ETH_P_IP : ETH_P_IPV6), 0));
		note_state(skb, 20);
	}
	if (skb->len % 3 == 1) {
		note(7, bpf_skb_vlan_pop(skb));
		note(8, skb->vlan_tci);
		note(9, bpf_skb_vlan_pop(skb));
		note_state(skb, 30);
	}
	return TC_ACT_OK;
}

SEC("tc")
int tunnels(struct __sk_buff *skb)
{
	static const __u64 flags[16] = {
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV6,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L2(14) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L2(4) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH,
		BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L2(77),
		BPF_F_ADJ_ROOM_NO_CSUM_RESET,
		DECAP_L3_IPV4,
		1 << 20,
	};
	__u64 which = skb->len & 15; // beyond the rows: no flags
	__u32 mode = skb->len & 16 ? BPF_ADJ_ROOM_MAC : BPF_ADJ_ROOM_NET;

	note(100, bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
	note(101, bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
	note(102, bpf_skb_adjust_room(skb, 28, mode, flags[which]));
	note_state(skb, 110);
	note(103, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	note(104, bpf_skb_adjust_room(skb, 8, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4));
	note(105, bpf_skb_change_tail(skb, skb->len + 1, 0));
	note(106, bpf_skb_change_tail(skb, 36, 0));
	note(107, bpf_skb_adjust_room(skb, -20, mode, which & 1 ? DECAP_L3_IPV4 : DECAP_L3_IPV6));
	note_state(skb, 120);
	note(108, bpf_skb_adjust_room(skb, -0x1000, BPF_ADJ_ROOM_MAC, 0));
	note(109, bpf_skb_adjust_room(skb, -(int)(skb->len / 2), BPF_ADJ_ROOM_MAC, 0));
	note(98, bpf_skb_adjust_room(skb, 4, 2, 0));
	note_state(skb, 130);
	note(99, bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC));
	note(97, bpf_csum_level(skb, 4));
	return TC_ACT_OK;
}

SEC("tc")
int ends(struct __sk_buff *skb)
{
	__u32 length = skb->len;

	note(200, bpf_skb_change_tail(skb, 13, 0));
	note(201, bpf_skb_change_tail(skb, 14 + length % 3, 0));
	note_state(skb, 210);
	note(202, bpf_skb_change_head(skb, 16064 - skb->len, 0));
	note(203, bpf_skb_change_head(skb, 1, 0));
	note(204, bpf_skb_change_head(skb, -1, 0));
	note_state(skb, 220);
	note(205, bpf_skb_change_tail(skb, 16000, 0));
	note(206, bpf_skb_pull_data(skb, skb->len + 1));
	note(207, bpf_skb_pull_data(skb, 0));
	note(208, bpf_skb_change_tail(skb, 16065, 0));
	note(209, bpf_skb_change_tail(skb, length, 1));
	// The network header lies far behind now; what is before it cannot be cut.
	note(198, bpf_skb_change_tail(skb, length, 0));
	note(199, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), length));
	note(197, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), length));
	note_state(skb, 230);
	return TC_ACT_OK;
}

__s64 sums[8];

SEC("tc")
int socket_and_sums(struct __sk_buff *skb)
{
	__be32 head[8] = {}, tail[4] = {1, 2, 3, 0xfffffff0}, zero[1] = {};
	struct bpf_sock *sk = skb->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (sk) {
		note(300, sk->family);
		note(301, sk->src_ip4);
		note(302, sk->dst_ip4 & 0xff00);
		note(303, sk->state);
		note(304, sk->type);
		note(305, sk->protocol);
		note(306, sk->mark + sk->priority + sk->bound_dev_if);
		note(307, sk->rx_queue_mapping);
		note(308, sk->src_port + sk->dst_port);
		note(309, sk->src_ip6[0] ^ sk->dst_ip6[3]);
	}
	note(310, bpf_skb_ecn_set_ce(skb));
	note(311, bpf_get_socket_uid(skb));
	note(312, bpf_get_socket_cookie(skb) != 0);
	note(313, bpf_get_cgroup_classid(skb));
	note(314, bpf_get_route_realm(skb));
	note(315, bpf_get_hash_recalc(skb) != 0); // the kernel's hash has a random key
	note(316, skb->hash != 0);
	note(317, bpf_skb_store_bytes(skb, 0, head, 1, 4));
	note(318, bpf_skb_store_bytes(skb, 20, tail, 3, BPF_F_INVALIDATE_HASH | BPF_F_RECOMPUTE_CSUM));
	note(319, skb->hash != 0);
	note(320, bpf_skb_load_bytes(skb, -1, head, 4));
	note(321, bpf_skb_load_bytes(skb, 0, head, 32));
	sums[0] = sums[0] * 31 + bpf_csum_diff(head, 32, tail, 16, skb->len);
	sums[1] = sums[1] * 31 + bpf_csum_diff(0, 0, head, 32, 0);
	sums[2] = sums[2] * 31 + bpf_csum_diff(head, 20, 0, 0, 0xffffffff);
	sums[3] = sums[3] * 31 + bpf_csum_diff(head, 3, 0, 0, 0);
	sums[4] = sums[4] * 31 + bpf_csum_diff(tail, 3, head, 5, 9);
	sums[5] = sums[5] * 31 + bpf_csum_diff(head, 8, head, 8, 0);
	sums[6] = sums[6] * 31 + bpf_csum_diff(zero, 4, 0, 0, 0);
	sums[7] = sums[7] * 31 + bpf_csum_diff(0, 0, zero, 4, 0) + bpf_csum_diff(zero, 4, zero, 4, 0xffffffff);
	note(322, bpf_l3_csum_replace(skb, 24, 0, head[0], 0));
	note(323, bpf_l3_csum_replace(skb, 24, head[0], head[1], 3));
	note(324, bpf_l3_csum_replace(skb, 25, head[0], head[1], 4));
	note(325, bpf_l3_csum_replace(skb, 24, head[0], head[1], 2));
	note(326, bpf_l4_csum_replace(skb, 26, 0, head[2], BPF_F_PSEUDO_HDR));
	note(327, bpf_l4_csum_replace(skb, 26, 1, head[2], BPF_F_PSEUDO_HDR));
	note(328, bpf_l4_csum_replace(skb, 28, head[3], head[2], BPF_F_MARK_ENFORCE | BPF_F_MARK_MANGLED_0 | 2));
	note(329, bpf_l4_csum_replace(skb, skb->len - 1 - (~skb->len & 1), 0, 1, 2));
	note(330, bpf_clone_redirect(skb, 0x7ffffff0, 0));
	note(331, bpf_clone_redirect(skb, 1, 2));
	note(332, bpf_skb_change_type(skb, 4));
	note(333, bpf_skb_set_tstamp(skb, 0, CLOCK_MONOTONIC));
	note(334, bpf_skb_set_tstamp(skb, 77, CLOCK_TAI));
	note(335, skb->tstamp_type);
	note(336, skb->tstamp);
	switch (skb->len % 5) {
	case 0:
		return bpf_redirect(1, 0);
	case 1:
		return bpf_redirect(1, 2);
	case 2:
		return bpf_redirect_peer(1, 0);
	case 3:
		return bpf_redirect_neigh(1, 0, 0, 1);
	}
	return bpf_redirect_neigh(1, 0, 0, 0);
}
