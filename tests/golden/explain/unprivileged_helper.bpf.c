// category: helper-not-allowed
// mistake: bpf_get_current_task() shows the kernel's objects, for that a user needs privileges
// options: --unprivileged
// kernel: not loadable here, unprivileged_bpf_disabled
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int task(struct __sk_buff *skb)
{
	return bpf_get_current_task() & 1;
}

char LICENSE[] SEC("license") = "GPL";
