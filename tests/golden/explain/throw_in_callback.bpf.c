// category: exception
// mistake: an exception cannot leave a callback
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

static int step(__u64 index, __u32 *length)
{
	if (index > *length)
		bpf_throw(index);
	return 0;
}

SEC("tc")
int check(struct __sk_buff *skb)
{
	__u32 length = skb->len;

	bpf_loop(100, step, &length, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
