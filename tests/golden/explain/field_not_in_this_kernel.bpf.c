// category: bad-btf
// mistake: the kernel's struct has no such field, CO-RE finds nothing to relocate to (seen: libbpf/libbpf#371)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	long state_of_mind;
} __attribute__((preserve_access_index));

SEC("raw_tracepoint/sys_enter")
int state(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->state_of_mind != 0;
}

char LICENSE[] SEC("license") = "GPL";
