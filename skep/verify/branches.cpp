// Conditional jumps: which ways are possible, and what each says about the registers that were compared.
#include "skep/verify/checker.h"
#include "skep/verify/linked.h"

namespace skep::verify {

using isa::Operation;
using isa::Source;

namespace {

constexpr std::uint64_t packet_limit = 0xffff;  // MAX_PACKET_OFF
constexpr std::int64_t offset_limit = std::int64_t{1} << 29;

bool is_packet_or_end(const RegState& reg) { return reg.is_packet() || reg.kind == Kind::packet_end; }

// A packet pointer as it came from the context.
bool is_packet_start(const RegState& reg) {
  return reg.kind == Kind::packet && reg.off == 0 && reg.value.is_const() && reg.value.value() == 0;
}

// `b op a` for `a flipped b`.
Operation flipped(Operation operation) {
  switch (operation) {
    case Operation::gt: return Operation::lt;
    case Operation::ge: return Operation::le;
    case Operation::lt: return Operation::gt;
    case Operation::le: return Operation::ge;
    case Operation::sgt: return Operation::slt;
    case Operation::sge: return Operation::sle;
    case Operation::slt: return Operation::sgt;
    case Operation::sle: return Operation::sge;
    default: return operation;
  }
}

// A pointer already known to lie at the end of the packet or beyond, compared with the end.
std::optional<bool> compare_with_end(const RegState& a, const RegState& b, Operation operation) {
  const RegState* packet = &a;
  if (a.kind == Kind::packet_end) {
    packet = &b;
    operation = flipped(operation);
  } else if (b.kind != Kind::packet_end) {
    return std::nullopt;
  }
  if (packet->kind == Kind::packet_end || packet->range >= 0) return std::nullopt;
  const bool beyond = packet->range == RegState::beyond_end;
  switch (operation) {
    case Operation::le: return beyond ? std::optional(false) : std::nullopt;
    case Operation::gt: return beyond ? std::optional(true) : std::nullopt;
    case Operation::lt: return false;
    case Operation::ge: return true;
    default: return std::nullopt;
  }
}

}  // namespace

bool Checker::is_surely_not_null(const RegState& reg) const {
  if (reg.maybe_null()) return false;
  if (reg.value.full.smin <= -offset_limit || reg.value.full.smax >= offset_limit) return false;
  switch (reg.kind) {
    case Kind::socket:
    case Kind::tcp_sock:
    case Kind::xdp_sock:
    case Kind::buf:
    case Kind::map_value:
    case Kind::map_key:
    case Kind::sock_common:
    case Kind::mem:
    case Kind::map_ptr: return true;
    case Kind::btf_object: return is_trusted(reg);
    default: return false;
  }
}

// A pointer that helpers and kfuncs take for granted: referenced, or so marked and nothing doubtful about it.
bool Checker::is_trusted(const RegState& reg) const {
  if (reg.ref_id != 0) return true;
  constexpr std::uint16_t safe = flag::alloc | flag::trusted | flag::rcu | flag::non_owning;
  const bool doubtful = (reg.flags & ~safe) != 0;
  switch (reg.kind) {
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::map_ptr: return !doubtful;
    default: break;
  }
  return reg.has(flag::alloc | flag::trusted | flag::non_owning) && !doubtful;
}

std::optional<bool> Checker::decide_branch(const Code& insn, const RegState& a, const RegState& b) const {
  const isa::Op& row = insn.row();
  if (a.kind == Kind::scalar && b.kind == Kind::scalar)
    return compare(row.operation, row.width, a.value, b.value, arithmetic_);
  if (row.width == 32) return std::nullopt;
  if (is_packet_or_end(a) && is_packet_or_end(b)) return compare_with_end(a, b, row.operation);
  const RegState* pointer = &a;
  const RegState* number = &b;
  if (!number->is_const_scalar()) std::swap(pointer, number);
  if (!number->is_null() || !is_surely_not_null(*pointer)) return std::nullopt;
  if (row.operation == Operation::eq) return false;
  if (row.operation == Operation::ne) return true;
  return std::nullopt;
}

Checker::Next Checker::simulate_branch(const Code& insn) {
  const isa::Op& row = insn.row();
  const isa::Slot next = at_ + 1;
  if (!check_reg_read(insn.dst)) return Next::failed;
  const bool by_reg = row.source == Source::reg;
  RegState constant;
  RegState* dst = &reg(insn.dst);
  RegState* src = &constant;
  if (by_reg) {
    if (!check_reg_read(insn.src)) return Next::failed;
    src = &reg(insn.src);
    if (!(is_packet_or_end(*dst) && is_packet_or_end(*src)) && is_pointer_to_hide(*src)) {
      fail(EACCES, "R{} pointer comparison prohibited", insn.src);
      return Next::failed;
    }
  } else {
    constant = RegState::constant(static_cast<std::uint64_t>(insn.imm));
  }
  if (dst->kind == Kind::stack || (by_reg && src->kind == Kind::stack)) {
    Step& step = record_step();
    step.dst_is_stack |= dst->kind == Kind::stack;
    step.src_is_stack |= by_reg && src->kind == Kind::stack;
  }

  if (const std::optional<bool> decided = decide_branch(insn, *dst, *src)) {
    if (dst->kind == Kind::scalar && !mark_precise(insn.dst)) return Next::failed;
    if (by_reg && src->kind == Kind::scalar && !mark_precise(insn.src)) return Next::failed;
    facts(at_).dead_branch |= *decided ? std::uint8_t{2} : std::uint8_t{1};
    if (!bypass_spec_v1() && !push_mispredicted(insn, *decided ? next : insn.target)) return Next::failed;
    log_registers();
    next_ = *decided ? insn.target : next;
    return Next::go_on;
  }
  facts(at_).dead_branch |= 3;

  LinkedRegs linked;
  if (by_reg && src->kind == Kind::scalar && src->id != 0) collect_linked(src->id, linked);
  if (dst->kind == Kind::scalar && dst->id != 0) collect_linked(dst->id, linked);
  if (linked.size() > 1) record_step().linked = linked.pack();

  State* other = push_branch(insn.target, at_, false);
  if (other == nullptr) return Next::failed;
  RegState* other_dst = &other->reg(insn.dst);
  RegState other_constant = constant;
  RegState* other_src = by_reg ? &other->reg(insn.src) : &other_constant;

  if (dst->kind == Kind::scalar && src->kind == Kind::scalar) {
    RegState copy;
    RegState* src_here = src;
    RegState* src_there = other_src;
    if (by_reg && insn.src == insn.dst) {  // a register with itself: the operands must be two objects
      copy = *src;
      src_here = src_there = &copy;
    }
    assume(row.operation, row.width, false, dst->value, src_here->value, arithmetic_);
    if (src_there == &copy) copy = *other_dst;
    assume(row.operation, row.width, true, other_dst->value, src_there->value, arithmetic_);
    for (RegState* side : {other_dst, src_there, dst, src_here})
      if (!check_invariants(*side, "branch")) return Next::failed;
  }
  if (by_reg && src->kind == Kind::scalar && src->id != 0) {
    sync_linked(*state_, *src, linked);
    sync_linked(*other, *other_src, linked);
  }
  if (dst->kind == Kind::scalar && dst->id != 0) {
    sync_linked(*state_, *dst, linked);
    sync_linked(*other, *other_dst, linked);
  }
  const bool equality = row.operation == Operation::eq || row.operation == Operation::ne;
  if (infers_not_null_ && row.width == 64 && by_reg && equality && src->is_pointer() && dst->is_pointer() &&
      src->kind != Kind::btf_object && dst->kind != Kind::btf_object) {
    // Equal to something that is not null.
    const bool there = row.operation == Operation::eq;
    RegState& equal_src = there ? *other_src : *src;
    RegState& equal_dst = there ? *other_dst : *dst;
    const bool dst_sure = is_surely_not_null(*dst), src_sure = is_surely_not_null(*src);
    if (dst_sure && src->maybe_null()) mark_not_null(equal_src);
    if (src_sure && dst->maybe_null()) mark_not_null(equal_dst);
  }
  if (row.width == 64 && !by_reg && insn.imm == 0 && equality && dst->maybe_null()) {
    const bool here_is_null = row.operation == Operation::ne;
    const std::uint32_t id = dst->id, ref = dst->ref_id;
    mark_null_of(*state_, id, ref, here_is_null);
    mark_null_of(*other, id, ref, !here_is_null);
  } else if (!(row.width == 64 && by_reg && learn_packet_range(insn, *dst, *src, *other)) &&
             is_pointer_to_hide(reg(insn.dst))) {
    fail(EACCES, "R{} pointer comparison prohibited", insn.dst);
    return Next::failed;
  }
  touched_ |= 1u << insn.dst | (by_reg ? 1u << insn.src : 0u);
  log_registers();
  next_ = next;
  return Next::go_on;
}

Checker::Next Checker::simulate_may_goto(const Code& insn) {
  State* before = find_previous_entry(at_);
  State* stays = push_branch(at_ + 1, at_, false);
  if (stays == nullptr) return Next::failed;
  stays->may_goto_depth++;
  if (before != nullptr) widen(*before, *stays);
  next_ = insn.target;
  return Next::go_on;
}

void Checker::collect_linked(std::uint32_t id, LinkedRegs& linked) {
  id &= ~id_add_const;
  for (std::uint32_t f = state_->depth + 1; f-- > 0;) {
    Frame& frame = *state_->frames[f];
    auto consider = [&](RegState& reg, std::size_t index, bool is_reg) {
      if (reg.kind != Kind::scalar || (reg.id & ~id_add_const) != id) return;
      if (!linked.add({static_cast<std::uint8_t>(f), static_cast<std::uint8_t>(index), is_reg})) unlink(reg);
    };
    for (unsigned i = 0; i < frame_pointer; i++) consider(frame.regs[i], i, true);
    for (std::size_t i = 0; i < frame.stack.size(); i++)
      if (frame.stack[i].is_spilled()) consider(frame.stack[i].spilled, i, false);
  }
}

void Checker::sync_linked(State& state, const RegState& known, const LinkedRegs& linked) {
  const RegState from = known;
  for (unsigned i = 0; i < linked.size(); i++) {
    const LinkedReg& entry = linked[i];
    Frame& frame = *state.frames[entry.frame];
    RegState& reg = entry.is_reg ? frame.regs[entry.index] : frame.stack[entry.index].spilled;
    if (&reg == &known || reg.kind != Kind::scalar) continue;
    if ((reg.id & ~id_add_const) != (from.id & ~id_add_const)) continue;
    if (((reg.id ^ from.id) & id_add_const) == id_add_const) continue;  // one in 64 bits, the other in 32
    const bool neither = (reg.id & id_add_const) == 0 && (from.id & id_add_const) == 0;
    if (neither || reg.off == from.off) {
      const bool precise = from.precise;
      reg.value = from.value;
      reg.id = from.id;
      reg.off = from.off;
      reg.precise = precise;
      continue;
    }
    const auto distance = static_cast<std::int64_t>(reg.off) - from.off;
    const unsigned width = ((reg.id | from.id) & id_add_const32) != 0 ? 32 : 64;
    reg.value = alu(Operation::add, width, from.value, Scalar::constant(static_cast<std::uint64_t>(distance)),
                    arithmetic_);
    reg.precise = from.precise;
  }
}

// What a pointer becomes once it is known not to be null.
void Checker::mark_not_null(RegState& reg) {
  if (reg.kind == Kind::map_value) {
    const MapModel& map = *reg.map();
    reg.flags = static_cast<std::uint16_t>(reg.flags & ~flag::maybe_null);
    if (map.inner >= 0 && static_cast<std::size_t>(map.inner) < model_.maps.size()) {
      reg.kind = Kind::map_ptr;
      reg.object = &model_.maps[static_cast<std::size_t>(map.inner)];
      // Timers and work queues of an inner map belong to the lookup that found it.
      if (has_field(*reg.map(), FieldKind::timer) || has_field(*reg.map(), FieldKind::workqueue) ||
          has_field(*reg.map(), FieldKind::task_work))
        reg.type = reg.id;
    } else if (map.type == uapi::MapType::xskmap) {
      reg.kind = Kind::xdp_sock;
    } else if (map.type == uapi::MapType::sockmap || map.type == uapi::MapType::sockhash) {
      reg.kind = Kind::socket;
    }
    return;
  }
  reg.flags = static_cast<std::uint16_t>(reg.flags & ~flag::maybe_null);
}

void Checker::mark_null_of(State& state, std::uint32_t id, std::uint32_t ref, bool is_null) {
  if (ref != 0 && ref == id && is_null) {
    std::erase_if(state.refs, [&](const Reference& r) { return r.kind == RefKind::pointer && r.id == id; });
  }
  state.each_reg([&](RegState& reg) {
    if (!reg.maybe_null() || reg.id != id || reg.kind == Kind::scalar) return;
    if (id == 0 && !reg.has(flag::rcu)) return;
    if (is_null) {
      const bool precise = reg.precise;
      reg = RegState::constant(0);
      reg.precise = precise;
      return;
    }
    mark_not_null(reg);
    if (!may_hold_lock(reg)) reg.id = 0;
  });
}

void Checker::mark_null_by_id(State& state, std::uint32_t id, bool is_null) {
  mark_null_of(state, id, 0, is_null);
}

bool Checker::may_hold_lock(const RegState& reg) {
  if (reg.kind == Kind::map_value)
    return has_field(*reg.map(), FieldKind::spin_lock) || has_field(*reg.map(), FieldKind::res_spin_lock);
  if (reg.kind != Kind::btf_object || !reg.has(flag::alloc)) return false;
  const Record* record = records_.of(reg.btf(), reg.type);
  return record != nullptr && (record->has(FieldKind::spin_lock) || record->has(FieldKind::res_spin_lock));
}

namespace {

// Bytes that `pointer <= end` (or `<`: one more) proves; negative: none.
std::int64_t proven_bytes(const RegState& pointer, bool strictly_less) {
  if (pointer.off < 0 || (pointer.off == 0 && strictly_less)) return -1;
  const std::uint64_t max = pointer.value.full.umax;
  if (max > packet_limit || max + static_cast<std::uint64_t>(pointer.off) > packet_limit) return -1;
  return pointer.off + (strictly_less ? 1 : 0);
}

void widen_range(State& state, const RegState& pointer, bool strictly_less) {
  const std::int64_t bytes = proven_bytes(pointer, strictly_less);
  if (bytes < 0) return;
  const Kind kind = pointer.kind;
  const std::uint32_t id = pointer.id;
  state.each_reg([&](RegState& reg) {
    if (reg.kind == kind && reg.id == id && reg.flags == 0)
      reg.range = std::max(reg.range, static_cast<std::int32_t>(bytes));
  });
}

void mark_end(RegState& reg, bool beyond) {
  if (reg.kind == Kind::packet) reg.range = beyond ? RegState::beyond_end : RegState::at_end;
}

}  // namespace

// Comparisons of a packet pointer with the end of the packet (or of metadata with its start). Four operators,
// two orders, two branches: each comes down to "pointer > end" or "pointer >= end" being true on one side.
bool Checker::learn_packet_range(const Code& insn, const RegState& dst, const RegState& src, State& other) {
  auto pair = [](const RegState& pointer, const RegState& end) {
    return (pointer.kind == Kind::packet && end.kind == Kind::packet_end) ||
           (pointer.kind == Kind::packet_meta && is_packet_start(end));
  };
  Operation operation = insn.row().operation;
  unsigned number = insn.dst;
  RegState pointer;
  if (pair(dst, src)) {
    pointer = dst;
  } else if (pair(src, dst)) {
    pointer = src;
    number = insn.src;
    operation = flipped(operation);
  } else {
    return false;
  }
  // pointer OP end: the branch where it lies inside, and whether strictly.
  State& taken = other;
  State& here = *state_;
  State* inside = nullptr;
  State* outside = nullptr;
  bool strictly_less = false;
  switch (operation) {
    case Operation::gt:
      inside = &here;
      outside = &taken;
      break;
    case Operation::ge:
      inside = &here;
      outside = &taken;
      strictly_less = true;
      break;
    case Operation::lt:
      inside = &taken;
      outside = &here;
      strictly_less = true;
      break;
    case Operation::le:
      inside = &taken;
      outside = &here;
      break;
    default: return false;
  }
  widen_range(*inside, pointer, strictly_less);
  mark_end(outside->reg(number), !strictly_less);
  return true;
}

void Checker::clear_packet_pointers() {
  state_->each_reg([&](RegState& reg) {
    const bool slice =
        reg.kind == Kind::mem && (reg.dynptr == DynptrKind::skb || reg.dynptr == DynptrKind::xdp ||
                                  reg.dynptr == DynptrKind::skb_meta);
    if (!reg.is_packet() && reg.kind != Kind::packet_end && !slice) return;
    invalidate(reg);
  });
  touched_ = ~0u;
}

}  // namespace skep::verify
