// CO-RE records of every kind that the compiler can write, against flavours of kernel types.
#include "macros.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#define PAI
#else
#define PAI __attribute__((preserve_access_index))
#endif

struct list_head___x {
  struct list_head___x *next, *prev;
} PAI;
union word {
  int number;
  struct {
    short low, high;
  };
} PAI;
struct task_struct {
  int pid, tgid;
  char comm[16];
  struct task_struct* group_leader;
  unsigned in_execve : 1;
  unsigned in_iowait : 3;
  int nice : 5;
  union word word;
  struct list_head___x tasks[3];
} PAI;
#ifdef __clang__
#pragma clang attribute pop
#endif

enum kind___v2 { KIND_A = 1, KIND_B = 200 };
typedef struct {
  int x;
} anon_t;

long out;

SEC("raw_tp/sched_switch")
int walk(void* ctx) {
  struct task_struct* task = (void*)get_current_task();
  struct task_struct* leader = 0;
  int pid = 0;
  long sum = 0;
  probe_read_kernel(&leader, sizeof leader, __builtin_preserve_access_index(&task->group_leader));
  probe_read_kernel(&pid, sizeof pid, __builtin_preserve_access_index(&leader->tgid));
  sum += pid;
  probe_read_kernel(&pid, 2, __builtin_preserve_access_index(&task->word.high));
  probe_read_kernel(&leader, 8, __builtin_preserve_access_index(&task->tasks[2].prev));
#ifdef __clang__
  for (unsigned kind = 0; kind < 1; kind++) {
    sum += __builtin_preserve_field_info(task->nice, 0);
    sum += __builtin_preserve_field_info(task->nice, 1);
    sum += __builtin_preserve_field_info(task->comm, 2);
    sum += __builtin_preserve_field_info(task->nice, 3);
    sum += __builtin_preserve_field_info(task->in_iowait, 4);
    sum += __builtin_preserve_field_info(task->in_iowait, 5);
  }
  sum += __builtin_btf_type_id(*(struct task_struct*)0, 0);
  sum += __builtin_btf_type_id(*(struct task_struct*)0, 1);
  sum += __builtin_preserve_type_info(*(struct task_struct*)0, 0);
  sum += __builtin_preserve_type_info(*(anon_t*)0, 1);
#if __clang_major__ >= 17
  sum += __builtin_preserve_type_info(*(struct task_struct*)0, 2);
#endif
  sum += __builtin_preserve_enum_value(*(enum kind___v2*)KIND_B, 0);
  sum += __builtin_preserve_enum_value(*(enum kind___v2*)KIND_A, 1);
#endif
  out = sum + (long)leader;
  return 0;
}

char _license[] SEC("license") = "GPL";
