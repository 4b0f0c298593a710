// category: read-only
// mistake: a const variable lies in a read-only map; the program cannot change it
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 10;

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex > limit)
		*(volatile __u32 *)&limit = ctx->ingress_ifindex;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
