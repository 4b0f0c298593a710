// category: leaked-reference
// mistake: a task that a kfunc acquired is not released
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int tgid;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("syscall")
int tgid_of(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	return task ? task->tgid : 0;
}

char LICENSE[] SEC("license") = "GPL";
