// category: too-complex
// mistake: each of ten thousand rounds leaves an untried branch behind
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int search(struct __sk_buff *skb)
{
	__u32 i;

	for (i = 0; i < 10000; i++)
		if (bpf_get_prandom_u32() == i)
			return i;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
