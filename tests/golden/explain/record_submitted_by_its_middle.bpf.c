// category: wrong-argument-type
// mistake: the address of a field is submitted instead of the record's
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 time;
	__u64 pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_call(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->time = bpf_ktime_get_ns();
	bpf_ringbuf_submit(&e->pid, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
