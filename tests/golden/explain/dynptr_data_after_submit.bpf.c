// category: double-release
// mistake: the memory of a dynptr is used after the record was submitted
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
	__u64 *data = 0;

	if (bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record)) {
		bpf_ringbuf_discard_dynptr(&record, 0);
		return 0;
	}
	data = bpf_dynptr_data(&record, 0, sizeof(*data));
	bpf_ringbuf_submit_dynptr(&record, 0);
	if (data)
		*data = skb->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
