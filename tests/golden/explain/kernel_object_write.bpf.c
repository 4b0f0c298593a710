// category: kernel-object
// mistake: kernel objects may be read, not written
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int exit_code;
} __attribute__((preserve_access_index));

SEC("raw_tracepoint/sys_enter")
int fail(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	task->exit_code = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
