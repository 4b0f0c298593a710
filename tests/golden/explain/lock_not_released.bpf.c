// category: lock-misuse
// mistake: one path returns with the lock held
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct account {
	struct bpf_spin_lock lock;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

SEC("tc")
int pay(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct account *a = bpf_map_lookup_elem(&accounts, &key);

	if (!a)
		return 0;
	bpf_spin_lock(&a->lock);
	if (a->bytes < skb->len)
		return 2;
	a->bytes -= skb->len;
	bpf_spin_unlock(&a->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
