/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Arguments of traced functions: registers by name of their role for ten architectures, and macros that give a
 * program the parameter list of what it hooks.
 *
 * The architecture is that of the kernel, which the BPF target does not tell: compile with -D__TARGET_ARCH_x86,
 * arm64, arm, s390, powerpc, mips, riscv, sparc, loongarch or arc. Without it, the names exist and using one is
 * an error; a native compiler gives its own machine away.
 */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#include "bpf_core_read.h"
#include "bpf_helpers.h"

#if !defined(__TARGET_ARCH_x86) && !defined(__TARGET_ARCH_arm64) && !defined(__TARGET_ARCH_arm) &&           \
	!defined(__TARGET_ARCH_s390) && !defined(__TARGET_ARCH_powerpc) && !defined(__TARGET_ARCH_mips) &&   \
	!defined(__TARGET_ARCH_riscv) && !defined(__TARGET_ARCH_sparc) &&                                    \
	!defined(__TARGET_ARCH_loongarch) && !defined(__TARGET_ARCH_arc)
#if defined(__x86_64__) || defined(__i386__)
#define __TARGET_ARCH_x86
#elif defined(__aarch64__)
#define __TARGET_ARCH_arm64
#elif defined(__arm__)
#define __TARGET_ARCH_arm
#elif defined(__s390__)
#define __TARGET_ARCH_s390
#elif defined(__powerpc__)
#define __TARGET_ARCH_powerpc
#elif defined(__mips__)
#define __TARGET_ARCH_mips
#elif defined(__riscv)
#define __TARGET_ARCH_riscv
#elif defined(__sparc__)
#define __TARGET_ARCH_sparc
#elif defined(__loongarch__)
#define __TARGET_ARCH_loongarch
#elif defined(__arc__)
#define __TARGET_ARCH_arc
#endif
#endif

/* ---- registers ------------------------------------------------------------------------------------------ */

/*
 * Per architecture, from its procedure call standard and its system call convention:
 *   __PT_PARM1_REG ...           where a function finds its arguments
 *   __PT_PARM1_SYSCALL_REG ...   where a system call does; the default is the former
 *   __PT_RC_REG                  the result
 *   __PT_SP_REG, __PT_FP_REG, __PT_IP_REG   stack, frame, program counter
 *   __PT_RET_REG                 the link register; x86 has none and keeps the return address at the stack pointer
 * __PT_REGS_CAST: the kernel's own struct pt_regs is private on some, and its public beginning has another name.
 * __PT_ORIG_REG: where a system call's first argument survives being overwritten by the result.
 */
#if defined(__TARGET_ARCH_x86)

#if defined(__KERNEL__) || defined(__VMLINUX_H__)
#define ___bpf_x86_reg(kernel, user32, user64) kernel
#elif defined(__i386__)
#define ___bpf_x86_reg(kernel, user32, user64) user32
#else
#define ___bpf_x86_reg(kernel, user32, user64) user64
#endif
#ifdef __i386__
/* The kernel is built with three arguments in registers. */
#define __PT_PARM1_REG ___bpf_x86_reg(ax, eax, eax)
#define __PT_PARM2_REG ___bpf_x86_reg(dx, edx, edx)
#define __PT_PARM3_REG ___bpf_x86_reg(cx, ecx, ecx)
#define __PT_PARM1_SYSCALL_REG ___bpf_x86_reg(bx, ebx, ebx)
#define __PT_PARM2_SYSCALL_REG ___bpf_x86_reg(cx, ecx, ecx)
#define __PT_PARM3_SYSCALL_REG ___bpf_x86_reg(dx, edx, edx)
#define __PT_PARM4_SYSCALL_REG ___bpf_x86_reg(si, esi, esi)
#define __PT_PARM5_SYSCALL_REG ___bpf_x86_reg(di, edi, edi)
#define __PT_PARM6_SYSCALL_REG ___bpf_x86_reg(bp, ebp, ebp)
#else
#define __PT_PARM1_REG ___bpf_x86_reg(di, edi, rdi)
#define __PT_PARM2_REG ___bpf_x86_reg(si, esi, rsi)
#define __PT_PARM3_REG ___bpf_x86_reg(dx, edx, rdx)
#define __PT_PARM4_REG ___bpf_x86_reg(cx, ecx, rcx)
#define __PT_PARM5_REG r8
#define __PT_PARM6_REG r9
/* The instruction destroys rcx. */
#define __PT_PARM4_SYSCALL_REG r10
#endif
#define __PT_RC_REG ___bpf_x86_reg(ax, eax, rax)
#define __PT_SP_REG ___bpf_x86_reg(sp, esp, rsp)
#define __PT_FP_REG ___bpf_x86_reg(bp, ebp, rbp)
#define __PT_IP_REG ___bpf_x86_reg(ip, eip, rip)
#define __PT_RET_REG __PT_SP_REG
#define ___bpf_ret_on_stack 1

