/* The few kernel types that these programs touch, as a generated vmlinux.h would have them. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp,
      ss;
};
struct bpf_iter_num {
  __u64 __opaque[1];
};
struct inode {
  unsigned long i_ino;
  const unsigned int i_flags;
};
struct file {
  struct inode* f_inode;
};
struct mm_struct {
  struct file* exe_file;
};
struct task_struct {
  int pid;
  char comm[16];
  struct mm_struct* mm;
  struct task_struct* real_parent;
  unsigned int wide : 3;
  unsigned int sched_reset_on_fork : 1;
  int signed_bits : 5;
  struct {
    int files[4];
  } nested;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};
enum state { STATE_A = 1, STATE_B = 7 };

#pragma clang attribute pop

enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PROG_ARRAY = 3,
  BPF_MAP_TYPE_HASH_OF_MAPS = 13
};

#endif
