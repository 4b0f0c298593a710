// Functions of one program: their order, a hidden one, and one that only a tag names.
#include "macros.h"

#define __tag(text) __attribute__((btf_decl_tag(text)))
volatile int sink;

__noinline int deep(int x) {
  sink = x;
  return x + 1;
}
__noinline int first(int x) {
  sink = x + 1;
  return deep(x) + 2;
}
__hidden __noinline int second(int x) {
  sink = x + 2;
  return x * 3;
}
__noinline int handler(__u64 cookie) {
  sink = 3;
  return 0;
}

SEC("tc")
__tag("exception_callback:handler") int entry(struct __sk_buff* skb) {
  return first(skb->len) + second(skb->len) + deep(skb->mark);
}

SEC("tc")
__tag("exception_callback:handler") __tag("exception_callback:first") int twice(struct __sk_buff* skb) { return 0; }

char _license[] SEC("license") = "GPL";
