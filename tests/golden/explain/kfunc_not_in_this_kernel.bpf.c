// category: helper-unknown
// mistake: a weak kfunc is called without asking whether this kernel has it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int bpf_skb_read_mind(struct __sk_buff *skb) __weak __ksym;

SEC("tc")
int think(struct __sk_buff *skb)
{
	return bpf_skb_read_mind(skb);
}

char LICENSE[] SEC("license") = "GPL";
