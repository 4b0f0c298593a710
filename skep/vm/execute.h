// The interpreter's loop: one labelled piece of code for each row of isa's table, direct-threaded, for any
// Probe, with and without checks.
//
// The semantics are RFC 9669's and, for what came later, those of the kernel (kernel/bpf/core.c and
// Documentation/bpf describe them).
//
// Counting. The instruction budget is charged where straight-line code ends (jumps, calls, exit), which keeps
// it out of the other instructions; a run stops at the first such place after the budget is used up.
#pragma once

#include <cstring>
#include <limits>
#include <span>

#include "skep/base/check.h"
#include "skep/vm/alu.h"
#include "skep/vm/machine.h"
#include "skep/vm/rows.h"
#include "skep/vm/state.h"

// Labels as values and `goto *` are GNU C++.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-label"  // which labels are used depends on `checked` and Probe

namespace skep::vm {

// What RunContext::engine points at during a run.
template <class Probe>
struct Activation {
  State& state;
  Probe& probe;
};

template <bool checked, class Probe>
std::uint64_t call_back(image::RunContext* ctx, image::FunctionValue function, std::uint64_t a1,
                        std::uint64_t a2, std::uint64_t a3, std::uint64_t a4, std::uint64_t a5);

// Makes the registers and the stack of a fresh frame; r1 to r5 are the caller's affair.
template <bool checked>
inline void enter_frame(State& state, Registers& registers) {
  std::uint64_t fp = state.frame_pointer(state.depth);
  registers.r[10] = fp;
  if constexpr (checked) {
    for (unsigned reg : {0U, 6U, 7U, 8U, 9U}) registers.r[reg] = poison;
    std::memset(reinterpret_cast<void*>(fp - stack_bytes), 0, state.clear_bytes);
  }
}

inline std::span<const image::Region> regions_of(const image::RunContext& ctx) {
  if (!ctx.regions) return {};
  return ctx.regions->all();
}

// Whether the program may touch the memory. Fast where it is the running frame's stack or in the region where
// this instruction found its memory last time. (A function of values: the loop's own variables, pc above all,
// must not have addresses, or they are kept in memory.)
[[gnu::always_inline]] inline bool reach(State& state, const image::RunContext& ctx, Place place,
                                         std::span<const image::Region> regions, std::uint64_t frame_low,
                                         std::uint64_t address, std::uint32_t bytes, bool write) {
  if (address - frame_low <= stack_bytes - bytes) return true;
  std::size_t hint = state.hints[place.inst % State::hint_slots];
  if (hint < regions.size()) {
    const image::Region& region = regions[hint];
    std::uint64_t at = address - region.base;
    if (at < region.size && region.kind != image::RegionKind::context && (!write || region.writable)) {
      std::uint64_t end = region.size;
      if (region.stride) {
        end = region.cell;
        if (at >= end) at %= region.stride;
      }
      if (at < end && end - at >= bytes) return true;
    }
  }
  return find_access(state, ctx, place, address, bytes, write);
}

// Runs from `start` until the frame `state.depth` exits. False: state.fault says why.
template <bool checked, class Probe>
__attribute__((no_sanitize("thread"))) bool execute(Activation<Probe>& activation, const image::Image* image,
                                                    image::RunContext& ctx, const image::Inst* start,
                                                    Registers& registers, std::uint64_t* result) {
  static const void* const listed[] = {
#define SKEP_VM_LABEL(name) &&do_##name,
      SKEP_VM_ROWS(SKEP_VM_LABEL)
#undef SKEP_VM_LABEL
  };
  static const LabelTable labels = order_labels(listed);
  const void* const* const table = labels.data();

  State& state = activation.state;
  [[maybe_unused]] Probe& probe = activation.probe;
  const unsigned base = state.depth;
  const image::Image* const outer_image = image;
  std::uint64_t* const r = registers.r;
  const image::Inst* pc = start;
  const image::Inst* first = image->insts.data();
  std::uint32_t loops = max_loops;

  // Checked mode only.
  [[maybe_unused]] const image::Inst* mark = start;  // the straight line that runs began here
  [[maybe_unused]] auto left = static_cast<std::int64_t>(state.budget);
  [[maybe_unused]] std::uint64_t frame_low = state.frame_pointer(base) - stack_bytes;
  [[maybe_unused]] std::span<const image::Region> regions;
  // Operands of the failure labels and of the shared pieces.
  std::uint64_t bad_address = 0;
  std::uint32_t bad_bytes = 0;
  bool bad_write = false;
  unsigned bad_register = 0;
  const image::CallTarget* target = nullptr;
  const image::Function* callee = nullptr;
  [[maybe_unused]] std::uint64_t nothing = 0;  // stands in for memory that is not there

  if constexpr (checked) regions = regions_of(ctx);

#define INDEX static_cast<std::uint32_t>(pc - first)
#define DISPATCH                                                  \
  do {                                                            \
    if constexpr (Probe::active)                                  \
      if (!probe.on_insn(*image, INDEX, registers)) goto stopped; \
    goto* table[pc->op];                                          \
  } while (0)
#define NEXT  \
  do {        \
    ++pc;     \
    DISPATCH; \
  } while (0)
#define CHARGE                 \
  if constexpr (checked) {     \
    left -= (pc - mark) + 1;   \
    if (left < 0) [[unlikely]] \
      goto out_of_budget;      \
  }
#define POLL(place)                                                                              \
  if constexpr (requires { requires Probe::cancellable; })                                       \
    if ((place) <= pc && ctx.cancel && ctx.cancel->load(std::memory_order_relaxed)) [[unlikely]] \
      goto cancelled;
#define GO_ON_AT(place)               \
  do {                                \
    CHARGE                            \
    POLL(place)                       \
    pc = (place);                     \
    if constexpr (checked) mark = pc; \
    DISPATCH;                         \
  } while (0)
#define JUMP GO_ON_AT(pc + 1 + pc->off)
#define USE(reg)                         \
  if constexpr (checked)                 \
    if (r[reg] == poison) [[unlikely]] { \
      bad_register = (reg);              \
      goto unreadable;                   \
    }
#define ACCESS(at, bytes, write)                                                                      \
  if constexpr (checked)                                                                              \
    if (!reach(state, ctx, Place{image, INDEX}, regions, frame_low, at, bytes, write)) [[unlikely]] { \
      bad_address = (at);                                                                             \
      bad_bytes = (bytes);                                                                            \
      bad_write = (write);                                                                            \
      goto bad_access;                                                                                \
    }                                                                                                 \
  if constexpr (Probe::active) {                                                                      \
    if (write)                                                                                        \
      probe.on_store(*image, INDEX, at, bytes);                                                       \
    else                                                                                              \
      probe.on_load(*image, INDEX, at, bytes);                                                        \
  }
  // Accesses that may fault by right (image::Access), in images with a verdict.
#define FACTS(fact, base, bytes)                                        \
  if constexpr (!checked)                                               \
    if (fact) [[unlikely]] {                                            \
      nothing = 0;                                                      \
      at = address_by_fact(*image, ctx, *pc, r[base], bytes, &nothing); \
    }
#define LOSE_ARGUMENTS \
  if constexpr (checked) r[1] = r[2] = r[3] = r[4] = r[5] = poison;

  if constexpr (Probe::active)
    if (!probe.on_insn(*image, INDEX, registers)) goto stopped;
  goto* table[pc->op];

  // --- arithmetic ---

#define ALU(name, function)                                                            \
  do_##name##32_imm : {                                                                \
    USE(pc->dst)                                                                       \
    r[pc->dst] = alu::function<std::uint32_t>(static_cast<std::uint32_t>(r[pc->dst]),  \
                                              static_cast<std::uint32_t>(pc->imm));    \
    NEXT;                                                                              \
  }                                                                                    \
  do_##name##32_reg : {                                                                \
    USE(pc->dst)                                                                       \
    USE(pc->src)                                                                       \
    r[pc->dst] = alu::function<std::uint32_t>(static_cast<std::uint32_t>(r[pc->dst]),  \
                                              static_cast<std::uint32_t>(r[pc->src])); \
    NEXT;                                                                              \
  }                                                                                    \
  do_##name##64_imm : {                                                                \
    USE(pc->dst)                                                                       \
    r[pc->dst] = alu::function<std::uint64_t>(r[pc->dst], pc->imm);                    \
    NEXT;                                                                              \
  }                                                                                    \
  do_##name##64_reg : {                                                                \
    USE(pc->dst)                                                                       \
    USE(pc->src)                                                                       \
    r[pc->dst] = alu::function<std::uint64_t>(r[pc->dst], r[pc->src]);                 \
    NEXT;                                                                              \
  }
  ALU(add, add)
  ALU(sub, sub)
  ALU(mul, mul)
  ALU(div, div)
  ALU(sdiv, sdiv)
  ALU(mod, mod)
  ALU(smod, smod)
  ALU(or, or_)
  ALU(and, and_)
  ALU(xor, xor_)
  ALU(lsh, lsh)
  ALU(rsh, rsh)
  ALU(arsh, arsh)
