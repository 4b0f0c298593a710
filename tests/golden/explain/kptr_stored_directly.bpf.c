// category: special-field
// mistake: a kernel pointer is assigned to a map's field; bpf_kptr_xchg() does it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;

struct watched {
	struct task_struct __kptr *task;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watched);
} watch SEC(".maps");

SEC("syscall")
int keep(void *ctx)
{
	__u32 key = 0;
	struct watched *w = bpf_map_lookup_elem(&watch, &key);

	if (!w)
		return 0;
	w->task = bpf_task_from_pid(1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
