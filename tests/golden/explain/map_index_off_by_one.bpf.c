// category: map-out-of-bounds
// mistake: the check lets the index be as large as the array is long
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SLOTS 16

struct histogram {
	__u32 slots[SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} lengths SEC(".maps");

SEC("tc")
int measure(struct __sk_buff *skb)
{
	__u32 key = 0, slot = skb->len / 100;
	struct histogram *h = bpf_map_lookup_elem(&lengths, &key);

	if (!h)
		return 0;
	if (slot > SLOTS)
		slot = SLOTS;
	h->slots[slot]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
