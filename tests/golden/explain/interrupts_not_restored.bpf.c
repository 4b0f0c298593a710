// category: lock-misuse
// mistake: interrupts are saved and never restored
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_local_irq_save(unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;
__u64 runs;

SEC("tc")
int count(struct __sk_buff *skb)
{
	unsigned long flags;

	bpf_local_irq_save(&flags);
	runs++;
	if (runs == 100)
		return 0;
	bpf_local_irq_restore(&flags);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
