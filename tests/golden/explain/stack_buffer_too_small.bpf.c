// category: stack-out-of-bounds
// mistake: the helper is told that the buffer has 64 bytes, it has 16
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int name(void *ctx)
{
	char name[16];

	bpf_get_current_comm(name, 64);
	return name[0];
}

char LICENSE[] SEC("license") = "GPL";
