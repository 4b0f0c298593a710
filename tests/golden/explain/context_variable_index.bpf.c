// category: context-access
// mistake: the field of the context is chosen at run time
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 which;

SEC("tc")
int sum(struct __sk_buff *skb)
{
	return skb->cb[which & 3];
}

char LICENSE[] SEC("license") = "GPL";