#undef ALU

  // dst = an expression of one source register.
#define UNARY(name, reg, expression) \
  do_##name : {                      \
    USE(reg)                         \
    std::uint64_t x = r[reg];        \
    r[pc->dst] = (expression);       \
    NEXT;                            \
  }
  UNARY(neg32, pc->dst, static_cast<std::uint32_t>(0 - x))
  UNARY(neg64, pc->dst, 0 - x)
  UNARY(mov32_reg, pc->src, static_cast<std::uint32_t>(x))
  UNARY(mov64_reg, pc->src, x)
  UNARY(movsx8_32, pc->src, static_cast<std::uint32_t>(alu::extend<std::int8_t>(x)))
  UNARY(movsx16_32, pc->src, static_cast<std::uint32_t>(alu::extend<std::int16_t>(x)))
  UNARY(movsx8_64, pc->src, alu::extend<std::int8_t>(x))
  UNARY(movsx16_64, pc->src, alu::extend<std::int16_t>(x))
  UNARY(movsx32_64, pc->src, alu::extend<std::int32_t>(x))
  UNARY(le16, pc->dst, alu::to_little<std::uint16_t>(x))
  UNARY(le32, pc->dst, alu::to_little<std::uint32_t>(x))
  UNARY(le64, pc->dst, alu::to_little<std::uint64_t>(x))
  UNARY(be16, pc->dst, alu::to_big<std::uint16_t>(x))
  UNARY(be32, pc->dst, alu::to_big<std::uint32_t>(x))
  UNARY(be64, pc->dst, alu::to_big<std::uint64_t>(x))
  UNARY(bswap16, pc->dst, alu::swap<std::uint16_t>(x))
  UNARY(bswap32, pc->dst, alu::swap<std::uint32_t>(x))
  UNARY(bswap64, pc->dst, alu::swap<std::uint64_t>(x))
