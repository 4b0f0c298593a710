// category: global-function
// mistake: a smaller object is passed than the one that the prototype promises
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct totals {
	__u64 packets, bytes;
};

__noinline int add(struct totals *t)
{
	if (!t)
		return 0;
	t->packets++;
	return t->bytes;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u64 packets = skb->len;

	return add((struct totals *)&packets) + packets;
}

char LICENSE[] SEC("license") = "GPL";
