// Global variables in every section that becomes a map, externs of .kconfig and .ksyms, subprograms (static,
// global, weak) in .text: R_BPF_64_64 against sections and symbols, R_BPF_64_32 of both flavours.
#include "macros.h"

enum mode { MODE_OFF, MODE_ON, MODE_NEGATIVE = -5 };

int counter = 7;
__u64 total;
static __u32 hidden_state = 3;
static __u64 hidden_sum;
const volatile int limit = 42;
const volatile enum mode mode = MODE_ON;
const volatile char greeting[8] = "hello";
int tuned SEC(".data.tuned") = 1;
const volatile int table[4] SEC(".rodata.table") = {1, 2, 3, 4};
long bss_custom SEC(".bss.custom");

#ifdef __clang__
enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };
extern int LINUX_KERNEL_VERSION __kconfig;
extern enum libbpf_tristate CONFIG_BPF_SYSCALL __kconfig __weak;
extern const char CONFIG_DEFAULT_HOSTNAME[16] __kconfig __weak;
extern const void bpf_prog_put __ksym __weak;
extern const int bpf_prog_active __ksym;
extern void bpf_rcu_read_lock(void) __ksym __weak;
#endif

static __noinline int local_sub(int x) {
  hidden_sum += x;
  return x * hidden_state + table[x & 3];
}

__noinline int global_sub(int x) { return local_sub(x + 1) ^ counter; }

__weak __noinline int weak_sub(int x) { return x + (int)ktime_get_ns(); }

SEC("tc")
int classify(struct __sk_buff* skb) {
  __u32 index = skb->len & 7;
  total += skb->len;
  bss_custom++;
  hidden_state += tuned;
#ifdef __clang__
  if (LINUX_KERNEL_VERSION > 0x60000 && CONFIG_BPF_SYSCALL == TRI_YES) counter += CONFIG_DEFAULT_HOSTNAME[0];
  if (&bpf_prog_put) counter += bpf_prog_active;
  if (bpf_rcu_read_lock) bpf_rcu_read_lock();
#endif
  return global_sub(limit) + local_sub(index) + weak_sub(mode) + greeting[index];
}

SEC("?socket")
int second(struct __sk_buff* skb) { return local_sub(skb->len); }

char _license[] SEC("license") = "GPL";