#elif defined(__TARGET_ARCH_arm64)

struct pt_regs___arm64 {
	unsigned long orig_x0;
} __attribute__((preserve_access_index));
#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define __PT_ORIG_REG(x) (((const struct pt_regs___arm64 *)(x))->orig_x0)
#define __PT_PARM1_REG regs[0]
#define __PT_PARM2_REG regs[1]
#define __PT_PARM3_REG regs[2]
#define __PT_PARM4_REG regs[3]
#define __PT_PARM5_REG regs[4]
#define __PT_PARM6_REG regs[5]
#define __PT_PARM7_REG regs[6]
#define __PT_PARM8_REG regs[7]
#define __PT_RC_REG regs[0]
#define __PT_SP_REG sp
#define __PT_FP_REG regs[29]
#define __PT_IP_REG pc
#define __PT_RET_REG regs[30]

#elif defined(__TARGET_ARCH_arm)

#define __PT_PARM1_REG uregs[0]
#define __PT_PARM2_REG uregs[1]
#define __PT_PARM3_REG uregs[2]
#define __PT_PARM4_REG uregs[3]
#define __PT_PARM1_SYSCALL_REG uregs[17] /* ORIG_r0 */
#define __PT_PARM5_SYSCALL_REG uregs[4]
#define __PT_PARM6_SYSCALL_REG uregs[5]
#define __PT_PARM7_SYSCALL_REG uregs[6]
#define __PT_RC_REG uregs[0]
#define __PT_SP_REG uregs[13]
#define __PT_FP_REG uregs[11]
#define __PT_IP_REG uregs[15]
#define __PT_RET_REG uregs[14]

#elif defined(__TARGET_ARCH_s390)

struct pt_regs___s390 {
	unsigned long orig_gpr2;
} __attribute__((preserve_access_index));
#define __PT_REGS_CAST(x) ((const user_pt_regs *)(x))
#define __PT_ORIG_REG(x) (((const struct pt_regs___s390 *)(x))->orig_gpr2)
#define __PT_PARM1_REG gprs[2]
#define __PT_PARM2_REG gprs[3]
#define __PT_PARM3_REG gprs[4]
#define __PT_PARM4_REG gprs[5]
#define __PT_PARM5_REG gprs[6]
#define __PT_PARM6_SYSCALL_REG gprs[7]
#define __PT_RC_REG gprs[2]
#define __PT_SP_REG gprs[15]
#define __PT_FP_REG gprs[11]
#define __PT_IP_REG psw.addr
#define __PT_RET_REG gprs[14]

#elif defined(__TARGET_ARCH_powerpc)

