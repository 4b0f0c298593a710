/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Compile once, run everywhere: reading kernel structures whose layout the loader looks up in the running kernel's
 * BTF, and asking what that kernel has.
 *
 * Each question is a compiler builtin that leaves a record in .BTF.ext (Documentation/bpf/llvm_reloc.rst); the
 * loader patches the instruction with the answer. The numbers in the enums are those builtins' arguments.
 */
#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__

#include "bpf_helpers.h"

enum bpf_field_info_kind {
	BPF_FIELD_BYTE_OFFSET = 0,
	BPF_FIELD_BYTE_SIZE = 1,
	BPF_FIELD_EXISTS = 2,
	BPF_FIELD_SIGNED = 3,
	BPF_FIELD_LSHIFT_U64 = 4,
	BPF_FIELD_RSHIFT_U64 = 5,
};

enum bpf_type_id_kind {
	BPF_TYPE_ID_LOCAL = 0,
	BPF_TYPE_ID_TARGET = 1,
};

enum bpf_type_info_kind {
	BPF_TYPE_EXISTS = 0,
	BPF_TYPE_SIZE = 1,
	BPF_TYPE_MATCHES = 2,
};

enum bpf_enum_value_kind {
	BPF_ENUMVAL_EXISTS = 0,
	BPF_ENUMVAL_VALUE = 1,
};

/* A variable of the field's type must not be const; __typeof__ alone keeps the qualifier. */
#if (defined(__clang__) && __clang_major__ >= 19) || (!defined(__clang__) && __GNUC__ >= 14)
#define ___bpf_typeof(x) __typeof_unqual__(x)
#else
#define ___bpf_typeof(x) __typeof__(x)
#endif

#define ___bpf_field_info(field, kind) __builtin_preserve_field_info(field, kind)

/* ---- fields -------------------------------------------------------------------------------------------- */

/* A field is named by an expression (ptr->a.b) or by a type and a path (struct task_struct, mm). */
#define ___bpf_field1(field) field
#define ___bpf_field2(type, field) ((__typeof__(type) *)0)->field
#define ___bpf_field(...) ___bpf_apply(___bpf_field, ___bpf_narg(__VA_ARGS__))(__VA_ARGS__)

/* 1 if the kernel has it, else 0. */
#define bpf_core_field_exists(...) ___bpf_field_info(___bpf_field(__VA_ARGS__), BPF_FIELD_EXISTS)
/* In bytes. */
#define bpf_core_field_size(...) ___bpf_field_info(___bpf_field(__VA_ARGS__), BPF_FIELD_BYTE_SIZE)
#define bpf_core_field_offset(...) ___bpf_field_info(___bpf_field(__VA_ARGS__), BPF_FIELD_BYTE_OFFSET)

/* ---- types and enumerators ------------------------------------------------------------------------------ */

#define bpf_core_type_id_local(type) __builtin_btf_type_id(*(__typeof__(type) *)0, BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(*(__typeof__(type) *)0, BPF_TYPE_ID_TARGET)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(*(__typeof__(type) *)0, BPF_TYPE_EXISTS)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*(__typeof__(type) *)0, BPF_TYPE_SIZE)
#if defined(__clang__) && __clang_major__ < 15
#define bpf_core_type_matches(type) \
	({ _Pragma("GCC error \"bpf_core_type_matches: clang knows it from version 15 on\"") 0; })
#else
#define bpf_core_type_matches(type) __builtin_preserve_type_info(*(__typeof__(type) *)0, BPF_TYPE_MATCHES)
#endif