#undef UNARY

do_mov32_imm:
  r[pc->dst] = static_cast<std::uint32_t>(pc->imm);
  NEXT;
do_mov64_imm:
do_lddw:
do_lddw_map_fd:
do_lddw_map_value:
do_lddw_btf_id:
do_lddw_func:
do_lddw_map_idx:
do_lddw_map_idx_value:
  r[pc->dst] = pc->imm;
  NEXT;

do_addr_space_cast: {
  USE(pc->src)
  if (!cast_address(*image, pc->imm, r[pc->src], &r[pc->dst])) {
    fail(state, Place{image, INDEX}, FaultKind::instruction,
         "addr_space_cast needs an arena, this program has none");
    goto failed;
  }
  NEXT;
}

// --- memory ---

#define LOAD(name, type, expression)                                                   \
  do_##name : {                                                                        \
    USE(pc->src)                                                                       \
    std::uint64_t at = r[pc->src] + static_cast<std::uint64_t>(std::int64_t{pc->off}); \
    ACCESS(at, sizeof(type), false)                                                    \
    FACTS(pc->imm, pc->src, sizeof(type))                                              \
    type x;                                                                            \
    __builtin_memcpy(&x, reinterpret_cast<const void*>(at), sizeof x);                 \
    r[pc->dst] = (expression);                                                         \
    NEXT;                                                                              \
  }
  LOAD(ldxb, std::uint8_t, x)
  LOAD(ldxh, std::uint16_t, x)
  LOAD(ldxw, std::uint32_t, x)
  LOAD(ldxdw, std::uint64_t, x)
  LOAD(ldxsb, std::uint8_t, alu::extend<std::int8_t>(x))
  LOAD(ldxsh, std::uint16_t, alu::extend<std::int16_t>(x))
  LOAD(ldxsw, std::uint32_t, alu::extend<std::int32_t>(x))
