// category: leaked-reference
// mistake: an allocated object is neither put into a list nor dropped
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *obj, void *meta) __ksym;

struct node {
	__u64 a, b;
};

SEC("tc")
int make(struct __sk_buff *skb)
{
	struct node *n = bpf_obj_new_impl(__builtin_btf_type_id(*(struct node *)0, 0), NULL);

	if (!n)
		return 0;
	n->a = skb->len;
	if (n->a > 100)
		return 1;
	bpf_obj_drop_impl(n, NULL);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
