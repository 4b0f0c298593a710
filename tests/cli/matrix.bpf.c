// What a kernel version may lack, one program each. "before A: WORDS; loads from B" is what tests/cli/matrix.py holds
// the matrix against: what the version before A says, and the first that loads it. Some of the gaps between the two
// have other reasons. "never: WORDS" is said of every version.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define naked __attribute__((naked))
#define noinline __attribute__((noinline))
#define core __attribute__((preserve_access_index))
#define weak_ksym __attribute__((section(".ksyms"), weak))
#define uint(name, value) int(*name)[value]
#define type(name, what) what* name

static void* (*map_lookup)(void* map, const void* key) = (void*)1;
static long (*tail_call)(void* ctx, void* map, u32 index) = (void*)12;
static long (*probe_read_kernel)(void* to, u32 size, const void* from) = (void*)113;
static long (*ringbuf_output)(void* map, void* data, u64 size, u64 flags) = (void*)130;
static u64 (*ktime_get_boot_ns)(void) = (void*)125;
static long (*loop)(u32 count, void* body, void* context, u64 flags) = (void*)181;

struct { uint(type, 27); uint(max_entries, 4096); } ring SEC(".maps");
struct { uint(type, 2); uint(max_entries, 1); uint(map_flags, 1 << 12); type(key, u32); type(value, u64); } inner SEC(".maps");
struct { uint(type, 3); uint(max_entries, 1); uint(key_size, 4); uint(value_size, 4); } programs SEC(".maps");

const volatile u32 wanted = 0;

// before 5.2: limit 1M instructions; loads from 5.2
SEC("socket") naked int long_program(void) {
  asm volatile("r0 = 0; .rept 5000; r0 += 1; .endr; r0 = 0; exit");
}

// before 5.1: instruction jeq32_imm; loads from 5.1
SEC("socket") naked int jump32(void) {
  asm volatile("r0 = 0; if w0 == 0 goto +0; exit");
}

// before 5.3: bounded loops; loads from 5.3
SEC("socket") naked int looping(void) {
  asm volatile("r0 = 0; 1: r0 += 1; if r0 != 10 goto 1b; exit");
}

// before 5.5: helper loop; loads from 5.5
SEC("socket") int guarded(void* ctx) {
  if (wanted) return loop(1, ctx, ctx, 0);
  return 0;
}

struct point { long x, y; };
noinline int read_point(struct point* p) { return p ? p->x : 0; }
// before 5.12: pointers to global functions; loads from 5.12
SEC("socket") int global_function(void* ctx) {
  long one = 1;
  asm volatile("" : "+r"(one));
  struct point p = {one, one};
  return read_point(&p);
}

// before 5.10: rejected; loads from 5.10
SEC("socket") naked int bounded_spill(void) {
  asm volatile("r6 = *(u32*)(r1 + 0); r6 &= 7; *(u64*)(r10 - 8) = r6; r6 = *(u64*)(r10 - 8); r0 = 0;"
               "if r6 > 7 goto 1f; exit; 1: r0 = *(u64*)(r0 + 0); exit");
}

static noinline int callee(void* ctx) { asm volatile("" : : "r"(ctx)); return 1; }
// before 5.10: tail calls among functions; loads from 5.10
SEC("tc") int tail_calls(void* ctx) {
  int result = callee(ctx);
  tail_call(ctx, &programs, 0);
  return result;
}

// before 5.12: variable stack offsets; loads from 5.12
SEC("socket") naked int variable_stack(void) {
  asm volatile("r6 = *(u32*)(r1 + 0); r6 &= 8; *(u64*)(r10 - 8) = 0; *(u64*)(r10 - 16) = 0; r2 = r10; r2 += -16;"
               "r2 += r6; r0 = *(u64*)(r2 + 0); r0 = 0; exit");
}

