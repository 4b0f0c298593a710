// Precision: numbers are tracked as if their values did not matter until one does (a pointer moves by it, a
// branch is decided by it, a size is taken from it). Then the path is walked back, from the instruction that
// cared to those that computed the value, and every checkpoint on the way learns which of its registers and
// stack slots an equivalent state must match. The kernel does the same, so that states prune alike.
#include "skep/verify/precision.h"

#include "skep/verify/checker.h"
#include "skep/verify/linked.h"

namespace skep::verify {

using isa::Class;
using isa::Operation;
using isa::Source;

namespace {

constexpr std::uint32_t argument_regs = 0x3e;  // r1 to r5

}  // namespace

Step& Checker::record_step() {
  std::vector<Step>& steps = state_->steps;
  if (!step_recorded_) {
    Step step;
    step.insn = at_;
    step.previous = previous_;
    steps.push_back(step);
    step_recorded_ = true;
  }
  return steps.back();
}

void Checker::note_stack_access(std::uint32_t frame, unsigned slot) {
  Step& step = record_step();
  step.frame = static_cast<std::uint8_t>(frame);
  step.stack_slot = static_cast<std::uint8_t>(slot);
  step.touches_stack = true;
}

bool Checker::mark_precise(unsigned number) {
  if (!bpf_capable() || reg(number).kind != Kind::scalar) return true;
  Wanted wanted;
  wanted.frame = state_->depth;
  wanted.set_reg(number);
  return walk_back(*state_, wanted, nullptr);
}

bool Checker::mark_stack_slot_precise(std::uint32_t frame, unsigned slot) {
  if (!bpf_capable()) return true;
  Wanted wanted;
  wanted.frame = state_->depth;
  wanted.slots[frame] |= std::uint64_t{1} << slot;
  return walk_back(*state_, wanted, nullptr);
}

void Checker::mark_all_precise(State& from) {
  for (State* st = from.parent; st != nullptr; st = st->parent)
    st->each_reg([](RegState& reg) {
      if (reg.kind == Kind::scalar) reg.precise = true;
    });
}

// Marks in `state`, a checkpoint, what is wanted of it; what was precise already, or is no number, need not
// be sought further.
void Checker::settle(State& state, Wanted& wanted, bool* changed) {
  for (std::uint32_t f = 0; f <= wanted.frame && f <= state.depth; f++) {
    Frame& frame = *state.frames[f];
    for (std::uint32_t mask = wanted.regs[f]; mask != 0; mask &= mask - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(mask));
      RegState& reg = frame.regs[i];
      if (reg.kind != Kind::scalar || reg.precise) {
        wanted.regs[f] &= ~(1u << i);
      } else {
        reg.precise = true;
        if (changed != nullptr) *changed = true;
      }
    }
    for (std::uint64_t mask = wanted.slots[f]; mask != 0; mask &= mask - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(mask));
      if (i >= frame.stack.size() || !frame.stack[i].is_spilled_scalar() || frame.stack[i].spilled.precise) {
        wanted.slots[f] &= ~(std::uint64_t{1} << i);
      } else {
        frame.stack[i].spilled.precise = true;
        if (changed != nullptr) *changed = true;
      }
    }
  }
}

