// category: helper-not-allowed
// mistake: bpf_dynptr_from_xdp() in a tc program; there it is bpf_dynptr_from_skb()
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr__uninit) __ksym;

SEC("tc")
int first_word(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;
	__u32 word = 0;

	if (!bpf_dynptr_from_xdp((void *)skb, 0, &packet))
		bpf_dynptr_read(&word, sizeof(word), &packet, 0, 0);
	return word;
}

char LICENSE[] SEC("license") = "GPL";
