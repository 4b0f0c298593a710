// category: infinite-loop
// mistake: the program waits in a loop until somebody sets a flag
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile int ready;

SEC("xdp")
int wait(struct xdp_md *ctx)
{
	while (!ready)
		;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
