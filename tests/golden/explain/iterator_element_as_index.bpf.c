// category: unbounded-offset
// mistake: an element of an iterator is any number for the verifier, whatever the range was
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_iter_num {
	__u64 opaque;
};

__u32 table[10];

SEC("tc")
int sum(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	__u32 sum = 0;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += table[*(__u32 *)i];
	bpf_iter_num_destroy(&it);
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
