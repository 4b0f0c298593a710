// category: not-a-pointer
// mistake: the loop is given no data, its callback uses it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static int step(__u64 index, __u32 *sum)
{
	*sum += index;
	return 0;
}

SEC("tc")
int add(struct __sk_buff *skb)
{
	bpf_loop(skb->len, step, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
