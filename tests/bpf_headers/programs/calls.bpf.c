/* Helper calls without optimisation: each must be a direct call by number. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	long sum = (long)bpf_ktime_get_ns();
	sum += bpf_get_prandom_u32();
	sum += bpf_get_smp_processor_id();
	sum += bpf_xdp_adjust_head(ctx, 0);
	sum += (long)bpf_xdp_get_buff_len(ctx);
	return (int)sum;
}
