// category: uninitialised-read
// mistake: three bytes of padding in the key were never written; without privileges the kernel refuses that
// options: --unprivileged
// kernel: not loadable here, unprivileged_bpf_disabled
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 port;
	__u8 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, __u64);
} flows SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	struct key key;
	__u64 *n;

	key.port = skb->ifindex;
	key.proto = skb->protocol;
	n = bpf_map_lookup_elem(&flows, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
