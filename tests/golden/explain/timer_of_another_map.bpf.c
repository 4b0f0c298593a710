// category: wrong-map-type
// mistake: a timer is initialised with another map than the one that it lies in
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct job {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct job);
} jobs SEC(".maps"), others SEC(".maps");

SEC("tc")
int start(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &key);

	if (!job)
		return 0;
	return bpf_timer_init(&job->timer, &others, 1);
}

char LICENSE[] SEC("license") = "GPL";
