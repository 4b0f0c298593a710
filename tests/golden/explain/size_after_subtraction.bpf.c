// category: zero-size
// mistake: nothing says that the packet has 42 bytes: the unsigned difference may wrap around
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char payload[512];

SEC("xdp")
int copy(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data;

	if (length > 42 + sizeof(payload))
		return XDP_PASS;
	bpf_xdp_load_bytes(ctx, 42, payload, length - 42);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
