// category: sleeping
// mistake: bpf_copy_from_user() may sleep, a raw tracepoint cannot
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int path(struct bpf_raw_tracepoint_args *ctx)
{
	char name[16];

	return bpf_copy_from_user(name, sizeof(name), (void *)ctx->args[1]);
}

char LICENSE[] SEC("license") = "GPL";
