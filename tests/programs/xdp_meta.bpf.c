// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Metadata in front of the packet and both ends moved: bpf_xdp_adjust_meta, adjust_tail and adjust_head with good and bad
// distances; every field of xdp_md is read.
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

static __always_inline void count(__u32 slot, long result)
{
	__u32 key = (slot * 16 + ((__u32)-result & 15)) & 63;
	__u64 *value = bpf_map_lookup_elem(&results, &key);

	if (value)
		(*value)++;
}

__u64 interfaces, queues, meta_bytes;

SEC("xdp")
int meta(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data;
	__u32 *mark;
	void *data;
	long error;

	interfaces += ctx->ingress_ifindex;
	queues += ctx->rx_queue_index;
	meta_bytes += ctx->data - ctx->data_meta;
	switch (length % 7) {
	case 0:
		error = bpf_xdp_adjust_meta(ctx, -4);
		count(0, error);
		if (error)
			break;
		data = (void *)(long)ctx->data;
		mark = (void *)(long)ctx->data_meta;
		if ((void *)(mark + 1) > data)
			return XDP_ABORTED;
		*mark = length;
		break;
	case 1:
		count(0, bpf_xdp_adjust_meta(ctx, -3)); // not a multiple of 4
		break;
	case 2:
		error = bpf_xdp_adjust_tail(ctx, -8);
		count(1, error);
		break;
	case 3:
		error = bpf_xdp_adjust_tail(ctx, 24);
		count(1, error);
		break;
	case 4:
		count(1, bpf_xdp_adjust_tail(ctx, 8000)); // no room
		count(1, bpf_xdp_adjust_tail(ctx, -(int)length)); // nothing would be left
		break;
	case 5:
		count(2, bpf_xdp_adjust_head(ctx, -300)); // beyond the headroom
		count(2, bpf_xdp_adjust_head(ctx, (int)length)); // beyond the end
		count(2, bpf_xdp_adjust_head(ctx, -32));
		break;
	case 6:
		count(0, bpf_xdp_adjust_meta(ctx, -260)); // too much metadata
		count(0, bpf_xdp_adjust_meta(ctx, 4));
		count(2, bpf_xdp_adjust_head(ctx, 2));
		break;
	}
	count(3, 0);
	return length & 1 ? XDP_PASS : XDP_TX;
}
