// category: uninitialised-read
// mistake: a helper declared by hand lacks its last argument
#include <linux/bpf.h>

static long (*skb_load_bytes)(const void *skb, __u32 offset, void *to) = (void *)BPF_FUNC_skb_load_bytes;

__attribute__((section("socket"), used))
int version(struct __sk_buff *skb)
{
	__u8 first = 0;

	skb_load_bytes(skb, 0, &first);
	return first >> 4;
}

char LICENSE[] __attribute__((section("license"), used)) = "GPL"; // char LICENSE[] SEC("license")
