// category: lost-bounds-check
// mistake: 32 bits of a 64-bit index are checked, all 64 are used
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[256];

SEC("raw_tracepoint/sys_enter")
int hit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = ctx->args[1];

	if ((__u32)id >= 256)
		return 0;
	hits[id]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
