// category: helper-not-allowed
// mistake: bpf_xdp_adjust_head() in a tc program; there it is bpf_skb_change_head()
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int push(struct __sk_buff *skb)
{
	return bpf_xdp_adjust_head((void *)skb, -14) ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
