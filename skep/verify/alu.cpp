// Arithmetic: what a register holds after an ALU instruction. Numbers are computed by scalar.h; here are the
// rules about what may be computed with what, pointers above all.
#include <limits>

#include "skep/verify/checker.h"

namespace skep::verify {

using isa::Class;
using isa::Operation;
using isa::Source;

// Offsets of pointers stay below this (BPF_MAX_VAR_OFF), so that sums of a few never overflow.
constexpr std::int64_t offset_limit = std::int64_t{1} << 29;

bool Checker::simulate_alu(const Code& insn) {
  const isa::Op& row = insn.row();
  if (row.action == Class::endian) return simulate_swap(insn);
  if (row.operation == Operation::mov) return simulate_mov(insn);
  if (row.operation == Operation::neg) return simulate_neg(insn);
  if (row.source == Source::reg && !check_reg_read(insn.src)) return false;
  if (!check_reg_read(insn.dst)) return false;
  if (row.source == Source::imm && !check_constant_operand(insn)) return false;
  if (!check_reg_write(insn.dst, false)) return false;
  if (!simulate_binary(insn)) return false;
  return check_invariants(reg(insn.dst), "alu");
}

// A constant that makes the instruction meaningless: division by 0, shifts beyond the width.
bool Checker::check_constant_operand(const Code& insn) {
  const isa::Op& row = insn.row();
  switch (row.operation) {
    case Operation::div:
    case Operation::sdiv:
    case Operation::mod:
    case Operation::smod:
      if (insn.imm == 0) return fail(EINVAL, "div by zero");
      return true;
    case Operation::lsh:
    case Operation::rsh:
    case Operation::arsh:
      if (insn.imm < 0 || insn.imm >= row.width) return fail(EINVAL, "invalid shift {}", insn.imm);
      return true;
    default: return true;
  }
}

bool Checker::simulate_swap(const Code& insn) {
  if (!check_reg_read(insn.dst)) return false;
  RegState& dst = reg(insn.dst);
  if (is_pointer_to_hide(dst)) return fail(EACCES, "R{} pointer arithmetic prohibited", insn.dst);
  if (dst.kind != Kind::scalar || !arithmetic_.swapped_bits) return check_reg_write(insn.dst, true);
  const isa::Op& row = insn.row();
  if (!check_reg_write(insn.dst, false)) return false;
  const bool keeps_order = row.operation == Operation::to_le;  // the machine is a little-endian one
  if (keeps_order && row.width == 64) return true;
  dst.value = keeps_order ? zero_extend(dst.value, row.width, arithmetic_)
                          : swap_bytes(dst.value, row.width, arithmetic_);
  unlink(dst);
  return true;
}

bool Checker::simulate_neg(const Code& insn) {
  if (!check_reg_read(insn.dst)) return false;
  RegState& dst = reg(insn.dst);
  if (is_pointer_to_hide(dst)) return fail(EACCES, "R{} pointer arithmetic prohibited", insn.dst);
  if (dst.kind != Kind::scalar || !arithmetic_.negate) return check_reg_write(insn.dst, true);
  if (!check_reg_write(insn.dst, false)) return false;
  dst.value = alu(Operation::neg, insn.row().width, dst.value, dst.value, arithmetic_);
  unlink(dst);
  return true;
}

// A copy of an unknown number belongs together with its original: what is learnt of one holds for the other.
void Checker::link_before_copy(RegState& source) {
  if (source.kind != Kind::scalar) return;
  if (source.id & id_add_const) unlink(source);
  if (source.id == 0 && !source.value.is_const()) source.id = new_id();
}

void Checker::unlink(RegState& reg) {
  reg.id = 0;
  reg.off = 0;
}

bool Checker::simulate_mov(const Code& insn) {
  const isa::Op& row = insn.row();
  if (row.source == Source::imm) {
    if (!check_reg_write(insn.dst, false)) return false;
    mark_constant(reg(insn.dst), row.width == 64 ? static_cast<std::uint64_t>(insn.imm)
                                                 : static_cast<std::uint32_t>(insn.imm));
    return true;
  }
  if (!check_reg_read(insn.src) || !check_reg_write(insn.dst, false)) return false;
  RegState& src = reg(insn.src);
  RegState& dst = reg(insn.dst);
  if (row.sign_from != 0) {
    if (is_pointer_to_hide(src))
      return row.width == 64 ? fail(EACCES, "R{} sign-extension part of pointer", insn.src)
                             : fail(EACCES, "R{} partial copy of pointer", insn.src);
    if (src.kind != Kind::scalar) {
      mark_unknown(dst);
      if (row.width == 32) dst.value = zero_extend(dst.value, 32, arithmetic_);
      return true;
    }
    const bool unchanged = src.value.full.umax < std::uint64_t{1} << (row.sign_from - 1);
    if (unchanged) link_before_copy(src);
    dst = src;
    if (!unchanged) unlink(dst);
    dst.value = sign_extend(src.value, row.sign_from, row.width, arithmetic_);
    return true;
  }
  if (row.width == 64) {
    link_before_copy(src);
    dst = src;
    return true;
  }
  if (is_pointer_to_hide(src)) return fail(EACCES, "R{} partial copy of pointer", insn.src);
  if (src.kind != Kind::scalar) {
    mark_unknown(dst);
    dst.value = zero_extend(dst.value, 32, arithmetic_);
    return true;
  }
  const bool fits = src.value.full.umax <= 0xffffffffu;
  if (fits) link_before_copy(src);
  dst = src;
  if (!fits) unlink(dst);
  dst.value = zero_extend(dst.value, 32, arithmetic_);
  return true;
}

bool Checker::simulate_addr_space_cast(const Code& insn) {
  if (insn.imm != 1 && insn.imm != 1 << 16)
    return fail(EINVAL, "addr_space_cast insn can only convert between address space 1 and 0");
  if (!has_arena_)
    return fail(EINVAL, "addr_space_cast insn can only be used in a program that has an associated arena");
  if (!check_reg_read(insn.src) || !check_reg_write(insn.dst, true)) return false;
  if (insn.imm == 1) mark_pointer(reg(insn.dst), Kind::arena);
  return true;
}

bool Checker::simulate_binary(const Code& insn) {
  const isa::Op& row = insn.row();
  RegState& dst = reg(insn.dst);
  RegState constant;
  const RegState* src = &constant;
  if (row.source == Source::reg)
    src = &reg(insn.src);
  else
    constant = RegState::constant(static_cast<std::uint64_t>(insn.imm));

  if (dst.kind == Kind::arena || src->kind == Kind::arena) {
    if (dst.kind != Kind::arena) dst = *src;
    return true;
  }
  const bool dst_pointer = dst.kind != Kind::scalar, src_pointer = src->kind != Kind::scalar;
  if (dst_pointer && src_pointer) {
    if (row.operation == Operation::sub && allow_ptr_leaks()) {
      mark_unknown(dst);
      return true;
    }
    return fail(EACCES, "R{} pointer {} pointer prohibited", insn.dst, row.symbol);
  }
  if (src_pointer) {
    if (!mark_precise(insn.dst)) return false;
    const RegState scalar = dst;
    return simulate_pointer_alu(insn, *src, scalar, false);
  }
  if (dst_pointer) {
    if (row.source == Source::reg && !mark_precise(insn.src)) return false;
    const RegState scalar = *src;
    return simulate_pointer_alu(insn, dst, scalar, true);
  }
  if (row.source == Source::reg && dst.precise && !mark_precise(insn.src)) return false;
  const Scalar before = dst.value;
  if (!simulate_scalar_alu(insn, dst, *src)) return false;
  const bool same = row.source == Source::reg && insn.src == insn.dst;
  const std::optional<std::int32_t> distance =
      same ? std::nullopt : linking_distance(row, before, src->value);
  if (dst.id == 0 || (dst.id & id_add_const) != 0 || !distance) {
    unlink(dst);
  } else {
    dst.id |= row.width == 64 ? id_add_const64 : id_add_const32;
    dst.off = *distance;
  }
  return true;
}

// rX = rY; rX += K: what a branch learns of rY holds for rX at distance K. Nothing: it does not for this
// instruction. Linux 6.10 has it for 64-bit additions of positive numbers; 6.18 also for negative ones,
// subtractions, and in 32 bits when the upper half was zero before (observed on 6.18.44).
std::optional<std::int32_t> Checker::linking_distance(const isa::Op& row, const Scalar& before,
                                                      const Scalar& operand) const {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (!bpf_capable() || !links_sums_) return std::nullopt;
  const bool sub = row.operation == Operation::sub;
  if (row.operation != Operation::add && !sub) return std::nullopt;
  if (row.width == 32) {
    if (!links_differences_ || !operand.is_const_low() || before.full.umax > 0xffffffffu) return std::nullopt;
  } else if (!operand.is_const()) {
    return std::nullopt;
  }
  std::int64_t distance = row.width == 32 ? static_cast<std::int32_t>(operand.value())
                                          : static_cast<std::int64_t>(operand.value());
  if (sub) {
    if (!links_differences_ || distance == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    distance = -distance;
  }
  // A subtraction's number must fit before and after it is negated.
  if (distance > most || distance < (links_differences_ ? -most - !sub : 0)) return std::nullopt;
  return static_cast<std::int32_t>(distance);
}

bool Checker::simulate_scalar_alu(const Code& insn, RegState& dst, const RegState& src) {
  const isa::Op& row = insn.row();
  if (const unsigned width = forks_sign_mask(row.operation, dst.value, src.value, arithmetic_); width != 0) {
    State* branch = push_branch(at_, at_, false);
    if (branch == nullptr) return false;
    RegState& other = branch->reg(insn.dst);
    if (width == 64) {
      other.value = Scalar::constant(0);
      dst.value = Scalar::constant(~std::uint64_t{0});
    } else {
      other.value = with_low_const(other.value, std::uint64_t{0});
      dst.value = with_low_const(dst.value, std::uint64_t{0xffffffff});
    }
  }
  const Scalar operand = src.value;  // src may be dst
  const bool shift =
      row.operation == Operation::lsh || row.operation == Operation::rsh || row.operation == Operation::arsh;
  if (shift) {
    const bool known = row.width == 64 ? operand.is_const() : operand.is_const_low();
    if (!known || operand.full.umax >= row.width) {
      mark_unknown(dst);
      return true;
    }
  }
  switch (row.operation) {
    case Operation::div:
    case Operation::sdiv:
    case Operation::mod:
    case Operation::smod: mark_unknown(dst); return true;
    default: break;
  }
  if (!sanitize_scalar_alu(insn)) return false;
  dst.value = alu(row.operation, row.width, dst.value, operand, arithmetic_);
  return true;
}

// Is the offset `reg` small enough to be added to a pointer of `kind`?
bool Checker::check_sane_offset(const RegState& offset, const RegState& pointer) {
  const auto value = static_cast<std::int64_t>(offset.value.bits.value);
  const std::int64_t min = offset.value.full.smin;
  if (offset.value.is_const() && (value >= offset_limit || value <= -offset_limit))
    return fail(EINVAL, "math between {} pointer and {} is not allowed", kind_name(pointer), value);
  if (offset.off >= offset_limit || offset.off <= -offset_limit)
    return fail(EINVAL, "{} pointer offset {} is not allowed", kind_name(pointer), offset.off);
  if (min == INT64_MIN)
    return fail(EINVAL, "math between {} pointer and register with unbounded min value is not allowed",
                kind_name(pointer));
  if (min >= offset_limit || min <= -offset_limit)
    return fail(EINVAL, "value {} makes {} pointer be out of bounds", min, kind_name(pointer));
  return true;
}

namespace {

// Which pointers may be moved: any offset, constant ones only, or none but += 0.
enum class Movable : std::uint8_t { no, by_zero, by_constant, yes };
Movable movable(Kind kind) {
  switch (kind) {
    case Kind::context:
    case Kind::map_value:
    case Kind::map_key:
    case Kind::stack:
    case Kind::packet_meta:
    case Kind::packet:
    case Kind::tp_buffer:
    case Kind::btf_object:
    case Kind::mem:
    case Kind::buf:
    case Kind::func:
    case Kind::dynptr: return Movable::yes;
    case Kind::flow_keys: return Movable::by_constant;
    case Kind::map_ptr: return Movable::by_zero;
    case Kind::not_init:
    case Kind::scalar:
    case Kind::packet_end:
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::xdp_sock:
    case Kind::arena:
    case Kind::insn_pointer: return Movable::no;
  }
  return Movable::no;
}

bool fits_int32(std::int64_t value) { return value == static_cast<std::int32_t>(value); }

// Bounds of a sum or difference of offsets; unknown where either end overflows.
Range<64> added(const Range<64>& a, const Range<64>& b) {
  Range<64> sum;
  if (__builtin_add_overflow(a.smin, b.smin, &sum.smin) ||
      __builtin_add_overflow(a.smax, b.smax, &sum.smax)) {
    sum.smin = INT64_MIN;
    sum.smax = INT64_MAX;
  }
  if (__builtin_add_overflow(a.umin, b.umin, &sum.umin) ||
      __builtin_add_overflow(a.umax, b.umax, &sum.umax)) {
    sum.umin = 0;
    sum.umax = UINT64_MAX;
  }
  return sum;
}

Range<64> subtracted(const Range<64>& a, const Range<64>& b) {
  Range<64> rest;
  if (__builtin_sub_overflow(a.smin, b.smax, &rest.smin) ||
      __builtin_sub_overflow(a.smax, b.smin, &rest.smax)) {
    rest.smin = INT64_MIN;
    rest.smax = INT64_MAX;
  }
  if (a.umin < b.umax) {
    rest.umin = 0;
    rest.umax = UINT64_MAX;
  } else {
    rest.umin = a.umin - b.umax;
    rest.umax = a.umax - b.umin;
  }
  return rest;
}

}  // namespace

bool Checker::simulate_pointer_alu(const Code& insn, const RegState& pointer_reg, const RegState& offset,
                                   bool pointer_is_dst) {
  const isa::Op& row = insn.row();
  const RegState pointer = pointer_reg;
  RegState& dst = reg(insn.dst);
  const unsigned number = insn.dst;
  const Range<64>& range = offset.value.full;
  const bool known = offset.value.is_const();
  if ((known && !range.is_const()) || !range.is_sane()) {  // a branch that nobody takes
    mark_unknown(dst);
    return true;
  }
  if (row.width != 64) {
    if (row.operation == Operation::sub && allow_ptr_leaks()) {
      mark_unknown(dst);
      return true;
    }
    return fail(EACCES, "R{} 32-bit pointer arithmetic prohibited", number);
  }
  if (pointer.maybe_null())
    return fail(EACCES, "R{} pointer arithmetic on {} prohibited, null-check it first", number,
                kind_name(pointer));
  const Movable may = movable(pointer.kind);
  const bool by_zero = known && range.smin == 0 && row.operation == Operation::add;
  if (!(may == Movable::yes || (may == Movable::by_constant && known) || (may != Movable::no && by_zero)))
    return fail(EACCES, "R{} pointer arithmetic on {} prohibited", number, kind_name(pointer));
  if (!pointer_is_dst) dst = pointer;
  if (!check_sane_offset(offset, pointer) || !check_sane_offset(pointer, pointer)) return false;
  MaskWindow window;
  if (!sanitize_pointer_alu(insn, pointer, offset, pointer_is_dst, window)) return false;

  const std::int64_t step = range.smin;  // when known
  switch (row.operation) {
    case Operation::add:
      if (known && fits_int32(pointer.off + step)) {
        dst.value = pointer.value;
        dst.off = static_cast<std::int32_t>(pointer.off + step);
        dst.payload = pointer.payload;
        break;
      }
      dst.value.full = added(pointer.value.full, range);
      dst.value.bits = pointer.value.bits + offset.value.bits;
      dst.off = pointer.off;
      dst.payload = pointer.payload;
      if (pointer.is_packet()) {
        dst.id = new_id();
        dst.range = 0;
      }
      break;
    case Operation::sub:
      if (!pointer_is_dst) return fail(EACCES, "R{} tried to subtract pointer from scalar", number);
      if (pointer.kind == Kind::stack)
        return fail(EACCES, "R{} subtraction from stack pointer prohibited", number);
      if (known && fits_int32(pointer.off - step)) {
        dst.off = static_cast<std::int32_t>(pointer.off - step);
        break;
      }
      dst.value.full = subtracted(pointer.value.full, range);
      dst.value.bits = pointer.value.bits - offset.value.bits;
      if (pointer.is_packet()) {
        dst.id = new_id();
        if (step < 0) dst.range = 0;
      }
      break;
    case Operation::and_:
    case Operation::or_:
    case Operation::xor_:
      return fail(EACCES, "R{} bitwise operator {} on pointer prohibited", number, row.symbol);
    default: return fail(EACCES, "R{} pointer arithmetic with {} operator prohibited", number, row.symbol);
  }
  if (!check_sane_offset(dst, pointer)) return false;
  dst.value.low = Range<32>{};
  sync(dst.value, arithmetic_);
  return check_pointer_stays(insn.dst) && commit_masking(insn, window);
}

// Without CAP_PERFMON, pointers into stack and map values stay inside of them at every step, because a
// mispredicting CPU would use them.
bool Checker::check_pointer_stays(unsigned number) {
  if (bypass_spec_v1()) return true;
  const RegState& dst = reg(number);
  if (dst.kind == Kind::stack) {
    const std::int64_t off = dst.off + static_cast<std::int64_t>(dst.value.bits.value);
    if (!dst.value.is_const())
      return fail(EACCES, "R{} variable stack access prohibited for !root, var_off={} off={}", number,
                  print_tnum(dst.value.bits), off);
    if (off >= 0 || off < -static_cast<std::int64_t>(stack_bytes))
      return fail(EACCES, "R{} stack pointer arithmetic goes out of range, prohibited for !root; off={}",
                  number, off);
  }
  if (dst.kind == Kind::map_value && !check_map_access(number, dst.off, 1, false, true)) {
    note("R{} pointer arithmetic of map value goes out of range, prohibited for !root\n", number);
    return false;
  }
  return true;
}

bool Checker::check_invariants(RegState& reg, const char* where) {
  if (reg.kind != Kind::scalar || reg.value.is_sane()) return true;
  if ((prog().flags & prog_flag::test_reg_invariants) != 0 && model().at_least(6, 8))
    return fail(EFAULT, "REG INVARIANTS VIOLATION ({}): {}", where, describe(reg));
  reg.value = Scalar::unknown();
  return true;
}

}  // namespace skep::verify
