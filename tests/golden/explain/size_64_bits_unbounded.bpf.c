// category: negative-offset
// mistake: all 64 bits of what user space named are the size of a read
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char data[4096];

SEC("raw_tracepoint/sys_enter")
int on_write(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 size = ctx->args[1];

	bpf_probe_read_user(data, size, (void *)ctx->args[0]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
