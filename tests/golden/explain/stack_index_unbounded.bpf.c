// category: unbounded-offset
// mistake: an unchecked length is the index into a buffer on the stack
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int copy(struct bpf_raw_tracepoint_args *ctx)
{
	char name[16];

	bpf_get_current_comm(name, sizeof(name));
	return name[ctx->args[1]];
}

char LICENSE[] SEC("license") = "GPL";
