// category: too-complex
// mistake: a checksum over the whole packet, byte by byte, each with a branch
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 state = 0;

	for (__u32 i = 0; i < 9000; i++) {
		if (data + i + 1 > end)
			break;
		if (data[i] & 1)
			state = state * 31 + 7;
		else
			state ^= data[i];
		if (state & 16)
			state += bpf_get_prandom_u32();
	}
	return state == 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
