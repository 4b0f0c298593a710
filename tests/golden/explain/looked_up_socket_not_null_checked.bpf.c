// category: missing-null-check
// mistake: bpf_sk_lookup_tcp() finds no socket for most packets
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int is_ours(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int state;

	tuple.ipv4.dport = 80;
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
	state = sk->state;
	bpf_sk_release(sk);
	return state;
}

char LICENSE[] SEC("license") = "GPL";
