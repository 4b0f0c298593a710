// category: dynptr
// mistake: the dynptr is read before anything made one
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int read(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;
	__u32 word = 0;

	bpf_dynptr_read(&word, sizeof(word), &packet, 0, 0);
	return word;
}

char LICENSE[] SEC("license") = "GPL";
