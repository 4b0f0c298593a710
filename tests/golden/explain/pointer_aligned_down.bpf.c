// category: pointer-arithmetic
// mistake: a pointer is rounded with a mask
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int word(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 *word = (void *)((long)(data + 5) & ~7L);

	if ((void *)(word + 1) > end)
		return XDP_PASS;
	return *word ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
