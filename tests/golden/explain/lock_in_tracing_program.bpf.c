// category: helper-not-allowed
// mistake: tracing programs may run while the lock is held, so they cannot take it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen {
	struct bpf_spin_lock lock;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} all SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int note(void *ctx)
{
	__u32 key = 0;
	struct seen *s = bpf_map_lookup_elem(&all, &key);

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	s->count++;
	bpf_spin_unlock(&s->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