#undef LOAD

#define STORE(suffix, type)                                                            \
  do_st##suffix : {                                                                    \
    USE(pc->dst)                                                                       \
    std::uint64_t at = r[pc->dst] + static_cast<std::uint64_t>(std::int64_t{pc->off}); \
    ACCESS(at, sizeof(type), true)                                                     \
    FACTS(pc->src, pc->dst, sizeof(type))                                              \
    auto x = static_cast<type>(pc->imm);                                               \
    __builtin_memcpy(reinterpret_cast<void*>(at), &x, sizeof x);                       \
    NEXT;                                                                              \
  }                                                                                    \
  do_stx##suffix : {                                                                   \
    USE(pc->dst)                                                                       \
    USE(pc->src)                                                                       \
    std::uint64_t at = r[pc->dst] + static_cast<std::uint64_t>(std::int64_t{pc->off}); \
    ACCESS(at, sizeof(type), true)                                                     \
    FACTS(pc->imm, pc->dst, sizeof(type))                                              \
    auto x = static_cast<type>(r[pc->src]);                                            \
    __builtin_memcpy(reinterpret_cast<void*>(at), &x, sizeof x);                       \
    NEXT;                                                                              \
  }
  STORE(b, std::uint8_t)
  STORE(h, std::uint16_t)
  STORE(w, std::uint32_t)
  STORE(dw, std::uint64_t)
#undef STORE

  // Atomics need natural alignment, as in the kernel.
#define ATOMIC_ACCESS(type, reg, write)                                                            \
  USE(reg)                                                                                         \
  std::uint64_t at = r[reg] + static_cast<std::uint64_t>(std::int64_t{pc->off});                   \
  ACCESS(at, sizeof(type), write)                                                                  \
  if constexpr (checked)                                                                           \
    if (at % sizeof(type)) [[unlikely]] {                                                          \
      bad_address = at;                                                                            \
      bad_bytes = sizeof(type);                                                                    \
      goto misaligned;                                                                             \
    }                                                                                              \
  FACTS(image::access_of(*pc, isa::row(pc->op).action) != image::Access::plain, reg, sizeof(type)) \
  [[maybe_unused]] auto* cell = reinterpret_cast<type*>(at);

#define ATOMIC_WIDTH(name, builtin, width, type)                                 \
  do_atomic_##name##width : {                                                    \
    USE(pc->src)                                                                 \
    ATOMIC_ACCESS(type, pc->dst, true)                                           \
    builtin(cell, static_cast<type>(r[pc->src]), __ATOMIC_SEQ_CST);              \
    NEXT;                                                                        \
  }                                                                              \
  do_atomic_fetch_##name##width : {                                              \
    USE(pc->src)                                                                 \
    ATOMIC_ACCESS(type, pc->dst, true)                                           \
    r[pc->src] = builtin(cell, static_cast<type>(r[pc->src]), __ATOMIC_SEQ_CST); \
    NEXT;                                                                        \
  }
