// category: lost-bounds-check
// mistake: the range is checked on the product, the index is not connected with it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[256];

SEC("tc")
int hit(struct __sk_buff *skb)
{
	__u32 i = skb->hash;
	__u32 offset = i * 12 + 8;

	if (offset > 3000)
		return 0;
	hits[i]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
