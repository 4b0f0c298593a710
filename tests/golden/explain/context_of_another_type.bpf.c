// category: context-access
// mistake: an XDP program written with the context of tc programs
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int filter(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	return data + 60 > end ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
