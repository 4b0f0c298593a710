// category: missing-null-check
// mistake: no task may have this pid, but a release wants a task
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("syscall")
int look(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	bpf_task_release(task);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