#define __PT_PARM1_REG gpr[3]
#define __PT_PARM2_REG gpr[4]
#define __PT_PARM3_REG gpr[5]
#define __PT_PARM4_REG gpr[6]
#define __PT_PARM5_REG gpr[7]
#define __PT_PARM6_REG gpr[8]
#define __PT_PARM7_REG gpr[9]
#define __PT_PARM8_REG gpr[10]
#define __PT_PARM1_SYSCALL_REG orig_gpr3
#define __PT_RC_REG gpr[3]
#define __PT_SP_REG gpr[1]
#define __PT_FP_REG gpr[31]
#define __PT_IP_REG nip
#define __PT_RET_REG link

#elif defined(__TARGET_ARCH_mips)

#define __PT_PARM1_REG regs[4]
#define __PT_PARM2_REG regs[5]
#define __PT_PARM3_REG regs[6]
#define __PT_PARM4_REG regs[7]
#define __PT_PARM5_REG regs[8]
#define __PT_PARM6_REG regs[9]
#define __PT_PARM7_REG regs[10]
#define __PT_PARM8_REG regs[11]
#define __PT_RC_REG regs[2]
#define __PT_SP_REG regs[29]
#define __PT_FP_REG regs[30]
#define __PT_IP_REG cp0_epc
#define __PT_RET_REG regs[31]

#elif defined(__TARGET_ARCH_riscv)

struct pt_regs___riscv {
	unsigned long orig_a0;
} __attribute__((preserve_access_index));
#define __PT_REGS_CAST(x) ((const struct user_regs_struct *)(x))
#define __PT_ORIG_REG(x) (((const struct pt_regs___riscv *)(x))->orig_a0)
#define __PT_PARM1_REG a0
#define __PT_PARM2_REG a1
#define __PT_PARM3_REG a2
#define __PT_PARM4_REG a3
#define __PT_PARM5_REG a4
#define __PT_PARM6_REG a5
#define __PT_PARM7_REG a6
#define __PT_PARM8_REG a7
#define __PT_RC_REG a0
#define __PT_SP_REG sp
#define __PT_FP_REG s0
#define __PT_IP_REG pc
#define __PT_RET_REG ra

#elif defined(__TARGET_ARCH_sparc)

/* The register window: outs of the caller. */
#define __PT_PARM1_REG u_regs[8]
#define __PT_PARM2_REG u_regs[9]
#define __PT_PARM3_REG u_regs[10]
#define __PT_PARM4_REG u_regs[11]
#define __PT_PARM5_REG u_regs[12]
#define __PT_PARM6_REG u_regs[13]
#define __PT_RC_REG u_regs[8]
#define __PT_SP_REG u_regs[14]
#define __PT_FP_REG u_regs[14]
#define __PT_RET_REG u_regs[15]
#ifdef __arch64__
#define __PT_IP_REG tpc
#else
#define __PT_IP_REG pc
#endif

#elif defined(__TARGET_ARCH_loongarch)

struct pt_regs___loongarch {
	unsigned long orig_a0;
} __attribute__((preserve_access_index));
#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define __PT_ORIG_REG(x) (((const struct pt_regs___loongarch *)(x))->orig_a0)
#define __PT_PARM1_REG regs[4]
#define __PT_PARM2_REG regs[5]
#define __PT_PARM3_REG regs[6]
#define __PT_PARM4_REG regs[7]
#define __PT_PARM5_REG regs[8]
#define __PT_PARM6_REG regs[9]
#define __PT_PARM7_REG regs[10]
#define __PT_PARM8_REG regs[11]
#define __PT_RC_REG regs[4]
#define __PT_SP_REG regs[3]
#define __PT_FP_REG regs[22]
#define __PT_IP_REG csr_era
#define __PT_RET_REG regs[1]

#elif defined(__TARGET_ARCH_arc)

#define __PT_REGS_CAST(x) ((const struct user_regs_struct *)(x))
#define __PT_PARM1_REG scratch.r0
#define __PT_PARM2_REG scratch.r1
#define __PT_PARM3_REG scratch.r2
#define __PT_PARM4_REG scratch.r3
#define __PT_PARM5_REG scratch.r4
#define __PT_PARM6_REG scratch.r5
#define __PT_PARM7_REG scratch.r6
#define __PT_PARM8_REG scratch.r7
#define __PT_RC_REG scratch.r0
#define __PT_SP_REG scratch.sp
#define __PT_FP_REG scratch.fp
#define __PT_IP_REG scratch.ret
#define __PT_RET_REG scratch.blink

