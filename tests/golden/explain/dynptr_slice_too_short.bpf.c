// category: memory-out-of-bounds
// mistake: eight bytes were asked for, the ninth is used
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
	__u64 *data;

	if (!bpf_ringbuf_reserve_dynptr(&events, 64, 0, &record)) {
		data = bpf_dynptr_data(&record, 0, 8);
		if (data)
			data[1] = skb->len;
	}
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
