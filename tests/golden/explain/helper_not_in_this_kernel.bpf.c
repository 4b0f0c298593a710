// category: helper-unknown
// mistake: a helper's number that no kernel has
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*bpf_new_helper)(void *ctx) = (void *)4711;

SEC("xdp")
int call(struct xdp_md *ctx)
{
	return bpf_new_helper(ctx) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
