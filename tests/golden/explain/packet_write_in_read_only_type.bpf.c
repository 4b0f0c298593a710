// category: read-only
// mistake: a cgroup_skb program may read the packet, not change it
#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int mark(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;

	if ((void *)(ip + 1) > end)
		return 1;
	ip->tos = 8;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
