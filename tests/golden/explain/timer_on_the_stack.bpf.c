// category: wrong-argument-type
// mistake: a timer outlives the program, so it must lie in a map value
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

SEC("tc")
int start(struct __sk_buff *skb)
{
	struct bpf_timer timer = {};

	bpf_timer_init(&timer, &values, 1);
	return bpf_timer_start(&timer, 1000000, 0);
}

char LICENSE[] SEC("license") = "GPL";
