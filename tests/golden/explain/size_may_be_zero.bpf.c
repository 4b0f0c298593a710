// category: zero-size
// mistake: the length may come out as zero, which this helper refuses
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char bytes[256];

SEC("tc")
int payload(struct __sk_buff *skb)
{
	__u32 size = skb->len & 0xff;

	return bpf_skb_load_bytes(skb, 0, bytes, size);
}

char LICENSE[] SEC("license") = "GPL";
