// category: packet-out-of-bounds
// mistake: the length is calculated and compared: the verifier learns only from comparing a pointer with data_end
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int last_byte(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 length = end - data;

	if (length < 64)
		return XDP_PASS;
	return data[63] ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
