// category: licence
// mistake: bpf_trace_printk() in a program that is not under the GPL
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Proprietary";

SEC("xdp")
int hello(struct xdp_md *ctx)
{
	bpf_printk("packet on %d", ctx->ingress_ifindex);
	return XDP_PASS;
}
