// category: map-out-of-bounds
// mistake: the mask is the array's size, it should be one less
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[256];

SEC("tc")
int hit(struct __sk_buff *skb)
{
	hits[skb->hash & 256]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
