// category: lock-misuse
// mistake: preemption is switched off and not on again
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_preempt_disable(void) __ksym;
__u64 runs[8];

SEC("tc")
int count(struct __sk_buff *skb)
{
	bpf_preempt_disable();
	runs[bpf_get_smp_processor_id() & 7]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
