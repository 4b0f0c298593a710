// The stack: spills that keep what a register is, fills that bring it back, bytes of which only little is
// known, and accesses at offsets that are not known exactly.
#include <algorithm>

#include "skep/verify/checker.h"

namespace skep::verify {

namespace {

constexpr std::int64_t offset_limit = std::int64_t{1} << 29;

constexpr unsigned slot_index(std::int32_t off) { return static_cast<unsigned>(-off - 1); }  // byte below fp
constexpr unsigned slot_of(std::int32_t off) { return slot_index(off) / 8; }

unsigned bits_used(const RegState& reg) { return static_cast<unsigned>(std::bit_width(reg.value.full.umax)); }

bool can_spill(Kind kind) {
  switch (kind) {
    case Kind::map_value:
    case Kind::stack:
    case Kind::context:
    case Kind::packet:
    case Kind::packet_meta:
    case Kind::packet_end:
    case Kind::flow_keys:
    case Kind::map_ptr:
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::xdp_sock:
    case Kind::btf_object:
    case Kind::buf:
    case Kind::mem:
    case Kind::func:
    case Kind::map_key:
    case Kind::arena: return true;
    case Kind::not_init:
    case Kind::scalar:
    case Kind::tp_buffer:
    case Kind::dynptr:
    case Kind::insn_pointer: return false;
  }
  return false;
}

bool is_special(Byte byte) {
  return byte == Byte::spill || byte == Byte::dynptr || byte == Byte::iter || byte == Byte::irq_flag;
}

}  // namespace

bool Checker::grow_stack(Frame& frame, std::uint32_t bytes) {
  const std::size_t slots = (bytes + 7) / 8;
  if (slots > frame.stack.size()) {
    pool_.grew(slots - frame.stack.size());
    frame.stack.resize(slots);
  }
  std::uint32_t& depth = subprogs_[frame.subprog].stack_depth;
  depth = std::max(depth, bytes);
  return true;
}

StackSlot& Checker::stack_slot(Frame& frame, std::int32_t off) {
  const unsigned slot = slot_of(off);
  if (slot >= frame.stack.size()) grow_stack(frame, (slot + 1) * 8);
  return frame.stack[slot];
}

// A slot that held something whole holds bytes now.
void Checker::scrub_slot(StackSlot& slot) const {
  const bool special = is_special(slot.bytes[7]);
  slot.spilled = RegState{};
  if (!special) return;
  for (Byte& byte : slot.bytes)
    if (byte != Byte::invalid) byte = Byte::misc;
}

void Checker::spill(StackSlot& slot, const RegState& reg, unsigned size) const {
  slot.spilled = reg;
  for (unsigned i = 8; i > 8 - size; i--) slot.bytes[i - 1] = Byte::spill;
  for (unsigned i = 8 - size; i-- > 0;)
    if (slot.bytes[i] != Byte::zero && slot.bytes[i] != Byte::invalid) slot.bytes[i] = Byte::misc;
}

// The access [off, off + size) of the frame that `number` points into lies within a stack.
bool Checker::check_stack_bounds(unsigned number, std::int32_t off, std::uint32_t size, const char* what,
                                 bool as_write) {
  const RegState& pointer = reg(number);
  Frame& frame = state_->frame_of(pointer);
  const bool fixed = pointer.value.is_const();
  std::int64_t min = off, max = off;
  if (fixed) {
    min += static_cast<std::int64_t>(pointer.value.value());
    max = min;
  } else {
    const Range<64>& range = pointer.value.full;
    if (range.smax >= offset_limit || range.smin <= -offset_limit)
      return fail(EACCES, "invalid unbounded variable-offset{} stack R{}", what, number);
    min += range.smin;
    max += range.smax;
  }
  max += size;
  const std::int64_t lowest = as_write || allow_uninit_stack()
                                  ? -static_cast<std::int64_t>(stack_bytes)
                                  : -static_cast<std::int64_t>(frame.stack.size() * 8);
  const bool below = min < lowest || min > -1;
  if (below || max > 0 || static_cast<std::int32_t>(size) < 0) {
    const int code = below ? EACCES : max > 0 ? EINVAL : EFAULT;
    if (fixed) return fail(code, "invalid{} stack R{} off={} size={}", what, number, min, size);
    return fail(code, "invalid variable-offset{} stack R{} var_off={} off={} size={}", what, number,
                print_tnum(pointer.value.bits), off, size);
  }
  return grow_stack(frame, static_cast<std::uint32_t>(-min));
}

bool Checker::check_stack_access(unsigned number, std::int32_t off, unsigned size, Mode mode, int value) {
  const RegState& pointer = reg(number);
  if (!check_stack_bounds(number, off, size, mode == Mode::read ? " read from" : " write to",
                          mode == Mode::write))
    return false;
  const bool fixed = pointer.value.is_const();
  if (!fixed && !has(uapi::Rule::variable_stack))
    return lacks(uapi::missing(uapi::Rule::variable_stack), EACCES,
                 "variable stack access var_off={} off={} size={}", print_tnum(pointer.value.bits), off,
                 size);
  const std::int32_t at = fixed ? off + static_cast<std::int32_t>(pointer.value.value()) : off;
  Frame& frame = state_->frame_of(pointer);
  if (mode == Mode::write)
    return fixed ? write_stack(frame, at, size, value) : write_stack_somewhere(number, off, size, value);
  if (fixed) return read_stack(frame, at, size, value);
  if (value < 0)
    return fail(
        EACCES,
        "variable offset stack pointer cannot be passed into helper function; var_off={} off={} size={}",
        print_tnum(pointer.value.bits), off, size);
  return read_stack_somewhere(number, off, size, value);
}

void Checker::note_stack_read(const Frame& frame, std::int32_t min, std::int32_t max) {
  std::uint64_t mask = 0;
  for (std::int32_t i = min; i < max; i += 8) mask |= std::uint64_t{1} << slot_of(i);
  if (max > min) mask |= std::uint64_t{1} << slot_of(max - 1);
  liveness_.read(state_->frame().chain, at_, frame.number, mask);
}

bool Checker::write_stack(Frame& frame, std::int32_t off, unsigned size, int value) {
  const unsigned index = slot_index(off), slot_number = index / 8;
  StackSlot* slot = &frame.stack[slot_number];
  if (size == 8 && off % 8 == 0) liveness_.write(frame.number, std::uint64_t{1} << slot_number);
  if (!allow_ptr_leaks() && slot->is_spilled() && slot->spilled.kind != Kind::scalar && size != 8)
    return fail(EACCES, "attempt to corrupt spilled pointer on stack");
  RegState* source = value >= 0 ? &reg(static_cast<unsigned>(value)) : nullptr;
  if (!overwrite_special_slot(frame, slot_number)) return false;
  slot = &frame.stack[slot_number];
  touched_slots_ |= std::uint64_t{1} << slot_number;
  const bool aligned = off % 8 == 0;
  const bool keeps = source != nullptr && (keeps_all_spills_ || !source->value.is_unknown()) &&
                     (has_bounded_spills_ || source->value.is_const()) && (has_narrow_spills_ || size == 8);
  if (source != nullptr && aligned && source->kind == Kind::scalar && bpf_capable() && keeps) {
    const bool fits = bits_used(*source) <= 8 * size;
    if (fits && keeps_all_spills_) link_before_copy(*source);
    spill(*slot, *source, size);
    if (!fits) slot->spilled.id = 0;
    note_stack_access(frame.number, slot_number);
    return true;
  }
  if (source == nullptr && aligned && store_constant_ && bpf_capable()) {
    spill(*slot, RegState::constant(static_cast<std::uint64_t>(*store_constant_)), size);
    note_stack_access(frame.number, slot_number);
    return true;
  }
  if (source != nullptr && can_spill(source->kind)) {
    if (size != 8) return fail(EACCES, "invalid size of register spill");
    if (&frame != &state_->frame() && source->kind == Kind::stack)
      return fail(EINVAL, "cannot spill pointers to stack into stack frame of the caller");
    spill(*slot, *source, size);
    note_stack_access(frame.number, slot_number);
    return true;
  }
  Byte kind = Byte::misc;
  scrub_slot(*slot);
  if ((source != nullptr && source->is_null()) ||
      (source == nullptr && store_constant_ && *store_constant_ == 0)) {
    if (source != nullptr && !mark_precise(static_cast<unsigned>(value))) return false;
    kind = Byte::zero;
  }
  for (unsigned i = 0; i < size; i++) frame.stack[slot_number].bytes[(index - i) % 8] = kind;
  return true;
}

bool Checker::write_stack_somewhere(unsigned number, std::int32_t off, unsigned size, int value) {
  const RegState& pointer = reg(number);
  Frame& frame = state_->frame_of(pointer);
  const auto min = static_cast<std::int32_t>(pointer.value.full.smin + off);
  const auto max = static_cast<std::int32_t>(pointer.value.full.smax + off + size);
  const RegState* source = value >= 0 ? &reg(static_cast<unsigned>(value)) : nullptr;
  const bool zero = (source != nullptr && source->is_null()) ||
                    (source == nullptr && store_constant_ && *store_constant_ == 0);
  bool zero_used = false;
  note_stack_read(frame, min, max);
  for (std::int32_t i = min; i < max; i++)
    if (!overwrite_special_slot(frame, slot_of(i))) return false;
  for (std::int32_t i = min; i < max; i++) {
    StackSlot& slot = frame.stack[slot_of(i)];
    Byte& byte = slot.bytes[slot_index(i) % 8];
    touched_slots_ |= std::uint64_t{1} << slot_of(i);
    if (!allow_ptr_leaks() && byte != Byte::misc && byte != Byte::zero)
      return fail(EINVAL, "spilled ptr in range of var-offset stack write; insn {}, ptr off: {}", at_, i);
    if (zero && byte == Byte::spill && slot.is_spilled_scalar() && slot.spilled.is_null()) {
      zero_used = true;
      continue;
    }
    scrub_slot(slot);
    Byte kind = Byte::misc;
    if (zero && byte == Byte::zero) {
      kind = Byte::zero;
      zero_used = true;
    }
    if (byte == Byte::invalid && !allow_uninit_stack())
      return fail(EINVAL, "uninit stack in range of var-offset write prohibited for !root; insn {}, off: {}",
                  at_, i);
    byte = kind;
  }
  if (zero_used && value >= 0) return mark_precise(static_cast<unsigned>(value));
  return true;
}

// Zero if every byte of [min, max) is, else unknown.
void Checker::mark_read_from_stack(const Frame& frame, std::int32_t min, std::int32_t max, unsigned dst) {
  bool zero = true;
  for (std::int32_t i = min; i < max && zero; i++)
    zero = frame.stack[slot_of(i)].bytes[slot_index(i) % 8] == Byte::zero;
  if (zero) {
    mark_constant(reg(dst), 0);
  } else {
    mark_unknown(reg(dst));
  }
}

bool Checker::check_readable_bytes(const Frame& frame, std::int32_t off, unsigned size, bool spills_too) {
  for (unsigned i = 0; i < size; i++) {
    const Byte byte = frame.stack[slot_of(off)].bytes[(slot_index(off) - i) % 8];
    if (byte == Byte::misc || byte == Byte::zero || (byte == Byte::spill && spills_too)) continue;
    if (byte == Byte::invalid && allow_uninit_stack()) continue;
    return fail(EACCES, "invalid read from stack off {}+{} size {}", off, i, size);
  }
  return true;
}

bool Checker::read_stack(Frame& frame, std::int32_t off, unsigned size, int value) {
  const unsigned index = slot_index(off), slot_number = index / 8;
  StackSlot& slot = frame.stack[slot_number];
  touched_slots_ |= std::uint64_t{1} << slot_number;
  note_stack_read(frame, off, off + static_cast<std::int32_t>(size));
  if (!slot.is_spilled()) {
    if (!check_readable_bytes(frame, off, size, false)) return false;
    if (value >= 0)
      mark_read_from_stack(frame, off, off + static_cast<std::int32_t>(size), static_cast<unsigned>(value));
    return true;
  }
  unsigned spilled = 1;
  while (spilled < 8 && slot.bytes[7 - spilled] == Byte::spill) spilled++;
  const RegState& held = slot.spilled;
  if (size == 8 && spilled == 8) {
    if (value >= 0) {
      reg(static_cast<unsigned>(value)) = held;
    } else if (is_pointer_to_hide(held)) {
      return fail(EACCES, "leaking pointer from stack off {}", off);
    }
    note_stack_access(frame.number, slot_number);
    return true;
  }
  if (held.kind != Kind::scalar) return fail(EACCES, "invalid size of register fill");
  if (value < 0) return true;
  RegState& dst = reg(static_cast<unsigned>(value));
  if ((keeps_all_spills_ ? size <= spilled : size == spilled) && off % 8 == 0) {  // the low end
    dst = held;
    if (bits_used(held) > 8 * size) unlink(dst);
    note_stack_access(frame.number, slot_number);
    return true;
  }
  unsigned spills = 0, zeroes = 0;
  for (unsigned i = 0; i < size; i++) {
    const Byte byte = slot.bytes[(index - i) % 8];
    spills += byte == Byte::spill;
    zeroes += byte == Byte::zero;
  }
  if (!check_readable_bytes(frame, off, size, true)) return false;
  if (spills == size && held.is_null()) {
    mark_constant(dst, 0);
    note_stack_access(frame.number, slot_number);
  } else if (zeroes == size) {
    mark_constant(dst, 0);
  } else {
    mark_unknown(dst);
  }
  return true;
}

bool Checker::read_stack_somewhere(unsigned number, std::int32_t off, unsigned size, int value) {
  HelperMemory memory;
  if (!check_stack_bytes(number, off, size, false, memory, false)) return false;
  const RegState& pointer = reg(number);
  const Frame& frame = state_->frame_of(pointer);
  mark_read_from_stack(frame, static_cast<std::int32_t>(pointer.value.full.smin + off),
                       static_cast<std::int32_t>(pointer.value.full.smax + off + size),
                       static_cast<unsigned>(value));
  return true;
}

bool Checker::check_stack_range(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok,
                                HelperMemory& memory) {
  return check_stack_bytes(number, off, size, zero_ok, memory, true);
}

// All bytes of the range are initialised (or need not be); a helper may write them.
bool Checker::check_stack_bytes(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok,
                                HelperMemory& memory, bool by_helper) {
  const RegState& pointer = reg(number);
  Frame& frame = state_->frame_of(pointer);
  if (size == 0 && !zero_ok) return fail(EACCES, "invalid zero-sized read");
  // Since 6.14 helpers that only read leave the stack as it is, and the messages call their accesses by what
  // they do.
  const bool told_apart = model().at_least(6, 14);
  const bool clobbers = by_helper && (!told_apart || memory.mode == Mode::write);
  const char* what = !by_helper || (told_apart && !clobbers) ? " read from"
                     : told_apart                            ? " write to"
                                                             : " indirect access to";
  if (!check_stack_bounds(number, off, size, what, by_helper)) return false;
  const bool fixed = pointer.value.is_const();
  std::int32_t min = off, max = off;
  bool uninit = by_helper && memory.uninit;
  const char* extra = by_helper && !told_apart ? " indirect" : "";
  if (fixed) {
    min = max = off + static_cast<std::int32_t>(pointer.value.value());
  } else {
    if (!bypass_spec_v1())
      return fail(EACCES, "R{}{} variable offset stack access prohibited for !root, var_off={}", number,
                  extra, print_tnum(pointer.value.bits));
    uninit = false;
    min = static_cast<std::int32_t>(pointer.value.full.smin + off);
    max = static_cast<std::int32_t>(pointer.value.full.smax + off);
  }
  const std::int32_t end = max + static_cast<std::int32_t>(size);
  if (!uninit) note_stack_read(frame, min, end);
  if (uninit) {
    for (std::int32_t i = min; i < end; i++) {
      if (slot_of(i) >= frame.stack.size()) continue;
      if (frame.stack[slot_of(i)].bytes[slot_index(i) % 8] == Byte::dynptr)
        return fail(EACCES, "potential write to dynptr at off={} disallowed", i);
    }
    memory.fills_stack = true;
    memory.fill_off = min;
    memory.fill_size = size;
    return true;
  }
  for (std::int32_t i = min; i < end; i++) {
    StackSlot& slot = frame.stack[slot_of(i)];
    Byte& byte = slot.bytes[slot_index(i) % 8];
    if (byte == Byte::misc) continue;
    if (byte == Byte::zero || (byte == Byte::invalid && allow_uninit_stack())) {
      if (clobbers) byte = Byte::misc;
      continue;
    }
    if (slot.is_spilled() && (slot.spilled.kind == Kind::scalar || allow_ptr_leaks())) {
      if (clobbers) {
        mark_unknown(slot.spilled);
        for (Byte& b : slot.bytes)
          if (b == Byte::spill) b = Byte::misc;
      }
      continue;
    }
    if (fixed)
      return fail(EACCES, "invalid{} read from stack R{} off {}+{} size {}", extra, number, min, i - min,
                  size);
    return fail(EACCES, "invalid{} read from stack R{} var_off {}+{} size {}", extra, number,
                print_tnum(pointer.value.bits), i - min, size);
  }
  return true;
}

}  // namespace skep::verify
