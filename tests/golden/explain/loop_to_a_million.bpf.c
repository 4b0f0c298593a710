// category: too-complex
// mistake: the loop ends, but the verifier follows every round of it, a million and more
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 table[1024];

SEC("xdp")
int sum(struct xdp_md *ctx)
{
	__u32 sum = 0;

	for (__u32 i = 0; i < 500000; i++)
		sum += table[(i * 7) & 1023] ^ i;
	return sum == 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
