// category: context-access
// mistake: socket filters have no direct packet access
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int filter(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + 1 > end)
		return 0;
	return data[0] == 0x45 ? skb->len : 0;
}

char LICENSE[] SEC("license") = "GPL";
