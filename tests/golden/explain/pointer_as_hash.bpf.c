// category: pointer-arithmetic
// mistake: bits of a kernel address serve as a hash: only addition and subtraction are allowed on pointers
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 hits[64];

SEC("xdp")
int hash(struct xdp_md *ctx)
{
	__u64 address = (__u64)bpf_get_current_task_btf();

	hits[(address >> 6) & 63]++;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
