/* Asking whether a strong extern exists is a mistake: it always seems to. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int bpf_not_everywhere(struct xdp_md *ctx) __ksym;

SEC("xdp")
int ask(struct xdp_md *ctx)
{
	return bpf_ksym_exists(bpf_not_everywhere) ? XDP_PASS : XDP_DROP;
}
