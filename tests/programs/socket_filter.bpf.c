// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// A socket filter with the instructions of classic BPF (absolute and indirect loads, which end the program beyond the
// packet) and with helpers.
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");

__u64 relative, header_errors;

// A test run gives socket filters the packet from the network header on; what lies before it is reached from SKF_LL_OFF.
SEC("socket")
int filter(struct __sk_buff *skb)
{
	__u32 protocol = load_byte(skb, 9), header;
	__u64 *count;
	__u8 first[8] = {};

	count = bpf_map_lookup_elem(&protocols, &protocol);
	if (count)
		__sync_fetch_and_add(count, skb->len);
	if (load_half(skb, SKF_LL_OFF + 12) != ETH_P_IP)
		return load_byte(skb, SKF_NET_OFF + 1) + 1;
	header = (load_byte(skb, SKF_NET_OFF) & 15) * 4;
	relative += load_word(skb, header); // ends the program when it lies beyond the packet
	if (bpf_skb_load_bytes(skb, skb->len - 4, first, 4))
		header_errors++;
	if (bpf_skb_load_bytes_relative(skb, 0, first, 8, BPF_HDR_START_NET))
		header_errors++;
	relative += first[0] + first[7];
	skb->cb[2] += relative;
	return skb->len > 100 ? 100 : -1;
}
