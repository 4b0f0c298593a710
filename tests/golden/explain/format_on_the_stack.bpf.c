// category: wrong-argument-type
// mistake: bpf_strncmp() compares with a string in read-only memory, this one is built on the stack
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tracepoint/sys_enter")
int is_bash(void *ctx)
{
	char name[16], wanted[16] = "bash";

	bpf_get_current_comm(name, sizeof(name));
	return bpf_strncmp(name, sizeof(name), wanted) == 0;
}

char LICENSE[] SEC("license") = "GPL";
