// category: negative-offset
// mistake: a signed index is checked against the end of the array, not against its beginning
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct table {
	long weights[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, long);
} chosen SEC(".maps");

SEC("tc")
int weigh(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct table *t = bpf_map_lookup_elem(&tables, &key);
	long *index = bpf_map_lookup_elem(&chosen, &key), i;

	if (!t || !index)
		return 0;
	i = *index;
	if (i >= 32)
		return 0;
	return t->weights[i];
}

char LICENSE[] SEC("license") = "GPL";
