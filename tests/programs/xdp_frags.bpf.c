// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Packets beyond the linear part: bpf_xdp_get_buff_len, bpf_xdp_load_bytes and bpf_xdp_store_bytes across fragments,
// adjust_tail on the last one.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 bytes, linear, checksum, failures;
char window[96];

SEC("xdp.frags")
int frags(struct xdp_md *ctx)
{
	__u64 length = bpf_xdp_get_buff_len(ctx);
	__u32 at = length > sizeof(window) ? length - sizeof(window) : 0;

	bytes += length;
	linear += ctx->data_end - ctx->data;
	if (bpf_xdp_load_bytes(ctx, at, window, sizeof(window))) {
		failures++;
	} else {
		for (unsigned int i = 0; i < sizeof(window); i++)
			checksum = checksum * 31 + (unsigned char)window[i];
		window[0] ^= 0x55;
		if (bpf_xdp_store_bytes(ctx, at, window, 16))
			failures++;
	}
	if (length > 3515 && bpf_xdp_load_bytes(ctx, 3500, window, 64) == 0) {
		checksum ^= window[63];
		bpf_xdp_store_bytes(ctx, 3490, window, 64);
	}
	if (length > 4000 && bpf_xdp_adjust_tail(ctx, -40))
		failures++;
	return length & 1 ? XDP_PASS : XDP_DROP;
}
