// category: misaligned-access
// mistake: eight bytes are read from an odd place of a buffer on the stack
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int name(void *ctx)
{
	char name[16] __attribute__((aligned(8)));

	bpf_get_current_comm(name, sizeof(name));
	return *(volatile __u64 *)(name + 1) != 0;
}

char LICENSE[] SEC("license") = "GPL";
