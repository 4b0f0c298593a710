// category: negative-offset
// mistake: a signed size is checked from above only
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char data[4096];

SEC("raw_tracepoint/sys_enter")
int on_write(struct bpf_raw_tracepoint_args *ctx)
{
	long size = ctx->args[1];

	if (size > (long)sizeof(data))
		size = sizeof(data);
	bpf_probe_read_user(data, size, (void *)ctx->args[0]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
