// category: packet-out-of-bounds
// mistake: TCP options are compared with the end that the header claims, not with the packet's
#include <linux/bpf.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int options(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = data + 34;

	if ((void *)(tcp + 1) > end)
		return XDP_PASS;
	__u8 *option = (void *)(tcp + 1);
	__u8 *options_end = (void *)tcp + tcp->doff * 4;
	asm volatile("" : "+r"(options_end));   /* a comparison of pointers, as loops compile to */
	if (option >= options_end)
		return XDP_PASS;
	return *option == 8 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
