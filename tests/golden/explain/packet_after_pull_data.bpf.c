// category: stale-packet-pointer
// mistake: the pointers were read from the context before bpf_skb_pull_data()
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int ttl(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);

	if (bpf_skb_pull_data(skb, 34))
		return 0;
	if ((void *)(ip + 1) > end)
		return 0;
	return ip->ttl;
}

char LICENSE[] SEC("license") = "GPL";
