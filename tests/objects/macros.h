// What the sources of the test objects need of BPF's headers, so that they depend on <linux/bpf.h> alone.
#pragma once
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int(*name)[val]
#define __ulong(name, val) enum { name##_value_##val = val } name
#define __type(name, val) __typeof__(val)* name
#define __array(name, val) __typeof__(val)* name[]
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define __hidden __attribute__((visibility("hidden")))
#define __noinline __attribute__((noinline))

// bpf-gcc 12 folds a constant function pointer into a call only under its own attribute.
#ifdef __clang__
#define HELPER(ret, name, number, ...) static ret (*const name)(__VA_ARGS__) = (void*)number
#else
#define HELPER(ret, name, number, ...) ret name(__VA_ARGS__) __attribute__((kernel_helper(number)))
#endif
HELPER(void*, map_lookup_elem, 1, void* map, const void* key);
HELPER(long, map_update_elem, 2, void* map, const void* key, const void* value, __u64 flags);
HELPER(__u64, ktime_get_ns, 5, void);
HELPER(long, tail_call, 12, void* ctx, void* map, __u32 index);
HELPER(__u64, get_current_task, 35, void);
HELPER(long, probe_read_kernel, 113, void* dst, __u32 size, const void* src);