// From the instruction that `start` stands before (or is in) back to where everything wanted was made.
bool Checker::walk_back(State& start, Wanted wanted, bool* changed) {
  if (wanted.empty()) return true;
  const bool trace = traces_precision();
  State* st = &start;
  std::int64_t last = start.insn;
  std::int64_t first = start.first_insn;
  std::int64_t later = -1;  // the instruction that was executed after the one looked at
  bool skip = true;         // the current instruction is not done yet
  for (;;) {
    std::size_t left = st->steps.size();
    if (trace) log_walk_begins(wanted, last, first, later);
    if (last < 0 || last == no_insn) {
      // Entry of a global function or callback: its arguments, or nothing.
      for (std::uint32_t mask = wanted.regs[0]; mask != 0; mask &= mask - 1) {
        RegState& reg = st->frames[0]->regs[std::countr_zero(mask)];
        if (reg.kind == Kind::scalar) reg.precise = true;
      }
      return true;
    }
    for (std::int64_t i = last;;) {
      if (skip) {
        skip = false;
      } else {
        const Step* step = left > 0 && st->steps[left - 1].insn == i ? &st->steps[left - 1] : nullptr;
        if (trace) log_walk_step(wanted, static_cast<isa::Slot>(i));
        // Bit 15 is no register: set in the masks of those that are always looked at.
        const bool matters = step != nullptr ||
                             ((wanted.mask() | 1u << 15) & code_[static_cast<std::size_t>(i)].backtrack) != 0;
        if (matters && !step_back(static_cast<isa::Slot>(i), later, step, wanted)) {
          mark_all_precise(start);
          return true;
        }
      }
      if (wanted.empty()) return true;
      later = i;
      // The instruction before: the history knows where a jump led here.
      if (i == first && (left == 0 || (left == 1 && st->steps[0].insn == i))) break;
      if (left > 0 && st->steps[left - 1].insn == i) {
        i = st->steps[left - 1].previous;
        left--;
      } else {
        i--;
      }
      if (i < 0 || i >= static_cast<std::int64_t>(code_.size())) {
        mark_all_precise(start);
        return true;
      }
    }
    st = st->parent;
    if (st == nullptr) break;
    settle(*st, wanted, changed);
    if (trace) log_walk_parent(wanted, *st);
    if (wanted.empty()) return true;
    later = first;
    last = st->last_insn;
    first = st->first_insn;
  }
  if (!wanted.empty()) mark_all_precise(start);
  return true;
}

// What must be known before instruction `slot` for what is wanted after it. False: the walk cannot tell.
bool Checker::step_back(isa::Slot slot, std::int64_t later, const Step* step, Wanted& wanted) {
  const Code& insn = code_[slot];
  if (insn.slots == 0) return true;
  const isa::Op& row = insn.row();
  sync_wanted(step, wanted);
  switch (row.action) {
    case Class::alu:
    case Class::addr_space_cast:
    case Class::endian:
      if (!wanted.has_reg(insn.dst)) return true;
      if (row.action == Class::endian || row.operation == Operation::neg) return true;
      if (row.operation == Operation::mov || row.action == Class::addr_space_cast) {
        wanted.clear_reg(insn.dst);
        if (row.source == Source::reg && insn.src != frame_pointer) wanted.set_reg(insn.src);
      } else if (row.source == Source::reg && insn.src != frame_pointer) {
        wanted.set_reg(insn.src);
      }
      break;
    case Class::atomic:
      if (!row.fetch) return step_back_store(insn, step, wanted);
      [[fallthrough]];
    case Class::load:
    case Class::load_acquire: {
      unsigned loaded = insn.dst;
      if (row.action == Class::atomic) loaded = row.operation == Operation::cmpxchg ? 0u : insn.src;
      if (!wanted.has_reg(loaded)) return true;
      wanted.clear_reg(loaded);
      if (step == nullptr || !step->touches_stack) return true;
      wanted.slots[step->frame] |= std::uint64_t{1} << step->stack_slot;
      break;
    }
    case Class::store:
    case Class::store_imm:
    case Class::store_release: return step_back_store(insn, step, wanted);
    case Class::load_imm64: wanted.clear_reg(insn.dst); return true;
    case Class::packet_absolute:
    case Class::packet_indirect:
      if (wanted.has_reg(insn.dst)) return false;
      if (later != std::int64_t{slot} + 1) return wanted.enter();
      return true;
    case Class::call: return step_back_call(slot, insn, later, wanted);
    case Class::exit: {
      const bool from_call =
          later > 0 && code_[static_cast<std::size_t>(later - 1)].slots != 0 &&
          code_[static_cast<std::size_t>(later - 1)].row().operation == Operation::call_local;
      const bool result = from_call && wanted.has_reg(0);
      if (from_call && (wanted.mask() & argument_regs) != 0) return false;
      wanted.clear_reg(0);
      if (!wanted.enter()) return false;
      if (result) wanted.set_reg(0);
      return true;
    }
    case Class::jump_if:
      if (row.source == Source::reg && (wanted.has_reg(insn.dst) || wanted.has_reg(insn.src))) {
        if (step == nullptr || !step->src_is_stack) wanted.set_reg(insn.src);
        if (step == nullptr || !step->dst_is_stack) wanted.set_reg(insn.dst);
      }
      break;
    case Class::jump:
    case Class::jump_indirect:
    case Class::may_goto: break;
  }
  sync_wanted(step, wanted);
  return true;
}

