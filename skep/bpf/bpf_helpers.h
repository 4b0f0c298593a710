/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What every BPF program includes: sections, map definitions, helpers, printing, iterating.
 *
 * Include <linux/bpf.h> or vmlinux.h first: they bring the integer types and the contexts. The names are
 * libbpf's, so that programs compile against either.
 */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

#include "bpf_args.h"
#include "bpf_helper_defs.h"

/* ---- attributes ---------------------------------------------------------------------------------------- */

/*
 * The ELF section of a program, a map or a variable; for a program it also says its type and where it attaches.
 * clang does not know `used` on every kind of declaration that carries SEC().
 */
#ifdef __clang__
#define SEC(name)                                                     \
	_Pragma("GCC diagnostic push")                                \
	_Pragma("GCC diagnostic ignored \"-Wignored-attributes\"")    \
	__attribute__((section(name), used))                          \
	_Pragma("GCC diagnostic pop")
#else
#define SEC(name) __attribute__((section(name), used))
#endif

/* The system's headers may have their own idea of these. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
/* A global function or map with this is checked as part of its callers and does not leave its object. */
#ifndef __hidden
#define __hidden __attribute__((visibility("hidden")))
#endif

/* Externs that the loader fills: values of the kernel's configuration, kernel symbols and kfuncs. */
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))

/* Kernel symbols are not mangled. */
#ifdef __cplusplus
#define ___bpf_extern extern "C"
#else
#define ___bpf_extern extern
#endif

/* Type and declaration tags reach the verifier through BTF; compilers before clang 14 have none. */
#if defined(__has_attribute) && __has_attribute(btf_type_tag)
#define ___bpf_type_tag(tag) __attribute__((btf_type_tag(tag)))
#else
#define ___bpf_type_tag(tag)
#endif
#if defined(__has_attribute) && __has_attribute(btf_decl_tag)
#define ___bpf_decl_tag(tag) __attribute__((btf_decl_tag(tag)))
#else
#define ___bpf_decl_tag(tag)
#endif

/* Pointers to kernel objects in map values. */
#define __kptr ___bpf_type_tag("kptr")
#define __kptr_untrusted ___bpf_type_tag("kptr_untrusted")
#define __percpu_kptr ___bpf_type_tag("percpu_kptr")
#define __uptr ___bpf_type_tag("uptr")

/* What a global function promises to expect of an argument. */
#define __arg_ctx ___bpf_decl_tag("arg:ctx")
#define __arg_nonnull ___bpf_decl_tag("arg:nonnull")
#define __arg_nullable ___bpf_decl_tag("arg:nullable")
#define __arg_trusted ___bpf_decl_tag("arg:trusted")
#define __arg_untrusted ___bpf_decl_tag("arg:untrusted")
#define __arg_arena ___bpf_decl_tag("arg:arena")

/* ---- map definitions ----------------------------------------------------------------------------------- */

/*
 * Members of the anonymous struct behind SEC(".maps"). A number is the length of an array type, a type is what a
 * pointer points to; both live in BTF alone. __ulong() takes 64 bits: the value of an enumerator.
 */
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]
#define __ulong(name, val) enum { ___bpf_apply(__unique_value, __COUNTER__) = (val) } name

enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	/* The map is pinned as <bpffs>/<name> and found there again. */
	LIBBPF_PIN_BY_NAME,
};

/* The values of a three-state CONFIG_ extern. */
enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

/* ---- small things that vmlinux.h does not bring --------------------------------------------------------- */

#ifndef NULL
#ifdef __cplusplus
#define NULL __null
#else
#define NULL ((void *)0)
#endif
#endif

#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif

/* The builtin is an integer constant, which the null-pointer arithmetic of other headers is not. */
#undef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)

#undef container_of
#define container_of(ptr, type, member)                                                \
	({                                                                             \
		const __typeof__(((type *)0)->member) *___inner = (ptr);               \
		(type *)((char *)(unsigned long)___inner - offsetof(type, member));    \
	})

