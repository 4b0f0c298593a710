// category: wrong-argument-type
// mistake: floating point in a format
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char out[32];

SEC("tc")
int report(struct __sk_buff *skb)
{
	static const char format[] = "%f seconds";
	__u64 args[] = { skb->tstamp };

	return bpf_snprintf(out, sizeof(out), format, args, sizeof(args));
}

char LICENSE[] SEC("license") = "GPL";
