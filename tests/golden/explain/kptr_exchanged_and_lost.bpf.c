// category: leaked-reference
// mistake: the old pointer that bpf_kptr_xchg() gives back is not released
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;

struct watched {
	struct task_struct __kptr *task;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watched);
} watch SEC(".maps");

SEC("syscall")
int keep(void *ctx)
{
	__u32 key = 0;
	struct watched *w = bpf_map_lookup_elem(&watch, &key);
	struct task_struct *task;

	if (!w)
		return 0;
	task = bpf_task_from_pid(1);
	if (task)
		bpf_kptr_xchg(&w->task, task);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
