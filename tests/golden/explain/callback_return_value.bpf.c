// category: return-value
// mistake: a callback of bpf_loop() goes on with 0 and stops with 1, nothing else
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static int step(__u64 index, __u32 *sum)
{
	*sum += index;
	return *sum > 100 ? -1 : 0;
}

SEC("tc")
int add(struct __sk_buff *skb)
{
	__u32 sum = 0;

	bpf_loop(skb->len, step, &sum, 0);
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
