// category: return-value
// mistake: a program at a function's entry cannot decide anything, it returns 0
// kernel: not loadable here
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("fentry/do_exit")
int on_exit(__u64 *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
