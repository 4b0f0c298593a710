// category: missing-null-check
// mistake: a global function is verified for any caller, also one that passes NULL
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct totals {
	__u64 packets, bytes;
};

struct totals totals;

__noinline int add(struct totals *t, __u32 bytes)
{
	t->packets++;
	t->bytes += bytes;
	return 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	return add(&totals, skb->len);
}

char LICENSE[] SEC("license") = "GPL";
