// category: packet-out-of-bounds
// mistake: a checksum over as many bytes as the header says
#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int checksum(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + 14;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	__u32 len = __builtin_bswap16(ip->tot_len);
	return bpf_csum_diff(0, 0, (void *)ip, len, 0) ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
