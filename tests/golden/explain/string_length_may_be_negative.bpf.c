// category: negative-offset
// mistake: bpf_probe_read_kernel_str() returns the length, or a negative error
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char line[64];

SEC("raw_tracepoint/sys_enter")
int read(struct bpf_raw_tracepoint_args *ctx)
{
	long n = bpf_probe_read_user_str(line, sizeof(line), (void *)ctx->args[0]);

	line[n - 1] = '\n';
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
