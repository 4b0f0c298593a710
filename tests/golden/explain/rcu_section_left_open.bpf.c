// category: lock-misuse
// mistake: an early return leaves the RCU section open
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	struct task_struct *real_parent;
	int pid;
} __attribute__((preserve_access_index));
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("syscall")
int parent(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *parent;
	int pid;

	bpf_rcu_read_lock();
	parent = task->real_parent;
	if (!parent)
		return 0;
	pid = parent->pid;
	bpf_rcu_read_unlock();
	return pid;
}

char LICENSE[] SEC("license") = "GPL";
