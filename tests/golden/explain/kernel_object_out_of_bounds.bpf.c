// category: kernel-object
// mistake: an index past the end of an array in a kernel struct
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	char comm[16];
} __attribute__((preserve_access_index));

SEC("raw_tracepoint/sys_enter")
int letter(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	char *comm = task->comm;

	return comm[20000];
}

char LICENSE[] SEC("license") = "GPL";
