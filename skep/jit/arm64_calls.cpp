// Calls for AArch64: helpers and what they become, functions of the program, callx.
#include <bit>
#include <cerrno>
#include <cstddef>

#include "skep/base/check.h"
#include "skep/image/limits.h"
#include "skep/jit/arm64_lower.h"

namespace skep::jit::arm64 {

using image::RunContext;
using isa::Operation;

void Lowering::call_address(std::uint64_t address) {
  e_.mov_imm(Reg::x16, address);
  e_.blr(Reg::x16);
}

void Lowering::call(const image::Inst& inst, const isa::Op& row) {
  if (row.operation == Operation::call_local) return call_local(static_cast<std::uint32_t>(inst.imm));
  if (row.operation == Operation::call_register) return callx(inst);
  while (next_call_ < plan_.calls.size() && plan_.calls[next_call_].inst < inst_) next_call_++;
  check(next_call_ < plan_.calls.size() && plan_.calls[next_call_].inst == inst_, "the call is planned");
  call_planned(plan_.calls[next_call_++]);
}

void Lowering::call_planned(const CallPlan& call) {
  switch (call.kind) {
    case CallKind::helper:
      if (call.may_tail_call) e_.store(Mem::x, Reg::x0, Reg::x29, frame_.tail_argument);
      e_.mov(Size::x, Reg::x5, ctx);
      call_address(reinterpret_cast<std::uint64_t>(call.target->fn));
      e_.mov(Size::x, r0, Reg::x0);
      return after_helper(call.may_fault, call.may_tail_call);
    case CallKind::array:
    case CallKind::percpu_array: return array_lookup(call);
    case CallKind::lookup:
      e_.mov(Size::x, Reg::x2, ctx);
      call_address(reinterpret_cast<std::uint64_t>(call.map->lookup));
      return e_.mov(Size::x, r0, Reg::x0);
    case CallKind::update:
      e_.mov(Size::x, Reg::x4, ctx);
      call_address(reinterpret_cast<std::uint64_t>(call.map->update));
      return e_.mov(Size::x, r0, Reg::x0);
    case CallKind::remove:
      e_.mov(Size::x, Reg::x2, ctx);
      call_address(reinterpret_cast<std::uint64_t>(call.map->remove));
      return e_.mov(Size::x, r0, Reg::x0);
    case CallKind::cpu: return e_.load(Mem::w, r0, ctx, offsetof(RunContext, cpu));
    case CallKind::loop: return call_loop(call);
  }
}

void Lowering::after_helper(bool may_fault, bool may_tail_call) {
  if (may_fault) {
    e_.load(Mem::x, Reg::x9, ctx, offsetof(RunContext, fault));
    e_.cbnz(Size::x, Reg::x9, add_cold({.what = Cold::What::helper_fault, .at = {}, .inst = 0}));
  }
  if (may_tail_call) {
    e_.load(Mem::x, Reg::x9, ctx, offsetof(RunContext, tail_target));
    e_.cbnz(Size::x, Reg::x9, add_cold({.what = Cold::What::tail_call, .at = {}, .inst = 0}));
  }
}

// r0 = *(u32 *)r2 < max_entries ? its value : null
void Lowering::array_lookup(const CallPlan& call) {
  const image::MapDescriptor& map = *call.map;
  e_.load(Mem::w, Reg::x9, Reg::x1, 0);
  if (fits_add(map.max_entries)) {
    e_.alu_imm(Alu::subs, Size::w, Reg::zr, Reg::x9, map.max_entries);
  } else {
    e_.mov_imm(Reg::x10, map.max_entries);
    e_.alu(Alu::subs, Size::w, Reg::zr, Reg::x9, Reg::x10);
  }
  // Nothing below changes the flags.
  e_.mov_imm(Reg::x11, reinterpret_cast<std::uint64_t>(map.base));
  if (std::has_single_bit(map.stride)) {
    e_.alu_shifted(Alu::add, Size::x, Reg::x11, Reg::x11, Reg::x9,
                   static_cast<unsigned>(std::countr_zero(map.stride)));
  } else {
    e_.mov_imm(Reg::x10, map.stride);
    e_.umaddl(Reg::x11, Reg::x9, Reg::x10, Reg::x11);
  }
  if (call.kind == CallKind::percpu_array) {
    e_.load(Mem::w, Reg::x9, ctx, offsetof(RunContext, cpu));
    e_.mov_imm(Reg::x10, map.cpu_stride);
    e_.madd(Size::x, Reg::x11, Reg::x9, Reg::x10, Reg::x11);
  }
  e_.csel(Size::x, r0, Reg::x11, Reg::zr, Cond::lo);
}

// --- functions of the program ---

void Lowering::deeper() {
  if (!plan_.count_depth) return;
  e_.load(Mem::w, Reg::x9, state, offsetof(State, depth));
  e_.alu_imm(Alu::add, Size::w, Reg::x9, Reg::x9, 1);
  e_.alu_imm(Alu::subs, Size::w, Reg::zr, Reg::x9, image::max_frames);
  e_.b(Cond::hs, fault(FaultKind::call, fault_depth));
  e_.store(Mem::w, Reg::x9, state, offsetof(State, depth));
}

void Lowering::shallower() {
  if (!plan_.count_depth) return;
  e_.load(Mem::w, Reg::x9, state, offsetof(State, depth));
  e_.alu_imm(Alu::sub, Size::w, Reg::x9, Reg::x9, 1);
  e_.store(Mem::w, Reg::x9, state, offsetof(State, depth));
}

// What runs is this image when the function begins; a callee's tail call changes that.
void Lowering::keep_codes() {
  e_.load(Mem::x, Reg::x9, ctx, offsetof(RunContext, image));
  e_.load(Mem::x, Reg::x10, state, offsetof(State, code));
  e_.store_pair(Reg::x9, Reg::x10, Reg::x29, frame_.codes);
}

void Lowering::restore_codes() {
  e_.load_pair(Reg::x9, Reg::x10, Reg::x29, frame_.codes);
  e_.store(Mem::x, Reg::x9, ctx, offsetof(RunContext, image));
  e_.store(Mem::x, Reg::x10, state, offsetof(State, code));
}

void Lowering::call_local(std::uint32_t function) {
  deeper();
  e_.bl(function_labels_[function]);
  shallower();
  if (plan_.functions[function].may_tail_call) restore_codes();
}

// bpf_loop(count, function, context, flags).
void Lowering::call_loop(const CallPlan& call) {
  constexpr std::uint64_t most = image::max_loops;
  Label end = e_.label(), done = e_.label(), again = e_.label();
  auto refuse_unless = [&](Cond cond, int error) {
    Label good = e_.label();
    e_.b(cond, good);
    e_.mov_imm(r0, static_cast<std::uint64_t>(std::int64_t{-error}));
    e_.b(end);
    e_.bind(good);
  };
  e_.alu_imm(Alu::subs, Size::x, Reg::zr, Reg::x3, 0);
  refuse_unless(Cond::eq, EINVAL);
  e_.alu_imm(Alu::subs, Size::w, Reg::zr, Reg::x0, most);
  refuse_unless(Cond::ls, E2BIG);
  e_.mov(Size::w, loop_count, Reg::x0);
  e_.mov(Size::x, loop_context, Reg::x2);
  e_.mov_imm(loop_index, 0);
  deeper();
  e_.bind(again);
  e_.alu(Alu::subs, Size::w, Reg::zr, loop_index, loop_count);
  e_.b(Cond::hs, done);
  if (options_.cancellable) poll();
  e_.mov(Size::x, Reg::x0, loop_index);
  e_.mov(Size::x, Reg::x1, loop_context);
  for (Reg rest : {Reg::x2, Reg::x3, Reg::x4}) e_.mov(Size::x, rest, Reg::zr);
  e_.bl(function_labels_[call.function]);
  if (plan_.functions[call.function].may_tail_call) restore_codes();
  e_.alu_imm(Alu::add, Size::w, loop_index, loop_index, 1);
  e_.cbz(Size::x, r0, again);
  e_.bind(done);
  shallower();
  e_.mov(Size::x, r0, loop_index);
  e_.bind(end);
}

// A register names a function of the program or a helper by its number; who it is is found at run time.
void Lowering::callx(const image::Inst& inst) {
  constexpr int bytes = 64, at_target = 40, at_value = 48;
  e_.alu_imm(Alu::sub, Size::x, Reg::sp, Reg::sp, bytes);
  e_.store_pair(Reg::x0, Reg::x1, Reg::sp, 0);
  e_.store_pair(Reg::x2, Reg::x3, Reg::sp, 16);
  e_.store(Mem::x, Reg::x4, Reg::sp, 32);
  e_.mov(Size::x, Reg::x1, reg(inst.dst));
  e_.store(Mem::x, Reg::x1, Reg::sp, at_value);
  e_.mov(Size::x, Reg::x0, ctx);
  e_.alu_imm(Alu::add, Size::x, Reg::x2, Reg::sp, at_target);
  call_address(reinterpret_cast<std::uint64_t>(&resolve_callx));
  e_.mov(Size::x, Reg::x16, Reg::x0);
  e_.load_pair(Reg::x17, Reg::x10, Reg::sp, at_target);
  e_.load_pair(Reg::x0, Reg::x1, Reg::sp, 0);
  e_.load_pair(Reg::x2, Reg::x3, Reg::sp, 16);
  e_.load(Mem::x, Reg::x4, Reg::sp, 32);
  e_.alu_imm(Alu::add, Size::x, Reg::sp, Reg::sp, bytes);

  Label helper = e_.label(), end = e_.label();
  e_.cbz(Size::x, Reg::x16, helper);
  deeper();
  e_.blr(Reg::x16);
  shallower();
  restore_codes();
  e_.b(end);

  e_.bind(helper);
  e_.cbz(Size::x, Reg::x17, fault(FaultKind::call, Reg::x10));
  e_.store(Mem::x, Reg::x0, Reg::x29, frame_.tail_argument);
  e_.mov(Size::x, Reg::x5, ctx);
  e_.load(Mem::x, Reg::x16, Reg::x17, offsetof(image::CallTarget, fn));
  e_.blr(Reg::x16);
  e_.mov(Size::x, r0, Reg::x0);
  after_helper(true, true);
  e_.bind(end);
}

}  // namespace skep::jit::arm64
