// category: context-access
// mistake: tc_classid belongs to tc programs
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int classify(struct __sk_buff *skb)
{
	skb->tc_classid = 1;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
