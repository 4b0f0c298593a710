// category: context-access
// mistake: the packet's length is written to; helpers change it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int shorten(struct __sk_buff *skb)
{
	if (skb->len > 1000)
		skb->len = 1000;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
