// category: sleeping
// mistake: reading user memory may sleep, inside of an RCU section nothing may
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("syscall")
int read(__u64 *ctx)
{
	__u64 value = 0;

	bpf_rcu_read_lock();
	bpf_copy_from_user(&value, sizeof(value), (void *)ctx[0]);
	bpf_rcu_read_unlock();
	return value & 1;
}

char LICENSE[] SEC("license") = "GPL";
