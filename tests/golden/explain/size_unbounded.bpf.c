// category: unbounded-offset
// mistake: the length that user space named is the size of a read (seen: qpoint-io/qtap#258)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char data[4096];

SEC("raw_tracepoint/sys_enter")
int on_write(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 size = ctx->args[1];

	bpf_probe_read_user(data, size, (void *)ctx->args[0]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
