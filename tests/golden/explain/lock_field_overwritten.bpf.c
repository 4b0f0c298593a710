// category: special-field
// mistake: the whole value is set to zero, with its lock
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen {
	__u64 count;
	struct bpf_spin_lock lock;
	__u32 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} all SEC(".maps");

SEC("tc")
int clear(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct seen *s = bpf_map_lookup_elem(&all, &key);

	if (!s)
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
