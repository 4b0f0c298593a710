// category: lock-misuse
// mistake: a helper is called between lock and unlock
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen {
	struct bpf_spin_lock lock;
	__u64 last, count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} all SEC(".maps");

SEC("tc")
int note(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct seen *s = bpf_map_lookup_elem(&all, &key);

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	s->last = bpf_ktime_get_ns();
	s->count++;
	bpf_spin_unlock(&s->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
