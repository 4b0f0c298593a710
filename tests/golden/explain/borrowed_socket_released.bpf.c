// category: double-release
// mistake: the packet's socket is borrowed: nobody took a reference, so none is given back
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int by_family(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
