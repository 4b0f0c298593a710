// category: context-access
// mistake: a pointer into the context is passed where the context is wanted
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mark(struct __sk_buff *skb)
{
	__u8 first;

	return bpf_skb_load_bytes(&skb->mark, 0, &first, 1);
}

char LICENSE[] SEC("license") = "GPL";