#define ATOMIC(name, builtin)                    \
  ATOMIC_WIDTH(name, builtin, 32, std::uint32_t) \
  ATOMIC_WIDTH(name, builtin, 64, std::uint64_t)
  ATOMIC(add, __atomic_fetch_add)
  ATOMIC(or, __atomic_fetch_or)
  ATOMIC(and, __atomic_fetch_and)
  ATOMIC(xor, __atomic_fetch_xor)
#undef ATOMIC
#undef ATOMIC_WIDTH

#define SWAP(width, type)                                                                                \
  do_xchg##width : {                                                                                     \
    USE(pc->src)                                                                                         \
    ATOMIC_ACCESS(type, pc->dst, true)                                                                   \
    r[pc->src] = __atomic_exchange_n(cell, static_cast<type>(r[pc->src]), __ATOMIC_SEQ_CST);             \
    NEXT;                                                                                                \
  }                                                                                                      \
  do_cmpxchg##width : {                                                                                  \
    USE(0)                                                                                               \
    USE(pc->src)                                                                                         \
    ATOMIC_ACCESS(type, pc->dst, true)                                                                   \
    auto expected = static_cast<type>(r[0]);                                                             \
    __atomic_compare_exchange_n(cell, &expected, static_cast<type>(r[pc->src]), false, __ATOMIC_SEQ_CST, \
                                __ATOMIC_SEQ_CST);                                                       \
    r[0] = expected;                                                                                     \
    NEXT;                                                                                                \
  }
  SWAP(32, std::uint32_t)
  SWAP(64, std::uint64_t)
#undef SWAP

#define ORDERED(width, type)                                                 \
  do_load_acquire##width : {                                                 \
    ATOMIC_ACCESS(type, pc->src, false)                                      \
    r[pc->dst] = __atomic_load_n(cell, __ATOMIC_ACQUIRE);                    \
    NEXT;                                                                    \
  }                                                                          \
  do_store_release##width : {                                                \
    USE(pc->src)                                                             \
    ATOMIC_ACCESS(type, pc->dst, true)                                       \
    __atomic_store_n(cell, static_cast<type>(r[pc->src]), __ATOMIC_RELEASE); \
    NEXT;                                                                    \
  }
  ORDERED(8, std::uint8_t)
  ORDERED(16, std::uint16_t)
  ORDERED(32, std::uint32_t)
  ORDERED(64, std::uint64_t)
#undef ORDERED
#undef ATOMIC_ACCESS

  // Packet loads through r6; beyond the packet the program (or subprogram) ends with 0.
#define PACKET(name, type, use, offset)                                                                   \
  do_##name : {                                                                                           \
    use USE(6) if constexpr (checked) if (r[6] !=                                                         \
                                          reinterpret_cast<std::uint64_t>(ctx.context)) goto not_context; \
    const std::uint8_t* at = packet_bytes(ctx.packet, static_cast<std::int32_t>(offset), sizeof(type));   \
    if (!at) {                                                                                            \
      r[0] = 0;                                                                                           \
      goto do_exit;                                                                                       \
    }                                                                                                     \
    type x;                                                                                               \
    __builtin_memcpy(&x, at, sizeof x);                                                                   \
    if constexpr (Probe::active)                                                                          \
      probe.on_load(*image, INDEX, reinterpret_cast<std::uint64_t>(at), sizeof x);                        \
    r[0] = alu::to_big<type>(x);                                                                          \
    LOSE_ARGUMENTS                                                                                        \
    NEXT;                                                                                                 \
  }
  PACKET(ld_absb, std::uint8_t, , pc->imm)
  PACKET(ld_absh, std::uint16_t, , pc->imm)
  PACKET(ld_absw, std::uint32_t, , pc->imm)
  PACKET(ld_indb, std::uint8_t, USE(pc->src), r[pc->src] + pc->imm)
  PACKET(ld_indh, std::uint16_t, USE(pc->src), r[pc->src] + pc->imm)
  PACKET(ld_indw, std::uint32_t, USE(pc->src), r[pc->src] + pc->imm)
