// category: iterator
// mistake: the iterator is asked for its next element before it was made
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_iter_num {
	__u64 opaque;
};

SEC("tc")
int find(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *i, sum = 0;

	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
