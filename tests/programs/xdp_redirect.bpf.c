// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Every way to send a packet elsewhere: bpf_redirect, bpf_redirect_map over devmap, devmap_hash, cpumap and xskmap. Where
// xdp_redirect.batch puts nothing, the default action in the flags decides; flags that are not allowed end in XDP_ABORTED.
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} hashed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data, key = length % 20, way = length % 11;
	__u64 *count;
	long verdict;

	switch (way) {
	case 0:
		verdict = bpf_redirect_map(&devices, key, XDP_PASS);
		break;
	case 1:
		verdict = bpf_redirect_map(&devices, key, XDP_TX);
		break;
	case 2:
		verdict = bpf_redirect_map(&hashed, key, XDP_DROP);
		break;
	case 3:
		verdict = bpf_redirect_map(&cpus, key, XDP_ABORTED);
		break;
	case 4:
		verdict = bpf_redirect_map(&sockets, key, XDP_PASS);
		break;
	case 5:
		verdict = bpf_redirect(1, 1); // flags must be 0
		break;
	case 6:
		verdict = bpf_redirect_map(&devices, key, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
		break;
	case 7:
		verdict = bpf_redirect_map(&hashed, key, BPF_F_EXCLUDE_INGRESS | XDP_PASS);
		break;
	case 8:
		verdict = bpf_redirect_map(&cpus, key, BPF_F_BROADCAST); // devices only
		break;
	case 9:
		verdict = bpf_redirect_map(&devices, key, 1 << 7);
		break;
	default:
		verdict = bpf_redirect(1, 0);
		break;
	}
	key = verdict & 7;
	count = bpf_map_lookup_elem(&verdicts, &key);
	if (count)
		(*count)++;
	return verdict;
}
