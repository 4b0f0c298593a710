// category: stack-too-deep
// mistake: a function calls itself
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int depth(struct __sk_buff *skb, int n)
{
	if (n >= 5 || !bpf_get_prandom_u32())
		return 0;
	return depth(skb, n + 1) * skb->len + 1;
}

SEC("tc")
int walk(struct __sk_buff *skb)
{
	return depth(skb, 0);
}

char LICENSE[] SEC("license") = "GPL";
