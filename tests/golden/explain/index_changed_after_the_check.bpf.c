// category: unbounded-offset
// mistake: the index is checked, and then calculated with
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[256];

SEC("tc")
int hit(struct __sk_buff *skb)
{
	__u32 i = skb->hash;

	if (i >= 256)
		return 0;
	i = i * 4 + skb->queue_mapping;
	hits[i]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