/* The compiler keeps loads and stores on their side of this. */
#ifndef barrier
#define barrier() __asm__ volatile("" ::: "memory")
#endif

/* The compiler forgets what it knew of the variable: checks that it found superfluous stay where they are. */
#ifndef barrier_var
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#endif

/* A place that must not remain after optimisation; if it does, the verifier refuses the call to nowhere. */
#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

/*
 * Whether the kernel has the kfunc, or the variable whose address is given. Only a weak extern can answer no; GCC
 * cannot tell which one is.
 */
#ifdef __clang__
#define bpf_ksym_exists(sym)                                                               \
	({                                                                                 \
		_Static_assert(!__builtin_constant_p(!!sym), #sym " must be __weak");      \
		!!sym;                                                                     \
	})
#else
#define bpf_ksym_exists(sym) (!!sym)
#endif

/* ---- tail calls ---------------------------------------------------------------------------------------- */

/*
 * A tail call to a constant slot. The three arguments are put into their registers in one piece, so that the
 * kernel sees a constant index on every path and can make a direct jump of it.
 */
#ifdef __clang__
#define bpf_tail_call_static(ctx, map, slot)                                               \
	({                                                                                 \
		const void *___tc_ctx = (ctx), *___tc_map = (map);                         \
		__asm__ volatile("r1 = %[c]\n\t"                                           \
				 "r2 = %[m]\n\t"                                           \
				 "r3 = %[s]\n\t"                                           \
				 "call 12"                                                 \
				 :                                                         \
				 : [c] "r"(___tc_ctx), [m] "r"(___tc_map), [s] "i"(slot)   \
				 : "r0", "r1", "r2", "r3", "r4", "r5", "memory");          \
	})
#else
#define bpf_tail_call_static(ctx, map, slot) ((void)bpf_tail_call((void *)(ctx), (map), (slot)))
#endif

/* ---- printing ------------------------------------------------------------------------------------------ */

/*
 * The format goes to .rodata. Programs without global data (kernels before 5.2) define BPF_NO_GLOBAL_DATA and get
 * it on the stack.
 */
#ifdef BPF_NO_GLOBAL_DATA
#define BPF_PRINTK_FMT_MOD
#else
#define BPF_PRINTK_FMT_MOD static const
#endif

/* Up to three arguments travel in registers ... */
#define __bpf_printk(fmt, ...)                                                             \
	({                                                                                 \
		BPF_PRINTK_FMT_MOD char ____fmt[] = fmt;                                   \
		bpf_trace_printk(____fmt, sizeof(____fmt), ##__VA_ARGS__);                 \
	})

/* ... more of them as an array (5.16). */
#define __bpf_vprintk(fmt, ...)                                                            \
	({                                                                                 \
		static const char ____fmt[] = fmt;                                         \
		unsigned long long ____args[___bpf_narg(__VA_ARGS__)];                     \
		___bpf_fill(____args, ##__VA_ARGS__)                                       \
		bpf_trace_vprintk(____fmt, sizeof(____fmt), ____args, sizeof(____args));   \
	})

#define ___bpf_printk_0 __bpf_printk
#define ___bpf_printk_1 __bpf_printk
#define ___bpf_printk_2 __bpf_printk
#define ___bpf_printk_3 __bpf_printk
#define ___bpf_printk_4 __bpf_vprintk
#define ___bpf_printk_5 __bpf_vprintk
#define ___bpf_printk_6 __bpf_vprintk
#define ___bpf_printk_7 __bpf_vprintk
#define ___bpf_printk_8 __bpf_vprintk
#define ___bpf_printk_9 __bpf_vprintk
#define ___bpf_printk_10 __bpf_vprintk
#define ___bpf_printk_11 __bpf_vprintk
#define ___bpf_printk_12 __bpf_vprintk

/* To the trace pipe. The value is what the helper returned. */
#define bpf_printk(fmt, ...) \
	___bpf_apply(___bpf_printk_, ___bpf_narg(__VA_ARGS__))(fmt, ##__VA_ARGS__)

/* Into the seq_file of an iterator. */
#define BPF_SEQ_PRINTF(seq, fmt, ...)                                                              \
	({                                                                                         \
		static const char ____fmt[] = fmt;                                                 \
		unsigned long long ____args[___bpf_narg(__VA_ARGS__)];                             \
		___bpf_fill(____args, ##__VA_ARGS__)                                               \
		bpf_seq_printf(seq, ____fmt, sizeof(____fmt), ____args, sizeof(____args));         \
	})

/* Into memory; the value is the length that was needed, with the NUL. */
#define BPF_SNPRINTF(out, out_size, fmt, ...)                                                      \
	({                                                                                         \
		static const char ____fmt[] = fmt;                                                 \
		unsigned long long ____args[___bpf_narg(__VA_ARGS__)];                             \
		___bpf_fill(____args, ##__VA_ARGS__)                                               \
		bpf_snprintf(out, out_size, ____fmt, ____args, sizeof(____args));                  \
	})

/*
 * Into one of the program's streams: 1 is BPF_STDOUT, 2 is BPF_STDERR. 6.18 has the kfunc with the suffix and a
 * last argument that the verifier fills; later kernels have the plain one.
 */
___bpf_extern int bpf_stream_vprintk(int stream_id, const char *fmt__str, const void *args, __u32 len__sz) __weak __ksym;
___bpf_extern int bpf_stream_vprintk_impl(int stream_id, const char *fmt__str, const void *args, __u32 len__sz,
				   void *aux__prog) __weak __ksym;

#define bpf_stream_printk(stream_id, fmt, ...)                                                     \
	({                                                                                         \
		static const char ____fmt[] = fmt;                                                 \
		unsigned long long ____args[___bpf_narg(__VA_ARGS__)];                             \
		___bpf_fill(____args, ##__VA_ARGS__)                                               \
		bpf_ksym_exists(bpf_stream_vprintk)                                                \
			? bpf_stream_vprintk(stream_id, ____fmt, ____args, sizeof(____args))       \
			: bpf_stream_vprintk_impl(stream_id, ____fmt, ____args, sizeof(____args),  \
						  NULL);                                           \
	})

/* ---- open-coded iterators (6.4) ------------------------------------------------------------------------- */

struct bpf_iter_num;
___bpf_extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
___bpf_extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
___bpf_extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

/*
 * One iterator of the kind, alive for one loop and destroyed however the loop is left. The first clause of a `for`
 * has room for one declaration only: the second declarator is there for its initialiser, which runs new(). It also
 * mentions destroy(), because clang's `cleanup` alone would not put that function's prototype into BTF.
 */
#define ___bpf_iter_begin(kind, ...)                                                               \
	struct bpf_iter_##kind ___it                                                               \
		__attribute__((aligned(8), cleanup(bpf_iter_##kind##_destroy))),                   \
		*___begun __attribute__((unused)) = (bpf_iter_##kind##_new(&___it, ##__VA_ARGS__), \
						     (void)bpf_iter_##kind##_destroy,              \
						     (struct bpf_iter_##kind *)0)

/* for each element of a kfunc iterator: bpf_for_each(task, pos, NULL, BPF_TASK_ITER_ALL_PROCS) { ... } */
#ifndef bpf_for_each
#define bpf_for_each(type, cur, ...)                        \
	for (___bpf_iter_begin(type, ##__VA_ARGS__);        \
	     ((cur) = bpf_iter_##type##_next(&___it));)
#endif

/* for (i = start; i < end; i++), of any length. The comparison tells the verifier the range of i. */
#ifndef bpf_for
#define bpf_for(i, start, end)                                                                     \
	for (___bpf_iter_begin(num, (start), (end)); ({                                            \
		     int *___now = bpf_iter_num_next(&___it);                                      \
		     ___now && ((i) = *___now, (i) >= (start) && (i) < (end));                     \
	     });)
#endif

/* n times. */
#ifndef bpf_repeat
#define bpf_repeat(n) for (___bpf_iter_begin(num, 0, (n)); bpf_iter_num_next(&___it);)
#endif

#endif
