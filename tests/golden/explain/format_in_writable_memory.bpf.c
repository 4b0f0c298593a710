// category: wrong-argument-type
// mistake: the format is a variable; it must be const, so that it cannot change
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char format[] = "%d packets";
char out[32];
__u64 n;

SEC("tc")
int report(struct __sk_buff *skb)
{
	__u64 args[] = { n };

	return bpf_snprintf(out, sizeof(out), format, args, sizeof(args));
}

char LICENSE[] SEC("license") = "GPL";
