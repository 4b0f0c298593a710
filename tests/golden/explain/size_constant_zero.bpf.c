// category: zero-size
// mistake: sizeof of a flexible array is zero
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct name {
	__u32 length;
	char text[0];
};

struct name name;

SEC("raw_tracepoint/sys_enter")
int comm(void *ctx)
{
	return bpf_get_current_comm(name.text, sizeof(name.text));
}

char LICENSE[] SEC("license") = "GPL";
