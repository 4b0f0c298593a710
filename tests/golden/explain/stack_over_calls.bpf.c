// category: stack-too-deep
// mistake: every function has a moderate buffer, but those of a chain of calls must fit into 512 bytes together
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int inner(struct __sk_buff *skb)
{
	char line[300];

	if (bpf_skb_load_bytes(skb, 100, line, sizeof(line)))
		return 0;
	return line[17] + line[42];
}

SEC("tc")
int outer(struct __sk_buff *skb)
{
	char head[300];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return 0;
	return inner(skb) + head[3];
}

char LICENSE[] SEC("license") = "GPL";
