// category: missing-null-check
// mistake: a packet need not have a socket
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int by_family(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	return sk->family == 2;
}

char LICENSE[] SEC("license") = "GPL";
