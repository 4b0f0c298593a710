// category: lock-misuse
// mistake: a list may only be changed while its lock is held
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_list_head {
	__u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_list_node {
	__u64 opaque[3];
} __attribute__((aligned(8)));
extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta,
				    __u64 off) __ksym;

struct node {
	struct bpf_list_node link;
	__u64 length;
};

struct queue {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __attribute__((btf_decl_tag("contains:node:link")));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct queue);
} queues SEC(".maps");

SEC("tc")
int push(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct queue *q = bpf_map_lookup_elem(&queues, &key);
	struct node *n;

	if (!q)
		return 0;
	n = bpf_obj_new_impl(__builtin_btf_type_id(*(struct node *)0, 0), NULL);
	if (!n)
		return 0;
	n->length = skb->len;
	bpf_list_push_front_impl(&q->head, &n->link, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
