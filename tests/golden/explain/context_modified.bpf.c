// category: context-access
// mistake: none in C: clang adds to the context pointer first and loads then (seen: elastic/ebpf#177)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int argument(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 *field = &ctx->args[0];

	if (bpf_get_prandom_u32() & 1)
		field = &ctx->args[1];
	barrier_var(field);
	return *field & 1;
}

char LICENSE[] SEC("license") = "GPL";
