// category: return-value
// mistake: tc's TC_ACT_SHOT in a cgroup program, which allows with 1 and drops with 0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/ingress")
int filter(struct __sk_buff *skb)
{
	return skb->len > 1500 ? 5 : 1;
}

char LICENSE[] SEC("license") = "GPL";
