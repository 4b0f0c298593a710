// category: not-a-pointer
// mistake: bpf_get_current_task() gives a number; bpf_get_current_task_btf() gives a pointer
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid, tgid;
} __attribute__((preserve_access_index));

SEC("raw_tracepoint/sys_enter")
int is_leader(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->pid == task->tgid;
}

char LICENSE[] SEC("license") = "GPL";
