// category: map-out-of-bounds
// mistake: the loop over an array in a map value ends at a number that is in the map too
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct conf {
	__u64 n;
	__u64 limits[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conf);
} confs SEC(".maps");

SEC("tc")
int police(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct conf *conf = bpf_map_lookup_elem(&confs, &key);
	__u64 sum = 0;

	if (!conf)
		return 0;
	for (__u32 i = 0; i < conf->n; i++)
		sum += conf->limits[i];
	return sum > skb->len ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