#undef PACKET

  // --- jumps ---

do_ja:
do_ja32:
  JUMP;

#define JUMP_IF(taken)                                             \
  bool go = (taken);                                               \
  if constexpr (Probe::active) probe.on_branch(*image, INDEX, go); \
  if (go) JUMP;                                                    \
  NEXT;
#define COMPARE(name)                                                                                      \
  do_j##name##32_imm                                                                                       \
      : {USE(pc->dst)                                                                                      \
             JUMP_IF(alu::name<std::uint32_t>(static_cast<std::uint32_t>(r[pc->dst]),                      \
                                              static_cast<std::uint32_t>(pc->imm)))} do_j##name##32_reg    \
      : {USE(pc->dst) USE(pc->src)                                                                         \
             JUMP_IF(alu::name<std::uint32_t>(static_cast<std::uint32_t>(r[pc->dst]),                      \
                                              static_cast<std::uint32_t>(r[pc->src])))} do_j##name##64_imm \
      : {USE(pc->dst) JUMP_IF(alu::name<std::uint64_t>(r[pc->dst], pc->imm))} do_j##name##64_reg : {       \
    USE(pc->dst)                                                                                           \
    USE(pc->src)                                                                                           \
    JUMP_IF(alu::name<std::uint64_t>(r[pc->dst], r[pc->src]))                                              \
  }
  COMPARE(eq)
  COMPARE(ne)
  COMPARE(gt)
  COMPARE(ge)
  COMPARE(lt)
  COMPARE(le)
  COMPARE(set)
  COMPARE(sgt)
  COMPARE(sge)
  COMPARE(slt)
  COMPARE(sle)
#undef COMPARE

do_may_goto: {
  bool over = loops == 0;
  if (!over) loops--;
  JUMP_IF(over)
}

do_gotox: {
  USE(pc->dst)
  std::uint64_t at = r[pc->dst] - reinterpret_cast<std::uint64_t>(first);
  if (at % sizeof(image::Inst) || at / sizeof(image::Inst) >= image->insts.size()) [[unlikely]] {
    bad_address = r[pc->dst];
    goto bad_gotox;
  }
  GO_ON_AT(first + at / sizeof(image::Inst));
}

  // --- calls ---

do_call_helper:
do_call_kfunc:
  target = reinterpret_cast<const image::CallTarget*>(pc->imm);
call_target: {
  if constexpr (checked) {
    CHARGE
    mark = pc + 1;
    state.budget = static_cast<std::uint64_t>(left);
    if (!check_arguments(state, ctx, Place{image, INDEX}, *target, r)) goto failed;
  }
  [[maybe_unused]] std::uint64_t first_argument = r[1];
  state.call_site = INDEX;
  bool replaced = false;
  if constexpr (Probe::active) replaced = probe.on_call(*image, INDEX, *target, registers);
  if (!replaced) r[0] = target->fn(r[1], r[2], r[3], r[4], r[5], &ctx);
  if (state.failed) [[unlikely]]
    goto failed;
  if (ctx.fault) [[unlikely]]
    goto helper_fault;
  if constexpr (checked) {
    left = static_cast<std::int64_t>(state.budget);
    regions = regions_of(ctx);
    note_result(state, *target, first_argument, r[0]);
    if (target->helper && target->helper->ret == uapi::Ret::none) r[0] = poison;
  }
  if (ctx.tail_target) [[unlikely]] {
    const image::Image* next = ctx.tail_target;
    ctx.tail_target = nullptr;
    if constexpr (!checked)
      if (!next->verified && !next->trusted) goto unverified_tail;
    image = next;
    ctx.image = image;
    first = image->insts.data();
    pc = first;
    loops = max_loops;
    r[1] = first_argument;
    if constexpr (checked) {
      mark = pc;
      r[2] = r[3] = r[4] = r[5] = poison;
    }
    enter_frame<checked>(state, registers);
    DISPATCH;
  }
  LOSE_ARGUMENTS
  NEXT;
}

