// category: wrong-argument-type
// mistake: a kernel address as the string of a helper that wants memory of the program
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int is_bash(struct bpf_raw_tracepoint_args *ctx)
{
	return bpf_strncmp((char *)ctx->args[0], 4, "bash") == 0;
}

char LICENSE[] SEC("license") = "GPL";