// before 5.16: rejected; loads from 5.16
SEC("socket") naked int narrow_spill(void) {
  asm volatile("w6 = 1; *(u32*)(r10 - 8) = w6; w6 = *(u32*)(r10 - 8); r0 = 0; if r6 != 1 goto 1f; exit;"
               "1: r0 = *(u64*)(r0 + 0); exit");
}

// before 5.12: instruction atomic_fetch_add64; loads from 5.12
SEC("socket") naked int atomic(void) {
  asm volatile("r1 = 1; *(u64*)(r10 - 8) = r1; r1 = atomic_fetch_add((u64*)(r10 - 8), r1); r0 = 0; exit");
}

// before 6.9: instruction may_goto; loads from 6.9
SEC("socket") naked int may_go(void) {
  asm volatile("r0 = 0; .8byte 0x00000000000000e5; exit");
}

// before 5.8: helper ktime_get_boot_ns; loads from 5.8
SEC("socket") int helper(void* ctx) { return ktime_get_boot_ns() == 0; }

static noinline long body(u32 i, void* context) { return i > 3; }
// before 5.13: instruction lddw_func; loads from 5.17
SEC("tc") int callback(void* ctx) { return loop(5, body, 0, 0) < 0; }

// before 5.8: map type ringbuf; loads from 5.8
SEC("socket") int ring_buffer(void* ctx) {
  u64 one = 1;
  return ringbuf_output(&ring, &one, sizeof one, 0) < 0;
}

// before 5.10: map flag BPF_F_INNER_MAP; loads from 5.10
SEC("socket") int inner_map(void* ctx) {
  u32 zero = 0;
  return map_lookup(&inner, &zero) != 0;
}

// before 5.9: program type sk_lookup; loads from 5.9
SEC("sk_lookup") int lookup(void* ctx) { return 1; }

// before 5.8: attach type cgroup_inet4_getpeername; loads from 5.8
SEC("cgroup/getpeername4") int peer_name(void* ctx) { return 1; }

// before 5.18: program flag BPF_F_XDP_HAS_FRAGS; loads from 5.18
SEC("xdp.frags") int fragments(void* ctx) { return 2; }

// before 5.10: program flag BPF_F_SLEEPABLE; loads from 5.10
SEC("lsm.s/bpf") int sleeping(void* ctx) { return 0; }

// before 6.0: program flag BPF_F_SLEEPABLE; loads from 6.0
SEC("uprobe.s") int sleeping_probe(void* ctx) { return 0; }

// loads from 5.0
SEC("kprobe.multi") int many_hooks(void* ctx) { return 0; }

extern int bpf_iter_num_new(void* it, int start, int end) weak_ksym;
extern int* bpf_iter_num_next(void* it) weak_ksym;
extern void bpf_iter_num_destroy(void* it) weak_ksym;
struct bpf_iter_num { u64 opaque[1]; };
// before 6.4: kfunc bpf_iter_num_new; loads from 6.4
SEC("socket") int iterate(void* ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 3);
  while (bpf_iter_num_next(&it)) {}
  bpf_iter_num_destroy(&it);
  return 0;
}

struct task_struct { int pid; } core;
struct task_struct___absent { int no_such_member; } core;
// loads from 5.0
SEC("kprobe/x") int reads_kernel(void* ctx) {
  int pid = 0;
  probe_read_kernel(&pid, sizeof pid, ctx);
  return pid & 1;
}

// never: BTF CO-RE
SEC("kprobe/x") int absent_member(struct task_struct___absent* task) {
  int value = 0;
  probe_read_kernel(&value, sizeof value, &task->no_such_member);
  return value & 1;
}

// never: BTF
SEC("fentry/no_such_function_of_any_kernel") int absent_function(void* ctx) { return 0; }

// never: rejected
SEC("socket") naked int wrong(void) { asm volatile("r0 = *(u64*)(r2 + 0); exit"); }

char _license[] SEC("license") = "GPL";
