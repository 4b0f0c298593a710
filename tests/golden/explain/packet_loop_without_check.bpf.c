// category: packet-out-of-bounds
// mistake: the loop asks whether its index is small enough, not whether the packet has this byte (seen: eunomia-bpf/bpf-developer-tutorial#158)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u8 copy[60];

SEC("xdp")
int save(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 20 > end)
		return XDP_PASS;
	for (int i = 0; i < 60; i++)
		copy[i] = data[i];
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