bool Checker::step_back_store(const Code& insn, const Step* step, Wanted& wanted) {
  if (wanted.has_reg(insn.dst)) return false;  // a pointer made of numbers
  if (step == nullptr || !step->touches_stack) return true;
  const std::uint64_t bit = std::uint64_t{1} << step->stack_slot;
  if ((wanted.slots[step->frame] & bit) == 0) return true;
  wanted.slots[step->frame] &= ~bit;
  if (insn.row().action == Class::store || insn.row().action == Class::store_release)
    wanted.set_reg(insn.src);
  sync_wanted(step, wanted);
  return true;
}

bool Checker::step_back_call(isa::Slot slot, const Code& insn, std::int64_t later, Wanted& wanted) {
  if (insn.row().operation == Operation::call_local) {
    const std::uint32_t subprog = code_[insn.target].subprog;
    if (subprogs_[subprog].global) {
      if ((wanted.mask() & argument_regs) != 0) return false;
      wanted.clear_reg(0);
      return true;
    }
    // Leaves the callee for its caller: only arguments may still be wanted.
    if ((wanted.mask() & ~argument_regs) != 0 || wanted.stack() != 0 || wanted.frame == 0) return false;
    wanted.regs[wanted.frame - 1] |= wanted.mask() & argument_regs;
    return wanted.leave();
  }
  if (insn.calls_callback && later != std::int64_t{slot} + 1) {
    // The path came out of a callback here; its arguments are not the call's.
    if ((wanted.mask() & ~argument_regs) != 0 || wanted.stack() != 0 || wanted.frame == 0) return false;
    return wanted.leave();
  }
  wanted.clear_reg(0);
  return (wanted.mask() & argument_regs) == 0;
}

// Registers that a branch refined together are wanted together.
void Checker::sync_wanted(const Step* step, Wanted& wanted) {
  if (step == nullptr || step->linked == 0) return;
  const LinkedRegs linked = LinkedRegs::unpack(step->linked);
  bool some = false;
  for (unsigned i = 0; i < linked.size(); i++) {
    const LinkedReg& r = linked[i];
    some |=
        r.is_reg ? (wanted.regs[r.frame] >> r.index & 1) != 0 : (wanted.slots[r.frame] >> r.index & 1) != 0;
  }
  if (!some) return;
  for (unsigned i = 0; i < linked.size(); i++) {
    const LinkedReg& r = linked[i];
    if (r.is_reg)
      wanted.regs[r.frame] |= 1u << r.index;
    else
      wanted.slots[r.frame] |= std::uint64_t{1} << r.index;
  }
}

// The current path turned out equal to one explored before: what mattered there matters here.
bool Checker::propagate_precision(const State& old, State& current, bool* changed) {
  if (!bpf_capable()) return true;
  Wanted wanted;
  wanted.frame = old.depth;
  for (std::uint32_t f = 0; f <= old.depth; f++) {
    const Frame& frame = *old.frames[f];
    for (unsigned i = 0; i < frame_pointer; i++)
      if (frame.regs[i].kind == Kind::scalar && frame.regs[i].precise) wanted.regs[f] |= 1u << i;
    for (std::size_t i = 0; i < frame.stack.size(); i++)
      if (frame.stack[i].is_spilled_scalar() && frame.stack[i].spilled.precise)
        wanted.slots[f] |= std::uint64_t{1} << i;
  }
  if (traces_precision()) log_propagation(wanted);
  return walk_back(current, wanted, changed);
}

}  // namespace skep::verify
