// category: sleeping
// mistake: what may sleep cannot be called while preemption is off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

SEC("syscall")
int read(__u64 *ctx)
{
	__u64 value = 0;

	bpf_preempt_disable();
	bpf_copy_from_user(&value, sizeof(value), (void *)ctx[0]);
	bpf_preempt_enable();
	return value & 1;
}

char LICENSE[] SEC("license") = "GPL";
