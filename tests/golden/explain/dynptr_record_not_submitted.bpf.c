// category: leaked-reference
// mistake: a ring buffer's dynptr must be given back even when reserving it failed
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

	if (bpf_ringbuf_reserve_dynptr(&events, skb->len, 0, &record))
		return 0;
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