#else
#define ___bpf_no_target 1
#endif

struct pt_regs;

#ifndef ___bpf_no_target

#ifndef __PT_REGS_CAST
#define __PT_REGS_CAST(x) (x)
#endif

/* What an architecture passes on the stack has a name that no register has. */
#ifndef __PT_PARM4_REG
#define __PT_PARM4_REG __unsupported_parm4__
#endif
#ifndef __PT_PARM5_REG
#define __PT_PARM5_REG __unsupported_parm5__
#endif
#ifndef __PT_PARM6_REG
#define __PT_PARM6_REG __unsupported_parm6__
#endif
#ifndef __PT_PARM7_REG
#define __PT_PARM7_REG __unsupported_parm7__
#endif
#ifndef __PT_PARM8_REG
#define __PT_PARM8_REG __unsupported_parm8__
#endif

#ifndef __PT_PARM1_SYSCALL_REG
#define __PT_PARM1_SYSCALL_REG __PT_PARM1_REG
#endif
#ifndef __PT_PARM2_SYSCALL_REG
#define __PT_PARM2_SYSCALL_REG __PT_PARM2_REG
#endif
#ifndef __PT_PARM3_SYSCALL_REG
#define __PT_PARM3_SYSCALL_REG __PT_PARM3_REG
#endif
#ifndef __PT_PARM4_SYSCALL_REG
#define __PT_PARM4_SYSCALL_REG __PT_PARM4_REG
#endif
#ifndef __PT_PARM5_SYSCALL_REG
#define __PT_PARM5_SYSCALL_REG __PT_PARM5_REG
#endif
#ifndef __PT_PARM6_SYSCALL_REG
#define __PT_PARM6_SYSCALL_REG __PT_PARM6_REG
#endif
#ifndef __PT_PARM7_SYSCALL_REG
#define __PT_PARM7_SYSCALL_REG __PT_PARM7_REG
#endif

/* From a context that may be read directly (kprobe, perf_event) ... */
#define PT_REGS_PARM1(x) (__PT_REGS_CAST(x)->__PT_PARM1_REG)
#define PT_REGS_PARM2(x) (__PT_REGS_CAST(x)->__PT_PARM2_REG)
#define PT_REGS_PARM3(x) (__PT_REGS_CAST(x)->__PT_PARM3_REG)
#define PT_REGS_PARM4(x) (__PT_REGS_CAST(x)->__PT_PARM4_REG)
#define PT_REGS_PARM5(x) (__PT_REGS_CAST(x)->__PT_PARM5_REG)
#define PT_REGS_PARM6(x) (__PT_REGS_CAST(x)->__PT_PARM6_REG)
#define PT_REGS_PARM7(x) (__PT_REGS_CAST(x)->__PT_PARM7_REG)
#define PT_REGS_PARM8(x) (__PT_REGS_CAST(x)->__PT_PARM8_REG)
#define PT_REGS_RET(x) (__PT_REGS_CAST(x)->__PT_RET_REG)
#define PT_REGS_FP(x) (__PT_REGS_CAST(x)->__PT_FP_REG)
#define PT_REGS_RC(x) (__PT_REGS_CAST(x)->__PT_RC_REG)
#define PT_REGS_SP(x) (__PT_REGS_CAST(x)->__PT_SP_REG)
#define PT_REGS_IP(x) (__PT_REGS_CAST(x)->__PT_IP_REG)

