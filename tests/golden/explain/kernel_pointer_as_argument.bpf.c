// category: not-a-pointer
// mistake: a raw tracepoint's argument is a kernel address, C dereferences it like any other
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid, tgid;
} __attribute__((preserve_access_index));

SEC("raw_tracepoint/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];

	return task->pid == task->tgid;
}

char LICENSE[] SEC("license") = "GPL";
