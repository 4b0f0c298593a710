// category: missing-null-check
// mistake: nobody may have put a task into the map value yet
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

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
int pid_of(void *ctx)
{
	__u32 key = 0;
	struct watched *w = bpf_map_lookup_elem(&watch, &key);
	int pid;

	if (!w)
		return 0;
	bpf_rcu_read_lock();
	pid = w->task->pid;
	bpf_rcu_read_unlock();
	return pid;
}

char LICENSE[] SEC("license") = "GPL";
