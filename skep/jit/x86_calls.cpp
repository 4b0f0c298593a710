// Calls: of functions of the program, of helpers, and what takes their place.
#include <bit>
#include <cstddef>

#include "skep/base/check.h"
#include "skep/jit/x86_64.h"

namespace skep::jit::x86 {

using image::MapDescriptor;
using image::RunContext;
using isa::Operation;

static std::uint64_t address(const void* at) { return reinterpret_cast<std::uint64_t>(at); }

void Compiler::emit_call(const Inst& inst, const Op& row) {
  if (row.operation == Operation::call_local) {
    call_local(entries_[inst.imm], plan_.functions[inst.imm].may_tail_call);
  } else if (row.operation == Operation::call_register) {
    emit_callx(inst);
  } else {
    while (plan_.calls[next_call_].inst < at_) next_call_++;
    const CallPlan& call = plan_.calls[next_call_];
    switch (call.kind) {
      case CallKind::helper:
        switch (call.instead) {
          case CallPlan::Instead::nothing: emit_helper(call); break;
          case CallPlan::Instead::each: emit_each(call); break;
          case CallPlan::Instead::tail: emit_tail_call(call); break;
        }
        break;
      case CallKind::array:
      case CallKind::percpu_array: emit_array(call, Reg::none, nullptr, no_label); break;
      case CallKind::lookup:
      case CallKind::update:
      case CallKind::remove: emit_map(call); break;
      case CallKind::cpu: a_.load(32, Reg::ax, {context, offsetof(RunContext, cpu)}); break;
      case CallKind::loop: emit_loop(call); break;
    }
  }
  upper_zero_ = static_cast<std::uint16_t>(upper_zero_ & ~0b11'1111);
}

void Compiler::call_address(std::uint64_t at) {
  a_.mov_imm(Reg::ax, at);
  a_.call(Reg::ax);
}

void Compiler::emit_helper(const CallPlan& call) {
  if (call.may_tail_call) a_.store(64, {Reg::sp, slots_.first_argument}, Reg::di);
  if (call.arguments >= 3) a_.mov(64, Reg::dx, registers[3]);
  if (call.arguments >= 4) a_.mov(64, Reg::cx, registers[4]);
  a_.mov(64, Reg::r9, context);
  call_address(reinterpret_cast<std::uint64_t>(call.target->fn));
  after_helper(call.may_fault, call.may_tail_call);
}

void Compiler::after_helper(bool may_fault, bool may_tail_call) {
  if (may_fault) {
    a_.alu(Alu::cmp, 64, Mem{context, offsetof(RunContext, fault)}, 0);
    a_.jump(Cond::ne, add_cold({Cold::helper_fault}));
  }
  if (may_tail_call) {
    a_.alu(Alu::cmp, 64, Mem{context, offsetof(RunContext, tail_target)}, 0);
    a_.jump(Cond::ne, add_cold({Cold::tail_call}));
  }
}

// r0 = index < max_entries ? base + index * stride (+ cpu * cpu_stride) : 0
void Compiler::emit_array(const CallPlan& call, Reg key, const std::uint32_t* constant, LabelId missing) {
  const MapDescriptor& map = *call.map;
  const std::uint32_t stride = map.stride;
  const bool percpu = call.kind == CallKind::percpu_array;
  Cold miss{Cold::constant};
  miss.reg = Reg::ax;
  miss.back = missing;
  const bool goes_on = missing == no_label;
  if (goes_on) miss.back = a_.label();
  if (constant && *constant >= map.max_entries) {
    a_.zero(Reg::ax);
    if (goes_on)
      a_.bind(miss.back);
    else
      a_.jump(missing);
    return;
  }
  if (percpu) {
    a_.load(32, t1, {context, offsetof(RunContext, cpu)});
    if (map.cpu_stride <= 0x7fff'ffff) {
      a_.imul(64, t1, t1, static_cast<std::int32_t>(map.cpu_stride));
    } else {
      a_.mov_imm(t2, map.cpu_stride);
      a_.imul(64, t1, t2);
    }
  }
  if (constant) {
    a_.mov_imm(Reg::ax, address(map.base) + std::uint64_t{*constant} * stride);
    if (percpu) a_.alu(Alu::add, 64, Reg::ax, t1);
    if (goes_on) a_.bind(miss.back);
    return;
  }
  if (key == Reg::none)
    a_.load(32, Reg::ax, {Reg::si, 0});
  else
    a_.mov(32, Reg::ax, key);
  a_.alu(Alu::cmp, 32, Reg::ax, static_cast<std::int32_t>(map.max_entries));
  a_.jump(Cond::ae, add_cold(miss));
  a_.mov_imm(t0, address(map.base));
  if (percpu) a_.alu(Alu::add, 64, t0, t1);
  if (stride <= 8 && std::has_single_bit(stride)) {
    a_.lea(64, Reg::ax, {t0, 0, Reg::ax, static_cast<std::uint8_t>(std::countr_zero(stride))});
  } else {
    if (std::has_single_bit(stride)) {
      a_.shift(Shift::shl, 64, Reg::ax, static_cast<unsigned>(std::countr_zero(stride)));
    } else if (stride <= 0x7fff'ffff) {
      a_.imul(64, Reg::ax, Reg::ax, static_cast<std::int32_t>(stride));
    } else {
      a_.mov_imm(t1, stride);
      a_.imul(64, Reg::ax, t1);
    }
    a_.alu(Alu::add, 64, Reg::ax, t0);
  }
  if (goes_on) a_.bind(miss.back);
}

// The map's own function: rdi is the descriptor already (r1), rsi the key.
void Compiler::emit_map(const CallPlan& call) {
  const MapDescriptor& map = *call.map;
  if (call.kind == CallKind::lookup) {
    a_.mov(64, Reg::dx, context);
    call_address(reinterpret_cast<std::uint64_t>(map.lookup));
  } else if (call.kind == CallKind::remove) {
    a_.mov(64, Reg::dx, context);
    call_address(reinterpret_cast<std::uint64_t>(map.remove));
  } else {
    a_.mov(64, Reg::dx, registers[3]);
    a_.mov(64, Reg::cx, registers[4]);
    a_.mov(64, Reg::r8, context);
    call_address(reinterpret_cast<std::uint64_t>(map.update));
  }
}

void Compiler::count_frame() {
  if (!plan_.count_depth) return;
  Cold deep{Cold::fault};
  deep.fault_kind = FaultKind::call;
  deep.value = fault_depth;
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  a_.alu(Alu::cmp, 32, Mem{t2, offsetof(State, depth)}, image::max_frames - 1);
  a_.jump(Cond::ae, add_cold(deep));
  a_.alu(Alu::add, 32, Mem{t2, offsetof(State, depth)}, 1);
}

void Compiler::uncount_frame() {
  if (!plan_.count_depth) return;
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  a_.alu(Alu::sub, 32, Mem{t2, offsetof(State, depth)}, 1);
}

// A callee's tail call may have left another image's name behind.
void Compiler::back_to_this_image() {
  a_.mov_imm(t0, address(&image_));
  a_.store(64, {context, offsetof(RunContext, image)}, t0);
  a_.mov_imm(t0, address(plan_.handle));
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  a_.store(64, {t2, offsetof(State, code)}, t0);
}

void Compiler::call_local(LabelId entry, bool may_tail_call) {
  count_frame();
  a_.call(entry);
  uncount_frame();
  if (may_tail_call) back_to_this_image();
}

// bpf_loop whose callback is known (CallPlan says what it does).
void Compiler::emit_loop(const CallPlan& call) {
  constexpr std::int32_t einval = 22, e2big = 7;
  const Mem index{Reg::sp, slots_.loop}, count{Reg::sp, slots_.loop + 8}, user{Reg::sp, slots_.loop + 16};
  const FunctionPlan& callee = plan_.functions[call.function];
  const LabelId end = a_.label(), top = a_.label(), done = a_.label();
  Cold flags{Cold::constant}, many{Cold::constant};
  flags.reg = many.reg = Reg::ax;
  flags.back = many.back = end;
  flags.value = static_cast<std::uint64_t>(-std::int64_t{einval});
  many.value = static_cast<std::uint64_t>(-std::int64_t{e2big});
  a_.alu(Alu::test, 64, registers[4], registers[4]);
  a_.jump(Cond::ne, add_cold(flags));
  a_.alu(Alu::cmp, 32, registers[1], static_cast<std::int32_t>(image::max_loops));
  a_.jump(Cond::a, add_cold(many));
  a_.store(32, count, registers[1]);
  a_.store(64, user, registers[3]);
  a_.store_imm(32, index, 0);
  a_.alu(Alu::test, 32, registers[1], registers[1]);
  a_.jump(Cond::e, done);
  a_.zero(registers[1]);
  if (options_.combine) a_.align(32);
  a_.bind(top);
  poll();
  a_.load(64, registers[2], user);
  for (unsigned reg = 3; reg <= 5; reg++)
    if (callee.reads >> reg & 1 || callee.calls) a_.zero(registers[reg]);
  call_local(entries_[call.function], callee.may_tail_call);
  a_.load(32, registers[1], index);
  a_.alu(Alu::add, 32, registers[1], 1);
  a_.store(32, index, registers[1]);
  a_.alu(Alu::test, 64, Reg::ax, Reg::ax);
  a_.jump(Cond::ne, done);
  a_.alu(Alu::cmp, 32, registers[1], count);
  a_.jump(Cond::b, top);
  a_.bind(done);
  a_.load(32, Reg::ax, index);
  a_.bind(end);
}

// bpf_for_each_map_elem over an array with a known callback (CallPlan::Instead says what it does).
void Compiler::emit_each(const CallPlan& call) {
  constexpr std::int32_t einval = 22;
  const std::int32_t slot = slots_.loop;
  const Mem index{Reg::sp, slot}, key{Reg::sp, slot + 8}, user{Reg::sp, slot + 16}, value{Reg::sp, slot + 24};
  const MapDescriptor& map = *call.map;
  const FunctionPlan& callee = plan_.functions[call.function];
  const LabelId end = a_.label(), top = a_.label(), done = a_.label();
  Cold flags{Cold::constant};
  flags.reg = Reg::ax;
  flags.back = end;
  flags.value = static_cast<std::uint64_t>(-std::int64_t{einval});
  a_.alu(Alu::test, 64, registers[4], registers[4]);
  a_.jump(Cond::ne, add_cold(flags));
  a_.mov_imm(t0, address(map.base));
  if (map.cpu_stride) {
    a_.load(32, t1, {context, offsetof(RunContext, cpu)});
    a_.mov_imm(t2, map.cpu_stride);
    a_.imul(64, t1, t2);
    a_.alu(Alu::add, 64, t0, t1);
  }
  a_.store(64, user, registers[3]);
  a_.store(64, value, t0);
  a_.mov(64, registers[3], t0);
  a_.store_imm(32, index, 0);
  a_.store_imm(32, key, 0);
  if (options_.combine) a_.align(32);
  a_.bind(top);
  poll();
  a_.mov_imm(registers[1], address(&map));
  a_.lea(64, registers[2], key);
  a_.load(64, registers[4], user);
  if (callee.reads >> 5 & 1 || callee.calls) a_.zero(registers[5]);
  call_local(entries_[call.function], callee.may_tail_call);
  a_.load(32, t0, index);
  a_.alu(Alu::add, 32, t0, 1);
  a_.store(32, index, t0);
  a_.store(32, key, t0);
  a_.load(64, registers[3], value);
  a_.alu(Alu::add, 64, registers[3], static_cast<std::int32_t>(map.stride));
  a_.store(64, value, registers[3]);
  a_.alu(Alu::test, 64, Reg::ax, Reg::ax);
  a_.jump(Cond::ne, done);
  a_.alu(Alu::cmp, 32, t0, static_cast<std::int32_t>(map.max_entries));
  a_.jump(Cond::b, top);
  a_.bind(done);
  a_.load(32, Reg::ax, index);
  a_.bind(end);
}

// bpf_tail_call through a known program array.
void Compiler::emit_tail_call(const CallPlan& call) {
  constexpr std::int32_t einval = 22;
  const MapDescriptor& map = *call.map;
  const Mem calls{context, offsetof(RunContext, tail_calls)};
  Cold refused{Cold::constant};
  refused.reg = Reg::ax;
  refused.back = a_.label();
  refused.value = static_cast<std::uint64_t>(-std::int64_t{einval});
  const LabelId refuse = add_cold(refused);
  if (call.index && *call.index >= map.max_entries) {
    a_.jump(refuse);
    a_.bind(refused.back);
    return;
  }
  if (!call.index) {
    a_.mov(32, Reg::ax, registers[3]);
    a_.alu(Alu::cmp, 32, Reg::ax, static_cast<std::int32_t>(map.max_entries));
    a_.jump(Cond::ae, refuse);
  }
  a_.load(32, t1, calls);
  a_.alu(Alu::cmp, 32, t1, static_cast<std::int32_t>(image::max_tail_calls));
  a_.jump(Cond::ae, refuse);
  if (call.index) {
    a_.mov_imm(t0, address(map.targets + *call.index));
    a_.load(64, t0, {t0, 0});
  } else {
    a_.mov_imm(t0, address(map.targets));
    a_.load(64, t0, {t0, 0, Reg::ax, 3});
  }
  a_.alu(Alu::test, 64, t0, t0);
  a_.jump(Cond::e, refuse);
  a_.alu(Alu::add, 32, t1, 1);
  a_.store(32, calls, t1);
  emit_tail_jump();
  a_.bind(refused.back);
}

// A function by its value, or a helper by its number.
void Compiler::emit_callx(const Inst& inst) {
  const std::int32_t slot = slots_.callx;
  auto saved = [&](unsigned reg) { return Mem{Reg::sp, slot + static_cast<std::int32_t>(8 * (reg - 1))}; };
  const Mem target{Reg::sp, slot + 40}, value{Reg::sp, slot + 48};
  const LabelId done = a_.label(), helper = a_.label();
  Cold bad{Cold::fault_t0};
  bad.fault_kind = FaultKind::call;
  for (unsigned reg = 1; reg <= 5; reg++) a_.store(64, saved(reg), registers[reg]);
  const Reg asked = value_of(inst.dst, t0);
  a_.store(64, value, asked);
  if (asked != Reg::si) a_.mov(64, Reg::si, asked);
  a_.mov(64, Reg::di, context);
  a_.lea(64, Reg::dx, target);
  call_address(reinterpret_cast<std::uint64_t>(&resolve_callx));
  for (unsigned reg = 1; reg <= 5; reg++) a_.load(64, registers[reg], saved(reg));
  a_.load(64, t0, value);
  a_.alu(Alu::test, 64, Reg::ax, Reg::ax);
  a_.jump(Cond::e, helper);
  count_frame();
  a_.call(Reg::ax);
  uncount_frame();
  back_to_this_image();
  a_.jump(done);
  a_.bind(helper);
  a_.load(64, Reg::ax, target);
  a_.alu(Alu::test, 64, Reg::ax, Reg::ax);
  a_.jump(Cond::e, add_cold(bad));
  a_.store(64, {Reg::sp, slots_.first_argument}, Reg::di);
  a_.load(64, Reg::ax, {Reg::ax, offsetof(image::CallTarget, fn)});
  a_.mov(64, Reg::dx, registers[3]);
  a_.mov(64, Reg::cx, registers[4]);
  a_.mov(64, Reg::r9, context);
  a_.call(Reg::ax);
  after_helper(true, true);
  a_.bind(done);
}

}  // namespace skep::jit::x86
