// category: dynptr
// mistake: a dynptr that still holds a record is made anew
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("tc")
int sample(struct __sk_buff *skb)
{
	struct bpf_dynptr record;

	if (bpf_ringbuf_reserve_dynptr(&events, 64, 0, &record))
		bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
