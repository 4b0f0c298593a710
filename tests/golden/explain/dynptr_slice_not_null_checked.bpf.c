// category: missing-null-check
// mistake: the packet may be shorter than the slice that is asked for
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr__uninit) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 buffer__szk) __ksym;

SEC("tc")
int protocol(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;
	struct ethhdr buffer, *eth;

	if (bpf_dynptr_from_skb(skb, 0, &packet))
		return 0;
	eth = bpf_dynptr_slice(&packet, 0, &buffer, sizeof(buffer));
	return eth->h_proto;
}

char LICENSE[] SEC("license") = "GPL";
