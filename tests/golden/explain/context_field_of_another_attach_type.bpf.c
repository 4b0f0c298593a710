// category: context-access
// mistake: an IPv4 program writes the IPv6 address
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/bind4")
int rebind(struct bpf_sock_addr *ctx)
{
	ctx->user_ip6[0] = 1;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
