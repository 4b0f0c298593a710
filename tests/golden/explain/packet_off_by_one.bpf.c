// category: packet-out-of-bounds
// mistake: fourteen bytes are there for sure, the fifteenth is read
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int version(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_PASS;
	return data[14] >> 4 == 4 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
