// category: double-release
// mistake: the error path releases the socket and falls into the path that does so too
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int only_listening(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int verdict = 0;

	tuple.ipv4.dport = 80;
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
	if (!sk)
		return 0;
	if (sk->state != 10) {
		bpf_sk_release(sk);
		verdict = 2;
	}
	bpf_sk_release(sk);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
