// category: not-a-pointer
// mistake: the pointer was read with bpf_probe_read_kernel(), what it points to is read without
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	struct task_struct *real_parent;
	int pid;
} __attribute__((preserve_access_index));

SEC("raw_tracepoint/sys_enter")
int parent(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *parent;

	if (bpf_probe_read_kernel(&parent, sizeof(parent), &task->real_parent))
		return 0;
	return parent->pid;
}

char LICENSE[] SEC("license") = "GPL";
