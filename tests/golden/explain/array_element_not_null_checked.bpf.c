// category: missing-null-check
// mistake: an element of the found value is counted up, whether or not a value was found
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct histogram {
	__u64 slots[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct histogram);
} lengths SEC(".maps");

SEC("tc")
int measure(struct __sk_buff *skb)
{
	__u32 key = skb->ifindex;
	struct histogram *h = bpf_map_lookup_elem(&lengths, &key);

	h->slots[(skb->len >> 7) & 15]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
