/* Programs with named arguments, registers, CO-RE reads and questions, bitfields, iterators. */
#include "vmlinux_small.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct value {
	struct task_struct __kptr *trusted;
	struct task_struct __kptr_untrusted *untrusted;
	int __percpu_kptr *percpu;
	int __uptr *user;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

struct pair {
	long a, b;
};
struct small {
	short s;
};

SEC("fentry/f")
int BPF_PROG(no_arguments)
{
	return ctx[0] != 0;
}

SEC("fentry/f")
int BPF_PROG(three, struct task_struct *task, int number, bool flag)
{
	return task->pid + number + flag;
}

SEC("fentry/f")
int BPF_PROG(twelve, int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, char l)
{
	return a + b + c + d + e + f + g + h + i + j + k + l;
}

SEC("fentry/f")
int BPF_PROG2(by_value, struct pair, p, int, n, struct small, s, char, c, struct task_struct *, task)
{
	return (int)(p.a + p.b) + n + s.s + c + task->pid;
}

SEC("fentry/f")
int BPF_PROG2(by_value_none)
{
	return ctx[0] != 0;
}

SEC("kprobe/f")
int BPF_KPROBE(entry, void *first, unsigned int second, long third, int fourth, int fifth, long sixth)
{
	unsigned long ip = 0;
	BPF_KPROBE_READ_RET_IP(ip, ctx);
	return first != NULL && second + third + fourth + fifth + sixth + ip;
}

SEC("kretprobe/f")
int BPF_KRETPROBE(leave, int result)
{
	unsigned long ip = 0;
	BPF_KRETPROBE_READ_RET_IP(ip, ctx);
	return result + (int)ip;
}

SEC("kretprobe/f")
int BPF_KRETPROBE(leave_quietly)
{
	return ctx->ax != 0;
}

SEC("uprobe/f")
int BPF_UPROBE(user, void *p)
{
	return p != NULL;
}

SEC("uretprobe/f")
int BPF_URETPROBE(user_leave, long r)
{
	return r != 0;
}

SEC("ksyscall/openat")
int BPF_KSYSCALL(openat, int dir, const char *path, int flags, int mode)
{
	char name[8];
	bpf_probe_read_user_str(name, sizeof(name), path);
	return dir + flags + mode + name[0];
}

SEC("kprobe/f")
int registers(struct pt_regs *ctx)
{
	struct pt_regs *regs = PT_REGS_SYSCALL_REGS(ctx);
	unsigned long sum = PT_REGS_PARM1(ctx) + PT_REGS_PARM2(ctx) + PT_REGS_PARM3(ctx) + PT_REGS_PARM4(ctx) +
			    PT_REGS_PARM5(ctx) + PT_REGS_PARM6(ctx) + PT_REGS_RC(ctx) + PT_REGS_SP(ctx) +
			    PT_REGS_IP(ctx) + PT_REGS_FP(ctx) + PT_REGS_RET(ctx);
	sum += PT_REGS_PARM1_CORE(regs) + PT_REGS_PARM2_CORE(regs) + PT_REGS_PARM3_CORE(regs) +
	       PT_REGS_PARM4_CORE(regs) + PT_REGS_PARM5_CORE(regs) + PT_REGS_PARM6_CORE(regs) +
	       PT_REGS_RC_CORE(regs) + PT_REGS_SP_CORE(regs) + PT_REGS_IP_CORE(regs) + PT_REGS_FP_CORE(regs) +
	       PT_REGS_RET_CORE(regs);
	sum += PT_REGS_PARM1_SYSCALL(ctx) + PT_REGS_PARM4_SYSCALL(ctx) + PT_REGS_PARM6_SYSCALL(ctx);
	sum += PT_REGS_PARM1_CORE_SYSCALL(regs) + PT_REGS_PARM4_CORE_SYSCALL(regs);
	return sum != 0;
}