/* ... and from registers that lie in kernel memory, relocated; needs <bpf/bpf_core_read.h>. */
#define PT_REGS_PARM1_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM1_REG)
#define PT_REGS_PARM2_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM2_REG)
#define PT_REGS_PARM3_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM3_REG)
#define PT_REGS_PARM4_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM4_REG)
#define PT_REGS_PARM5_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM5_REG)
#define PT_REGS_PARM6_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM6_REG)
#define PT_REGS_PARM7_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM7_REG)
#define PT_REGS_PARM8_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM8_REG)
#define PT_REGS_RET_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_RET_REG)
#define PT_REGS_FP_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_FP_REG)
#define PT_REGS_RC_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_RC_REG)
#define PT_REGS_SP_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_SP_REG)
#define PT_REGS_IP_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_IP_REG)

#ifdef __PT_ORIG_REG
#define PT_REGS_PARM1_SYSCALL(x) PT_REGS_PARM1_CORE_SYSCALL(x)
#define PT_REGS_PARM1_CORE_SYSCALL(x)                                                                   \
	({                                                                                              \
		unsigned long ___orig;                                                                  \
		bpf_probe_read_kernel(&___orig, sizeof(___orig),                                        \
				      __builtin_preserve_access_index(&__PT_ORIG_REG(x)));              \
		___orig;                                                                                \
	})
#else
#define PT_REGS_PARM1_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM1_SYSCALL_REG)
#define PT_REGS_PARM1_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM1_SYSCALL_REG)
#endif
#define PT_REGS_PARM2_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM2_SYSCALL_REG)
#define PT_REGS_PARM3_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM3_SYSCALL_REG)
#define PT_REGS_PARM4_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM4_SYSCALL_REG)
#define PT_REGS_PARM5_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM5_SYSCALL_REG)
#define PT_REGS_PARM6_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM6_SYSCALL_REG)
#define PT_REGS_PARM7_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM7_SYSCALL_REG)
#define PT_REGS_PARM2_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM2_SYSCALL_REG)
#define PT_REGS_PARM3_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM3_SYSCALL_REG)
#define PT_REGS_PARM4_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM4_SYSCALL_REG)
#define PT_REGS_PARM5_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM5_SYSCALL_REG)
#define PT_REGS_PARM6_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM6_SYSCALL_REG)
#define PT_REGS_PARM7_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM7_SYSCALL_REG)

/* The return address, on entry to a function and on return from it. */
#ifdef ___bpf_ret_on_stack
#define BPF_KPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (const void *)PT_REGS_RET(ctx)); })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (const void *)(PT_REGS_FP(ctx) + sizeof(ip))); })
#elif defined(__TARGET_ARCH_powerpc) || defined(__TARGET_ARCH_sparc)
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = PT_REGS_RET(ctx); })
#define BPF_KRETPROBE_READ_RET_IP BPF_KPROBE_READ_RET_IP
#else
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = PT_REGS_RET(ctx); })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \
	({ bpf_probe_read_kernel(&(ip), sizeof(ip), (const void *)(PT_REGS_FP(ctx) + sizeof(ip))); })
#endif

#else /* ___bpf_no_target */

#define ___bpf_need_target \
	({ _Pragma("GCC error \"registers: say -D__TARGET_ARCH_x86 or another architecture\"") 0UL; })
