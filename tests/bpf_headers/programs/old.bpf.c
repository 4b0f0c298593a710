/* Kernels without global data: the format is on the stack. */
#define BPF_NO_GLOBAL_DATA
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("kprobe/do_exit")
int old(void *ctx)
{
	bpf_printk("exit of %d", (int)bpf_get_current_pid_tgid());
	return ctx == NULL;
}
