// category: leaked-reference
// mistake: the socket that a lookup found must be given back on every path
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int only_listening(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	tuple.ipv4.dport = 80;
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
	if (!sk)
		return 0;
	if (sk->state != 10)
		return 2;
	bpf_sk_release(sk);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
