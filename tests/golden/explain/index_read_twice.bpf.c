// category: lost-bounds-check
// mistake: the length is checked in the map and read from the map again: it may have changed in between
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct ring {
	volatile __u32 head;
	__u32 items[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring);
} rings SEC(".maps");

SEC("tc")
int push(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct ring *r = bpf_map_lookup_elem(&rings, &key);

	if (!r || r->head >= 64)
		return 0;
	r->items[r->head] = skb->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
