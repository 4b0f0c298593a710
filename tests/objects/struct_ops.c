// A struct_ops map: initialised data whose pointers are R_BPF_64_ABS64 against programs and strings.
#include "macros.h"

struct sock;
struct tcp_congestion_ops {
  void (*init)(struct sock* sk);
  unsigned (*ssthresh)(struct sock* sk);
  unsigned (*undo_cwnd)(struct sock* sk);
  unsigned flags;
  char name[16];
  void* owner;
};

SEC("struct_ops/tiny_init")
void tiny_init(unsigned long long* ctx) {}

SEC("struct_ops/tiny_ssthresh")
unsigned tiny_ssthresh(unsigned long long* ctx) { return 2; }

static const char note[] = "note";
const char* note_pointer SEC(".data.pointer") = note;

struct tcp_congestion_ops tiny SEC(".struct_ops") = {
    .init = (void*)tiny_init,
    .ssthresh = (void*)tiny_ssthresh,
    .undo_cwnd = (void*)tiny_ssthresh,
    .flags = 5,
    .name = "tiny",
};

struct tcp_congestion_ops tiny_link SEC(".struct_ops.link") = {.ssthresh = (void*)tiny_ssthresh, .name = "tinyl"};

char _license[] SEC("license") = "GPL";
