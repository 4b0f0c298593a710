// category: return-value
// mistake: an LSM program refuses with a negative errno, not with 1
// kernel: not loadable here
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("lsm/file_open")
int no_files(__u64 *ctx)
{
	return bpf_get_current_uid_gid() & 1;
}

char LICENSE[] SEC("license") = "GPL";
