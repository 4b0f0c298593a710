// category: packet-out-of-bounds
// mistake: a 32-bit length from the packet itself is added to a packet pointer
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int skip(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 *length = data;
	__u8 *type;

	if ((void *)(length + 1) > end)
		return XDP_PASS;
	type = data + *length;
	if ((void *)(type + 1) > end)
		return XDP_PASS;
	return *type == 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