do_call_local:
  callee = image->functions.data() + pc->imm;
enter: {
  CHARGE
  if (state.depth + 1 >= max_frames) [[unlikely]]
    goto too_deep;
  Frame& frame = state.frames[state.depth++];
  frame.image = image;
  frame.next = pc + 1;
  for (unsigned i = 0; i < 4; i++) frame.saved[i] = r[6 + i];
  frame.may_goto = loops;
  enter_frame<checked>(state, registers);
  frame_low = r[10] - stack_bytes;
  loops = max_loops;
  pc = first + callee->first;
  if constexpr (checked) mark = pc;
  DISPATCH;
}

  // A register names a function of the program, or a helper by its number where the image allows it.
do_callx: {
  USE(pc->dst)
  if (const image::Function* function = find_function(*image, r[pc->dst])) {
    callee = function;
    goto enter;
  }
  for (const auto& call : image->calls)
    if (call->number != 0 && call->number == r[pc->dst]) {
      target = call.get();
      goto call_target;
    }
  bad_address = r[pc->dst];
  goto bad_callx;
}

do_exit: {
  CHARGE
  if (state.depth == base) {
    USE(0)
    if constexpr (checked) state.budget = static_cast<std::uint64_t>(left);
    ctx.image = outer_image;
    *result = r[0];
    return true;
  }
  Frame& frame = state.frames[--state.depth];
  if (image != frame.image) {
    image = frame.image;
    ctx.image = image;
    first = image->insts.data();
  }
  pc = frame.next;
  for (unsigned i = 0; i < 4; i++) r[6 + i] = frame.saved[i];
  loops = frame.may_goto;
  r[10] = state.frame_pointer(state.depth);
  frame_low = r[10] - stack_bytes;
  if constexpr (checked) mark = pc;
  LOSE_ARGUMENTS
  DISPATCH;
}

  // --- what ends a run early ---

unreadable:
  fail_register(state, Place{image, INDEX}, bad_register);
  goto failed;
bad_access:
  fail_access(state, ctx, Place{image, INDEX}, bad_address, bad_bytes, bad_write);
  goto failed;
misaligned:
  fail_misaligned(state, ctx, Place{image, INDEX}, bad_address, bad_bytes);
  goto failed;
bad_gotox:
  fail_target(state, Place{image, INDEX}, "the target", bad_address, "an instruction of this program");
  goto failed;
bad_callx:
  fail_target(state, Place{image, INDEX}, "the target", bad_address, "a function of this program");
  goto failed;
not_context:
  fail_target(state, Place{image, INDEX}, "r6", r[6], "the program's context");
  goto failed;
too_deep:
  fail_depth(state, Place{image, INDEX});
  goto failed;
unverified_tail:
  fail(state, Place{image, INDEX}, FaultKind::call, "tail call into a program that carries no verdict");
  goto failed;
helper_fault:
  fail(state, Place{image, INDEX}, FaultKind::helper, target->name + ": " + ctx.fault);
  goto failed;
out_of_budget:
  fail_budget(state, Place{image, INDEX});
  goto failed;
cancelled:
  fail(state, Place{image, INDEX}, FaultKind::cancelled, "the run was cancelled");
  goto failed;
stopped:
  fail(state, Place{image, INDEX}, FaultKind::stopped, "stopped by the probe");
  goto failed;
failed:
  ctx.image = outer_image;
  return false;

#undef INDEX
#undef DISPATCH
#undef NEXT
#undef CHARGE
#undef POLL
#undef GO_ON_AT
#undef JUMP
#undef JUMP_IF
#undef USE
#undef ACCESS
#undef FACTS
#undef LOSE_ARGUMENTS
}

#undef SKEP_VM_WIDTHS
#undef SKEP_VM_BOTH
#undef SKEP_VM_ROWS

}  // namespace skep::vm

#pragma GCC diagnostic pop
