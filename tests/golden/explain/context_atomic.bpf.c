// category: context-access
// mistake: an atomic addition to a field of the context
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int mark(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&skb->mark, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
