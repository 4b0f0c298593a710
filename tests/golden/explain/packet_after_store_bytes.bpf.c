// category: stale-packet-pointer
// mistake: writing through a helper may move the packet, what was checked before does not hold
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mark(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u8 tos = 8;

	if ((void *)(ip + 1) > end)
		return 0;
	bpf_skb_store_bytes(skb, sizeof(struct ethhdr) + 1, &tos, 1, 0);
	return ip->protocol;
}

char LICENSE[] SEC("license") = "GPL";
