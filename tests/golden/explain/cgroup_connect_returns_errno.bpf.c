// category: return-value
// mistake: a negative errno is returned; 0 refuses, 1 allows
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int no_smtp(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == __builtin_bswap16(25))
		return -1;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
