// category: global-function
// mistake: global functions return a number, void is for static ones
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 packets;

__noinline void count_one(void)
{
	packets++;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	count_one();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
