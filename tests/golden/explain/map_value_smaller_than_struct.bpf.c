// category: map-out-of-bounds
// mistake: the map was declared with a smaller value than the struct that the program sees in it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct flow {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} flows SEC(".maps");

SEC("tc")
int account(struct __sk_buff *skb)
{
	__u32 key = skb->hash;
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);

	if (!flow)
		return 0;
	flow->packets++;
	flow->bytes += skb->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
