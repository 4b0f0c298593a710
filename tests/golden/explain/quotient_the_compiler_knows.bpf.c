// category: lost-bounds-check
// mistake: clang knows that the quotient is below 64 and drops the check, the verifier does not know (seen: masoncl/rsched#8)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SLOTS 65

__u32 slots[SLOTS];

SEC("tc")
int measure(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns() % 6400;
	__u64 slot = now / 100;

	if (slot >= SLOTS)
		slot = SLOTS - 1;
	slots[slot]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
