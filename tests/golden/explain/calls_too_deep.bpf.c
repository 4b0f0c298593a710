// category: stack-too-deep
// mistake: nine functions, each calling the next; eight frames are the limit
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CALLS(name, next) \
	static __noinline int name(struct __sk_buff *skb) { return next(skb) + skb->mark; }

static __noinline int f8(struct __sk_buff *skb)
{
	return bpf_get_prandom_u32() + skb->len;
}
CALLS(f7, f8)
CALLS(f6, f7)
CALLS(f5, f6)
CALLS(f4, f5)
CALLS(f3, f4)
CALLS(f2, f3)
CALLS(f1, f2)

SEC("tc")
int deep(struct __sk_buff *skb)
{
	return f1(skb);
}

char LICENSE[] SEC("license") = "GPL";