#define PT_REGS_PARM1(x) ___bpf_need_target
#define PT_REGS_PARM2(x) ___bpf_need_target
#define PT_REGS_PARM3(x) ___bpf_need_target
#define PT_REGS_PARM4(x) ___bpf_need_target
#define PT_REGS_PARM5(x) ___bpf_need_target
#define PT_REGS_PARM6(x) ___bpf_need_target
#define PT_REGS_PARM7(x) ___bpf_need_target
#define PT_REGS_PARM8(x) ___bpf_need_target
#define PT_REGS_RET(x) ___bpf_need_target
#define PT_REGS_FP(x) ___bpf_need_target
#define PT_REGS_RC(x) ___bpf_need_target
#define PT_REGS_SP(x) ___bpf_need_target
#define PT_REGS_IP(x) ___bpf_need_target
#define PT_REGS_PARM1_CORE(x) ___bpf_need_target
#define PT_REGS_PARM2_CORE(x) ___bpf_need_target
#define PT_REGS_PARM3_CORE(x) ___bpf_need_target
#define PT_REGS_PARM4_CORE(x) ___bpf_need_target
#define PT_REGS_PARM5_CORE(x) ___bpf_need_target
#define PT_REGS_PARM6_CORE(x) ___bpf_need_target
#define PT_REGS_PARM7_CORE(x) ___bpf_need_target
#define PT_REGS_PARM8_CORE(x) ___bpf_need_target
#define PT_REGS_RET_CORE(x) ___bpf_need_target
#define PT_REGS_FP_CORE(x) ___bpf_need_target
#define PT_REGS_RC_CORE(x) ___bpf_need_target
#define PT_REGS_SP_CORE(x) ___bpf_need_target
#define PT_REGS_IP_CORE(x) ___bpf_need_target
#define PT_REGS_PARM1_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM2_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM3_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM4_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM5_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM6_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM7_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM1_CORE_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM2_CORE_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM3_CORE_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM4_CORE_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM5_CORE_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM6_CORE_SYSCALL(x) ___bpf_need_target
#define PT_REGS_PARM7_CORE_SYSCALL(x) ___bpf_need_target
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ___bpf_need_target
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) ___bpf_need_target

#endif

/*
 * Where a system call's arguments are in a kprobe on it: architectures with wrappers (x86, arm64, s390, riscv) pass
 * one pointer to the caller's registers.
 */
#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_arm64) || defined(__TARGET_ARCH_s390) || \
	defined(__TARGET_ARCH_riscv)
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
#else
#define PT_REGS_SYSCALL_REGS(ctx) (ctx)
#endif

/* ---- programs with named arguments ---------------------------------------------------------------------- */

/*
 * SEC("...") int BPF_X(name, type a, type b) { body } makes two functions: `name` with the context, which the loader
 * sees, and an inlined one with the arguments and the body. Registers and context slots are 64-bit integers; their
 * way into typed parameters goes through void *, whose conversion the compiler would mention.
 */
#define ___bpf_call(call)                                             \
	_Pragma("GCC diagnostic push")                                \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")        \
	return call;                                                  \
	_Pragma("GCC diagnostic pop")

#define ___bpf_ctx_arg(ctx, i, x) , (void *)(ctx)[i]

