// category: untrusted-pointer
// mistake: a task found by following two pointers may be gone; a kfunc wants one that stays
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	struct task_struct *last_wakee;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int keep(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct task_struct *kept = bpf_task_acquire(task->last_wakee);

	if (kept)
		bpf_task_release(kept);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
