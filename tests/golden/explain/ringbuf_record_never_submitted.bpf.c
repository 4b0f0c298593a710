// category: leaked-reference
// mistake: the record is filled and never submitted (seen: libbpf/libbpf-bootstrap#60)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_call(void *ctx)
{
	__u64 *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (e)
		*e = bpf_ktime_get_ns();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
