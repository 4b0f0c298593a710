// category: not-a-pointer
// mistake: a pointer that was kept in a map is a number when it comes back (seen: iovisor/bcc#253)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid, tgid;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct task_struct *);
} waiting SEC(".maps");

SEC("raw_tracepoint/sys_exit")
int on_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct task_struct **task = bpf_map_lookup_elem(&waiting, &id);

	if (!task)
		return 0;
	return (*task)->pid;
}

char LICENSE[] SEC("license") = "GPL";
