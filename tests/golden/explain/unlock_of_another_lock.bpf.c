// category: lock-misuse
// mistake: the value was looked up again in between: for the verifier this is another lock
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct account {
	struct bpf_spin_lock lock;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

SEC("tc")
int pay(struct __sk_buff *skb)
{
	__u32 zero = 0, one = 1;
	struct account *a = bpf_map_lookup_elem(&accounts, &zero);
	struct account *b = bpf_map_lookup_elem(&accounts, &one);

	if (!a || !b)
		return 0;
	bpf_spin_lock(&a->lock);
	a->bytes += skb->len;
	bpf_spin_unlock(&b->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
