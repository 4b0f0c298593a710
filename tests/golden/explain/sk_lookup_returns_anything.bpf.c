// category: return-value
// mistake: a helper's result is returned as the verdict
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("sk_lookup")
int pick(struct bpf_sk_lookup *ctx)
{
	return bpf_get_prandom_u32();
}

char LICENSE[] SEC("license") = "GPL";
