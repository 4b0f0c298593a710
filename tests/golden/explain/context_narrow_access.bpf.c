// category: context-access
// mistake: eight bytes are read from a field of four
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int both(struct __sk_buff *skb)
{
	return *(volatile __u64 *)&skb->mark != 0;
}

char LICENSE[] SEC("license") = "GPL";