/* fentry, fexit, fmod_ret, lsm, raw_tp, tp_btf, iter, struct_ops: the context is an array of 64-bit slots. */
#define BPF_PROG(name, ...)                                                                             \
	name(unsigned long long *ctx);                                                                  \
	static __always_inline __typeof__(name(0)) ____##name(unsigned long long *ctx, ##__VA_ARGS__);  \
	__typeof__(name(0)) name(unsigned long long *ctx)                                               \
	{                                                                                               \
		___bpf_call(____##name(ctx ___bpf_map(___bpf_ctx_arg, ctx, ##__VA_ARGS__)))             \
	}                                                                                               \
	static __always_inline __typeof__(name(0)) ____##name(unsigned long long *ctx, ##__VA_ARGS__)

/*
 * The same with structs of up to 16 bytes by value, which take one or two slots: BPF_PROG2(name, type, a, type, b).
 * Each argument is put together in a union; ___slot runs along and is constant once inlined.
 */
#define ___bpf_word(t)                                                                  \
	__typeof__(__builtin_choose_expr(                                               \
		sizeof(t) == 1, (unsigned char)0,                                       \
		__builtin_choose_expr(sizeof(t) == 2, (unsigned short)0,                \
				      __builtin_choose_expr(sizeof(t) == 4, 0U, 0ULL))))

#define ___bpf_take(t, x)                                                               \
	union {                                                                         \
		___bpf_word(t) word[sizeof(t) > 8 ? 2 : 1];                             \
		t value;                                                                \
	} ___arg_##x;                                                                   \
	_Static_assert(sizeof(t) <= 16, "argument " #x " takes more than two slots");   \
	___arg_##x.word[0] = ctx[___slot++];                                            \
	if (sizeof(t) > 8)                                                              \
		___arg_##x.word[sizeof(t) > 8] = ctx[___slot++];

#define ___bpf_take_declare(t, x) , t x
#define ___bpf_take_pass(t, x) , ___arg_##x.value

#define ___bpf_nth_pair(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, \
			_13, _14, _15, _16, _17, _18, _19, _20, _21, _22, _23, _24, N, ...) N
/* How many pairs; an odd number of arguments has no macro below and is an error there. */
#define ___bpf_npairs(...) \
	___bpf_nth_pair(_, ##__VA_ARGS__, 12, odd, 11, odd, 10, odd, 9, odd, 8, odd, 7, odd, \
			6, odd, 5, odd, 4, odd, 3, odd, 2, odd, 1, odd, 0)
#define ___bpf_pairs0(M)
#define ___bpf_pairs1(M, t, x) M(t, x)
#define ___bpf_pairs2(M, t, x, ...) M(t, x) ___bpf_pairs1(M, __VA_ARGS__)
#define ___bpf_pairs3(M, t, x, ...) M(t, x) ___bpf_pairs2(M, __VA_ARGS__)
#define ___bpf_pairs4(M, t, x, ...) M(t, x) ___bpf_pairs3(M, __VA_ARGS__)
#define ___bpf_pairs5(M, t, x, ...) M(t, x) ___bpf_pairs4(M, __VA_ARGS__)
#define ___bpf_pairs6(M, t, x, ...) M(t, x) ___bpf_pairs5(M, __VA_ARGS__)
#define ___bpf_pairs7(M, t, x, ...) M(t, x) ___bpf_pairs6(M, __VA_ARGS__)
#define ___bpf_pairs8(M, t, x, ...) M(t, x) ___bpf_pairs7(M, __VA_ARGS__)
#define ___bpf_pairs9(M, t, x, ...) M(t, x) ___bpf_pairs8(M, __VA_ARGS__)
#define ___bpf_pairs10(M, t, x, ...) M(t, x) ___bpf_pairs9(M, __VA_ARGS__)
#define ___bpf_pairs11(M, t, x, ...) M(t, x) ___bpf_pairs10(M, __VA_ARGS__)
#define ___bpf_pairs12(M, t, x, ...) M(t, x) ___bpf_pairs11(M, __VA_ARGS__)
#define ___bpf_pairs(M, ...) ___bpf_apply(___bpf_pairs, ___bpf_npairs(__VA_ARGS__))(M, ##__VA_ARGS__)

#define BPF_PROG2(name, ...)                                                                            \
	name(unsigned long long *ctx);                                                                  \
	static __always_inline __typeof__(name(0))                                                      \
	____##name(unsigned long long *ctx ___bpf_pairs(___bpf_take_declare, ##__VA_ARGS__));           \
	__typeof__(name(0)) name(unsigned long long *ctx)                                               \
	{                                                                                               \
		unsigned int ___slot __attribute__((unused)) = 0;                                       \
		___bpf_pairs(___bpf_take, ##__VA_ARGS__)                                                \
		return ____##name(ctx ___bpf_pairs(___bpf_take_pass, ##__VA_ARGS__));                   \
	}                                                                                               \
	static __always_inline __typeof__(name(0))                                                      \
	____##name(unsigned long long *ctx ___bpf_pairs(___bpf_take_declare, ##__VA_ARGS__))

/* A program on struct pt_regs whose arguments are read by `how`(ctx, index, argument). */
#define ___bpf_regs_prog(name, how, ...)                                                                \
	name(struct pt_regs *ctx);                                                                      \
	static __always_inline __typeof__(name(0)) ____##name(struct pt_regs *ctx, ##__VA_ARGS__);      \
	__typeof__(name(0)) name(struct pt_regs *ctx)                                                   \
	{                                                                                               \
		___bpf_call(____##name(ctx ___bpf_map(how, ctx, ##__VA_ARGS__)))                        \
	}                                                                                               \
	static __always_inline __typeof__(name(0)) ____##name(struct pt_regs *ctx, ##__VA_ARGS__)

#define ___bpf_parm0 PT_REGS_PARM1
#define ___bpf_parm1 PT_REGS_PARM2
#define ___bpf_parm2 PT_REGS_PARM3
#define ___bpf_parm3 PT_REGS_PARM4
#define ___bpf_parm4 PT_REGS_PARM5
#define ___bpf_parm5 PT_REGS_PARM6
#define ___bpf_parm6 PT_REGS_PARM7
#define ___bpf_parm7 PT_REGS_PARM8
#define ___bpf_kprobe_arg(ctx, i, x) , (void *)___bpf_apply(___bpf_parm, i)(ctx)
#define ___bpf_kretprobe_arg(ctx, i, x) , (void *)PT_REGS_RC(ctx)

/* A kprobe or uprobe with the function's arguments, and one on its return with the result. */
#define BPF_KPROBE(name, ...) ___bpf_regs_prog(name, ___bpf_kprobe_arg, ##__VA_ARGS__)
#define BPF_KRETPROBE(name, ...) ___bpf_regs_prog(name, ___bpf_kretprobe_arg, ##__VA_ARGS__)
#define BPF_UPROBE(name, ...) BPF_KPROBE(name, ##__VA_ARGS__)
#define BPF_URETPROBE(name, ...) BPF_KRETPROBE(name, ##__VA_ARGS__)

#define ___bpf_sys0(regs, how) PT_REGS_PARM1##how(regs)
#define ___bpf_sys1(regs, how) PT_REGS_PARM2##how(regs)
#define ___bpf_sys2(regs, how) PT_REGS_PARM3##how(regs)
#define ___bpf_sys3(regs, how) PT_REGS_PARM4##how(regs)
#define ___bpf_sys4(regs, how) PT_REGS_PARM5##how(regs)
#define ___bpf_sys5(regs, how) PT_REGS_PARM6##how(regs)
#define ___bpf_sys6(regs, how) PT_REGS_PARM7##how(regs)
#define ___bpf_syscall_arg(regs, i, x) , (void *)___bpf_apply(___bpf_sys, i)(regs, _SYSCALL)
#define ___bpf_wrapped_arg(regs, i, x) , (void *)___bpf_apply(___bpf_sys, i)(regs, _CORE_SYSCALL)

/*
 * A kprobe on a system call, with its arguments. The loader answers LINUX_HAS_SYSCALL_WRAPPER; the branch not taken is
 * dead to the verifier.
 */
#define BPF_KSYSCALL(name, ...)                                                                         \
	name(struct pt_regs *ctx);                                                                      \
	extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;                                               \
	static __always_inline __typeof__(name(0)) ____##name(struct pt_regs *ctx, ##__VA_ARGS__);      \
	__typeof__(name(0)) name(struct pt_regs *ctx)                                                   \
	{                                                                                               \
		if (LINUX_HAS_SYSCALL_WRAPPER) {                                                        \
			struct pt_regs *___regs __attribute__((unused)) =                               \
				(struct pt_regs *)PT_REGS_PARM1(ctx);                                   \
			___bpf_call(____##name(                                                         \
				ctx ___bpf_map(___bpf_wrapped_arg, ___regs, ##__VA_ARGS__)))            \
		}                                                                                       \
		___bpf_call(____##name(ctx ___bpf_map(___bpf_syscall_arg, ctx, ##__VA_ARGS__)))         \
	}                                                                                               \
	static __always_inline __typeof__(name(0)) ____##name(struct pt_regs *ctx, ##__VA_ARGS__)

/* Its first name. */
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL

#endif
