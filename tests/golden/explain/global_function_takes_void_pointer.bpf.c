// category: global-function
// mistake: void * says nothing about how much memory there is
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__noinline int first(void *bytes)
{
	return bytes ? *(__u8 *)bytes : 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u64 value = skb->len;

	return first(&value);
}

char LICENSE[] SEC("license") = "GPL";
