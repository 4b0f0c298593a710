// category: stack-out-of-bounds
// mistake: the terminating zero is written one byte behind the buffer
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int read(struct bpf_raw_tracepoint_args *ctx)
{
	char path[256];
	__u32 n = ctx->args[1] & 0xfff;

	bpf_probe_read_user(path, sizeof(path), (void *)ctx->args[0]);
	if (n > sizeof(path))
		return 0;
	path[n] = 0;
	return bpf_trace_printk(path, sizeof(path));
}

char LICENSE[] SEC("license") = "GPL";
