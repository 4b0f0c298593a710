// category: unbounded-offset
// mistake: the caller checks the index, but a global function is verified without its callers
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[64];

__noinline int hit(__u32 slot)
{
	hits[slot]++;
	return 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 slot = skb->hash;

	if (slot >= 64)
		return 0;
	return hit(slot);
}

char LICENSE[] SEC("license") = "GPL";
