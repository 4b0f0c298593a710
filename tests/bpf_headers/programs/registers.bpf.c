/* The registers of the architecture that -D__TARGET_ARCH_<arch> names, from a struct pt_regs of its shape. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#define RELOCATED __attribute__((preserve_access_index))

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
} RELOCATED;
#elif defined(__TARGET_ARCH_arm)
struct pt_regs {
	unsigned long uregs[18];
} RELOCATED;
#elif defined(__TARGET_ARCH_s390)
typedef struct {
	unsigned long args[1];
	struct {
		unsigned long mask, addr;
	} psw;
	unsigned long gprs[16];
} RELOCATED user_pt_regs;
#elif defined(__TARGET_ARCH_powerpc)
struct pt_regs {
	unsigned long gpr[32], nip, msr, orig_gpr3, ctr, link;
} RELOCATED;
#elif defined(__TARGET_ARCH_mips)
struct pt_regs {
	unsigned long regs[32], cp0_status, hi, lo, cp0_badvaddr, cp0_cause, cp0_epc;
} RELOCATED;
#elif defined(__TARGET_ARCH_riscv)
struct user_regs_struct {
	unsigned long pc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
} RELOCATED;
#elif defined(__TARGET_ARCH_sparc)
struct pt_regs {
	unsigned long u_regs[16], tstate, tpc, tnpc;
} RELOCATED;
#define __arch64__
#elif defined(__TARGET_ARCH_loongarch)
struct user_pt_regs {
	unsigned long regs[32], orig_a0, csr_era;
} RELOCATED;
#elif defined(__TARGET_ARCH_arc)
struct user_regs_struct {
	unsigned long pad;
	struct {
		unsigned long bta, lp_start, lp_end, lp_count, status32, ret, blink, fp, gp;
		unsigned long r12, r11, r10, r9, r8, r7, r6, r5, r4, r3, r2, r1, r0, sp;
	} scratch;
} RELOCATED;
#elif defined(__TARGET_ARCH_x86)
/* The public structure, as <linux/ptrace.h> has it. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags;
	unsigned long rsp, ss;
} RELOCATED;
#endif

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/f")
int registers(struct pt_regs *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)PT_REGS_SYSCALL_REGS(ctx);
	unsigned long ip, sum = PT_REGS_PARM1(ctx) + PT_REGS_PARM2(ctx) + PT_REGS_PARM3(ctx) + PT_REGS_PARM4(ctx);
	sum += PT_REGS_RC(ctx) + PT_REGS_SP(ctx) + PT_REGS_IP(ctx) + PT_REGS_FP(ctx) + PT_REGS_RET(ctx);
	sum += PT_REGS_PARM1_CORE(regs) + PT_REGS_RC_CORE(regs) + PT_REGS_IP_CORE(regs) + PT_REGS_SP_CORE(regs);
	sum += PT_REGS_PARM1_SYSCALL(regs) + PT_REGS_PARM2_SYSCALL(ctx) + PT_REGS_PARM5_SYSCALL(ctx);
	sum += PT_REGS_PARM1_CORE_SYSCALL(regs) + PT_REGS_PARM5_CORE_SYSCALL(regs);
#ifndef __TARGET_ARCH_arm
	sum += PT_REGS_PARM5(ctx);
#endif
	BPF_KPROBE_READ_RET_IP(ip, ctx);
	sum += ip;
	BPF_KRETPROBE_READ_RET_IP(ip, ctx);
	return (int)(sum + ip);
}

SEC("kprobe/f")
int BPF_KPROBE(named, int a, long b, void *c)
{
	return a + (int)b + (c != NULL);
}

SEC("ksyscall/read")
int BPF_KSYSCALL(named_syscall, int fd, void *buffer, unsigned long count)
{
	return fd + (int)count + (buffer != NULL);
}

char _license[] SEC("license") = "Dual MIT/GPL";