SEC("raw_tp/sched_switch")
int core(unsigned long long *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	char name[16], parent[16];
	int pid;
	if (!bpf_core_type_exists(struct task_struct) || !bpf_core_field_exists(task->mm->exe_file) ||
	    !bpf_core_field_exists(struct task_struct, nested.files) ||
	    !bpf_core_enum_value_exists(enum state, STATE_B))
		return 0;
#if __clang_major__ >= 15
	if (!bpf_core_type_matches(struct inode))
		return 0;
#endif
	unsigned long sum = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	sum += BPF_CORE_READ(task, pid);
	sum += BPF_CORE_READ(task, mm, exe_file, f_inode, i_flags);
	sum += BPF_CORE_READ(task, real_parent, nested.files[2]);
	sum += BPF_CORE_READ(BPF_CORE_READ(task, real_parent), mm, exe_file) != NULL;
	sum += BPF_CORE_READ_USER(task, real_parent, pid);
	sum += BPF_PROBE_READ(task, real_parent, real_parent, pid);
	sum += BPF_PROBE_READ_USER(task, real_parent, pid);
	BPF_CORE_READ_INTO(&pid, task, real_parent, pid);
	BPF_CORE_READ_STR_INTO(&name, task, comm);
	BPF_CORE_READ_STR_INTO(&parent, task, real_parent, comm);
	BPF_CORE_READ_USER_INTO(&pid, task, pid);
	BPF_CORE_READ_USER_STR_INTO(&parent, task, comm);
	BPF_PROBE_READ_INTO(&pid, task, pid);
	BPF_PROBE_READ_STR_INTO(&name, task, comm);
	BPF_PROBE_READ_USER_INTO(&pid, task, pid);
	BPF_PROBE_READ_USER_STR_INTO(&name, task, comm);
	bpf_core_read(&pid, sizeof(pid), &task->pid);
	bpf_core_read_user(&pid, sizeof(pid), &task->pid);
	bpf_core_read_str(name, sizeof(name), &task->comm);
	bpf_core_read_user_str(name, sizeof(name), &task->comm);
	sum += bpf_core_field_size(task->comm) + bpf_core_field_offset(task->comm);
	sum += bpf_core_field_offset(struct task_struct, mm) + bpf_core_field_size(struct task_struct, mm);
	sum += bpf_core_type_size(struct task_struct) + bpf_core_type_id_kernel(struct task_struct) +
	       bpf_core_type_id_local(struct task_struct);
	sum += bpf_core_enum_value(enum state, STATE_B);
	sum += BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
	sum += BPF_CORE_READ_BITFIELD_PROBED(task, signed_bits);
	return (int)sum + name[0] + parent[0] + pid;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(bits, struct task_struct *task)
{
	BPF_CORE_WRITE_BITFIELD(task, wide, 5);
	struct task_struct *copy = bpf_core_cast(task->real_parent, struct task_struct);
	return (int)BPF_CORE_READ_BITFIELD(task, signed_bits) + (int)BPF_CORE_READ_BITFIELD(copy, wide);
}

SEC("iter/task")
int iterate(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	char text[32];
	if (!task)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "no arguments\n");
	BPF_SEQ_PRINTF(ctx->meta->seq, "%d %s\n", task->pid, task->comm);
	BPF_SNPRINTF(text, sizeof(text), "%d %d %d %d", task->pid, 1, 2, 3);
	return text[0];
}

struct bpf_iter_task_words {
	__u64 opaque;
} __attribute__((aligned(8)));
extern int bpf_iter_task_words_new(struct bpf_iter_task_words *it, int from) __ksym;
extern int *bpf_iter_task_words_next(struct bpf_iter_task_words *it) __ksym;
extern void bpf_iter_task_words_destroy(struct bpf_iter_task_words *it) __ksym;

SEC("raw_tp/sched_switch")
int loops(void *ctx)
{
	int i, sum = 0, *word;
	bpf_for(i, 0, 100) {
		if (i == 50)
			break;
		sum += i;
	}
	bpf_repeat(10) sum++;
	bpf_for_each(task_words, word, 3) {
		if (*word == 2)
			return 1;
		sum += *word;
	}
	bpf_stream_printk(2, "sum %d of %p", sum, ctx);
	bpf_stream_printk(1, "done");
	return sum;
}

char _license[] SEC("license") = "Dual MIT/GPL";