#define bpf_core_enum_value_exists(enum_type, enum_value) \
	__builtin_preserve_enum_value(*(__typeof__(enum_type) *)enum_value, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(enum_type, enum_value) \
	__builtin_preserve_enum_value(*(__typeof__(enum_type) *)enum_value, BPF_ENUMVAL_VALUE)

/* A pointer that the verifier lets programs read through as the given kernel type (6.2). */
___bpf_extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define bpf_core_cast(ptr, type) \
	((__typeof__(type) *)bpf_rdonly_cast((ptr), bpf_core_type_id_kernel(type)))

/* ---- one read ------------------------------------------------------------------------------------------- */

/* As the bpf_probe_read_* helpers, with the address of the field relocated. */
#define bpf_core_read(dst, sz, src) \
	bpf_probe_read_kernel(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define bpf_core_read_user(dst, sz, src) \
	bpf_probe_read_user(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define bpf_core_read_str(dst, sz, src) \
	bpf_probe_read_kernel_str(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define bpf_core_read_user_str(dst, sz, src) \
	bpf_probe_read_user_str(dst, sz, (const void *)__builtin_preserve_access_index(src))

/* ---- chains of reads ------------------------------------------------------------------------------------ */

/*
 * READ(src, a, b, c) reads src->a->b->c: one probe read per arrow, the last one into dst with the caller's function.
 * A field may itself be a path (f.g[1]). ___bpf_arrow<n> is the whole expression, for its type only; a step reads
 * the pointer behind n fields into ___at, and a failed read leaves null there, which the next one fails on.
 */
#define ___bpf_arrow1(s, a) (s)->a
#define ___bpf_arrow2(s, a, b) ___bpf_arrow1(s, a)->b
#define ___bpf_arrow3(s, a, b, c) ___bpf_arrow2(s, a, b)->c
#define ___bpf_arrow4(s, a, b, c, d) ___bpf_arrow3(s, a, b, c)->d
#define ___bpf_arrow5(s, a, b, c, d, e) ___bpf_arrow4(s, a, b, c, d)->e
#define ___bpf_arrow6(s, a, b, c, d, e, f) ___bpf_arrow5(s, a, b, c, d, e)->f
#define ___bpf_arrow7(s, a, b, c, d, e, f, g) ___bpf_arrow6(s, a, b, c, d, e, f)->g
#define ___bpf_arrow8(s, a, b, c, d, e, f, g, h) ___bpf_arrow7(s, a, b, c, d, e, f, g)->h
#define ___bpf_arrow9(s, a, b, c, d, e, f, g, h, i) ___bpf_arrow8(s, a, b, c, d, e, f, g, h)->i
#define ___bpf_arrow10(s, a, b, c, d, e, f, g, h, i, j) ___bpf_arrow9(s, a, b, c, d, e, f, g, h, i)->j
#define ___bpf_arrow(s, ...) ___bpf_apply(___bpf_arrow, ___bpf_narg(__VA_ARGS__))(s, __VA_ARGS__)

#define ___bpf_step(ptr_read, from) ptr_read(&___at, sizeof(___at), &from);

/* The n-th arrow: the first from the source, the others from what the step before has read. */
#define ___bpf_last1(s, a) (s)->a
#define ___bpf_last2(s, a, b) \
	((__typeof__(___bpf_arrow1(s, a)))___at)->b
#define ___bpf_last3(s, a, b, c) \
	((__typeof__(___bpf_arrow2(s, a, b)))___at)->c
#define ___bpf_last4(s, a, b, c, d) \
	((__typeof__(___bpf_arrow3(s, a, b, c)))___at)->d
#define ___bpf_last5(s, a, b, c, d, e) \
	((__typeof__(___bpf_arrow4(s, a, b, c, d)))___at)->e
#define ___bpf_last6(s, a, b, c, d, e, f) \
	((__typeof__(___bpf_arrow5(s, a, b, c, d, e)))___at)->f
#define ___bpf_last7(s, a, b, c, d, e, f, g) \
	((__typeof__(___bpf_arrow6(s, a, b, c, d, e, f)))___at)->g
#define ___bpf_last8(s, a, b, c, d, e, f, g, h) \
	((__typeof__(___bpf_arrow7(s, a, b, c, d, e, f, g)))___at)->h
#define ___bpf_last9(s, a, b, c, d, e, f, g, h, i) \
	((__typeof__(___bpf_arrow8(s, a, b, c, d, e, f, g, h)))___at)->i
#define ___bpf_last10(s, a, b, c, d, e, f, g, h, i, j) \
	((__typeof__(___bpf_arrow9(s, a, b, c, d, e, f, g, h, i)))___at)->j
#define ___bpf_last(s, ...) ___bpf_apply(___bpf_last, ___bpf_narg(__VA_ARGS__))(s, __VA_ARGS__)

/* All arrows but the last. */
#define ___bpf_steps1(ptr_read, s, a)
#define ___bpf_steps2(ptr_read, s, a, b) \
	___bpf_steps1(ptr_read, s, a) ___bpf_step(ptr_read, ___bpf_last1(s, a))
#define ___bpf_steps3(ptr_read, s, a, b, c) \
	___bpf_steps2(ptr_read, s, a, b) ___bpf_step(ptr_read, ___bpf_last2(s, a, b))
#define ___bpf_steps4(ptr_read, s, a, b, c, d) \
	___bpf_steps3(ptr_read, s, a, b, c) ___bpf_step(ptr_read, ___bpf_last3(s, a, b, c))
#define ___bpf_steps5(ptr_read, s, a, b, c, d, e) \
	___bpf_steps4(ptr_read, s, a, b, c, d) ___bpf_step(ptr_read, ___bpf_last4(s, a, b, c, d))
#define ___bpf_steps6(ptr_read, s, a, b, c, d, e, f) \
	___bpf_steps5(ptr_read, s, a, b, c, d, e) ___bpf_step(ptr_read, ___bpf_last5(s, a, b, c, d, e))
#define ___bpf_steps7(ptr_read, s, a, b, c, d, e, f, g) \
	___bpf_steps6(ptr_read, s, a, b, c, d, e, f) ___bpf_step(ptr_read, ___bpf_last6(s, a, b, c, d, e, f))
#define ___bpf_steps8(ptr_read, s, a, b, c, d, e, f, g, h) \
	___bpf_steps7(ptr_read, s, a, b, c, d, e, f, g) ___bpf_step(ptr_read, ___bpf_last7(s, a, b, c, d, e, f, g))
#define ___bpf_steps9(ptr_read, s, a, b, c, d, e, f, g, h, i) \
	___bpf_steps8(ptr_read, s, a, b, c, d, e, f, g, h) ___bpf_step(ptr_read, ___bpf_last8(s, a, b, c, d, e, f, g, h))
#define ___bpf_steps10(ptr_read, s, a, b, c, d, e, f, g, h, i, j) \
	___bpf_steps9(ptr_read, s, a, b, c, d, e, f, g, h, i) ___bpf_step(ptr_read, ___bpf_last9(s, a, b, c, d, e, f, g, h, i))
#define ___bpf_steps(ptr_read, s, ...) \
	___bpf_apply(___bpf_steps, ___bpf_narg(__VA_ARGS__))(ptr_read, s, __VA_ARGS__)

/* The source has a variable of its own, because it may be such a chain itself and clang nests none in an address. */
#define ___bpf_read_chain(ptr_read, read, dst, src, ...)                                           \
	({                                                                                         \
		__typeof__((src) + 0) ___from = (src);                                             \
		const void *___at __attribute__((unused));                                         \
		___bpf_steps(ptr_read, ___from, __VA_ARGS__)                                       \
		read((void *)(dst), sizeof(*(dst)), &___bpf_last(___from, __VA_ARGS__));           \
	})

/* Into *dst, as many bytes as it has; the value is what the last read returned. */
#define BPF_CORE_READ_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_core_read, bpf_core_read, dst, src, __VA_ARGS__)
#define BPF_CORE_READ_USER_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_core_read_user, bpf_core_read_user, dst, src, __VA_ARGS__)
#define BPF_CORE_READ_STR_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_core_read, bpf_core_read_str, dst, src, __VA_ARGS__)
#define BPF_CORE_READ_USER_STR_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_core_read_user, bpf_core_read_user_str, dst, src, __VA_ARGS__)

/* The same without relocations: the layout is the one that was compiled. */
#define BPF_PROBE_READ_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_probe_read_kernel, bpf_probe_read_kernel, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_USER_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_probe_read_user, bpf_probe_read_user, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_STR_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_probe_read_kernel, bpf_probe_read_kernel_str, dst, src, __VA_ARGS__)
#define BPF_PROBE_READ_USER_STR_INTO(dst, src, ...) \
	___bpf_read_chain(bpf_probe_read_user, bpf_probe_read_user_str, dst, src, __VA_ARGS__)

#define ___bpf_read_value(into, src, ...)                                   \
	({                                                                  \
		___bpf_typeof(___bpf_arrow((src), __VA_ARGS__)) ___value;   \
		into(&___value, src, __VA_ARGS__);                          \
		___value;                                                   \
	})

/* The value itself; 0 if a read failed. */
#define BPF_CORE_READ(src, ...) ___bpf_read_value(BPF_CORE_READ_INTO, src, __VA_ARGS__)
#define BPF_CORE_READ_USER(src, ...) ___bpf_read_value(BPF_CORE_READ_USER_INTO, src, __VA_ARGS__)
#define BPF_PROBE_READ(src, ...) ___bpf_read_value(BPF_PROBE_READ_INTO, src, __VA_ARGS__)
#define BPF_PROBE_READ_USER(src, ...) ___bpf_read_value(BPF_PROBE_READ_USER_INTO, src, __VA_ARGS__)

/* ---- bitfields ------------------------------------------------------------------------------------------ */

/*
 * A bitfield has no address, but the loader knows the storage unit that holds it (offset and size) and the two shifts
 * that bring it to the top of 64 bits and down again, with its sign if it has one.
 */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_low_bytes(val, size) ((void *)&(val))
#else
#define ___bpf_low_bytes(val, size) ((void *)((char *)&(val) + 8 - (size)))
#endif

#define ___bpf_bits(s, field, val)                                                                      \
	({                                                                                              \
		unsigned long long ___top = (val) << ___bpf_field_info((s)->field, BPF_FIELD_LSHIFT_U64); \
		___bpf_field_info((s)->field, BPF_FIELD_SIGNED)                                         \
			? (unsigned long long)((long long)___top >>                                     \
					       ___bpf_field_info((s)->field, BPF_FIELD_RSHIFT_U64))     \
			: ___top >> ___bpf_field_info((s)->field, BPF_FIELD_RSHIFT_U64);                \
	})

/* Through a probe read: for any address. */
#define BPF_CORE_READ_BITFIELD_PROBED(s, field)                                                         \
	({                                                                                              \
		unsigned long long ___val = 0;                                                          \
		const unsigned int ___size = ___bpf_field_info((s)->field, BPF_FIELD_BYTE_SIZE);        \
		bpf_probe_read_kernel(___bpf_low_bytes(___val, ___size), ___size,                       \
				      (const char *)(s) +                                               \
					      ___bpf_field_info((s)->field, BPF_FIELD_BYTE_OFFSET));    \
		___bpf_bits(s, field, ___val);                                                          \
	})

/*
 * The storage unit at its relocated address. barrier_var() keeps the compiler from moving the offset into the loads,
 * which are in four branches: only the addition carries the relocation.
 */
#define ___bpf_unit(s, field)                                                                           \
	({                                                                                              \
		char *___unit = (char *)(s) + ___bpf_field_info((s)->field, BPF_FIELD_BYTE_OFFSET);     \
		barrier_var(___unit);                                                                   \
		___unit;                                                                                \
	})

#define ___bpf_load_unit(at, size)                                          \
	((size) == 1   ? *(const volatile unsigned char *)(at)              \
	 : (size) == 2 ? *(const volatile unsigned short *)(at)             \
	 : (size) == 4 ? *(const volatile unsigned int *)(at)               \
		       : *(const volatile unsigned long long *)(at))

/* Through a plain load: where the verifier allows one (tracing programs, contexts). */
#define BPF_CORE_READ_BITFIELD(s, field)                                                                \
	({                                                                                              \
		const char *___src = ___bpf_unit(s, field);                                             \
		unsigned long long ___val = ___bpf_load_unit(                                           \
			___src, ___bpf_field_info((s)->field, BPF_FIELD_BYTE_SIZE));                    \
		___bpf_bits(s, field, ___val);                                                          \
	})

/* Reads the storage unit, replaces the field's bits, writes it back. */
#define BPF_CORE_WRITE_BITFIELD(s, field, new_val)                                                      \
	({                                                                                              \
		char *___dst = ___bpf_unit(s, field);                                                   \
		const unsigned int ___size = ___bpf_field_info((s)->field, BPF_FIELD_BYTE_SIZE);        \
		const unsigned int ___up = ___bpf_field_info((s)->field, BPF_FIELD_LSHIFT_U64);         \
		const unsigned int ___down = ___bpf_field_info((s)->field, BPF_FIELD_RSHIFT_U64);       \
		const unsigned long long ___mask = (~0ULL << ___down) >> ___up;                         \
		const unsigned long long ___bits =                                                      \
			((unsigned long long)(new_val) << ___down) >> ___up;                            \
		const unsigned long long ___word =                                                      \
			(___bpf_load_unit(___dst, ___size) & ~___mask) | (___bits & ___mask);           \
		switch (___size) {                                                                      \
		case 1: *(volatile unsigned char *)___dst = (unsigned char)___word; break;              \
		case 2: *(volatile unsigned short *)___dst = (unsigned short)___word; break;            \
		case 4: *(volatile unsigned int *)___dst = (unsigned int)___word; break;                \
		case 8: *(volatile unsigned long long *)___dst = ___word; break;                        \
		}                                                                                       \
	})

#endif
