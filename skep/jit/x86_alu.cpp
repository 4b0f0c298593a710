// Arithmetic: one eBPF operation as one or a few instructions, division by constants as multiplication.
#include <bit>

#include "skep/jit/magic.h"
#include "skep/jit/x86_64.h"

namespace skep::jit::x86 {

using isa::Operation;
using isa::Source;

void Compiler::emit_alu(const Inst& inst, const Op& row) {
  const Reg to = registers[inst.dst];
  const unsigned bits = row.width;
  if (row.operation == Operation::mov) {
    flags_reg_ = Reg::none;
    emit_mov(inst, row);
    return;
  }
  Alu op = Alu::add;
  switch (row.operation) {
    case Operation::add: op = Alu::add; break;
    case Operation::sub: op = Alu::sub; break;
    case Operation::or_: op = Alu::or_; break;
    case Operation::and_: op = Alu::and_; break;
    case Operation::xor_: op = Alu::xor_; break;
    case Operation::neg:
      a_.neg(bits, to);
      flags_of(to, bits);
      set_upper_zero(inst.dst, bits == 32);
      return;
    case Operation::mul: {
      flags_reg_ = Reg::none;
      const auto imm = static_cast<std::int32_t>(inst.imm);
      if (row.source == Source::reg)
        a_.imul(bits, to, value_of(inst.src, t0));
      else if (blinds(imm))
        a_.imul(bits, to, blinded(imm, t0));
      else
        emit_multiply(to, bits, imm);
      set_upper_zero(inst.dst, bits == 32);
      return;
    }
    case Operation::lsh:
    case Operation::rsh:
    case Operation::arsh: emit_shift(inst, row, to, bits); return;
    default:
      flags_reg_ = Reg::none;
      emit_division(inst, row);
      set_upper_zero(inst.dst, bits == 32);
      return;
  }
  if (row.source == Source::reg) {
    a_.alu(op, bits, to, value_of(inst.src, t0));
    flags_of(to, bits);
    // Or and xor of two small numbers stay small, and with one small number too.
    const bool small = inst.src != 10 && upper_zero(inst.src);
    const bool stays = op == Alu::and_ ? small || upper_zero(inst.dst)
                                       : (op == Alu::or_ || op == Alu::xor_) && small && upper_zero(inst.dst);
    set_upper_zero(inst.dst, bits == 32 || stays);
    return;
  }
  const auto imm = static_cast<std::int32_t>(inst.imm);
  if (blinds(imm)) {
    a_.alu(op, bits, to, blinded(imm, t0));
    flags_of(to, bits);
    set_upper_zero(inst.dst, bits == 32);
    return;
  }
  const bool stays =
      imm >= 0 && (op == Alu::and_ || ((op == Alu::or_ || op == Alu::xor_) && upper_zero(inst.dst)));
  if (imm == 0 && op != Alu::and_) {
    // Nothing but the upper half of a 32-bit result.
    flags_reg_ = Reg::none;
    if (bits == 32 && !upper_zero(inst.dst)) a_.mov(32, to, to);
  } else if (op == Alu::and_ && (imm == 0xff || imm == 0xffff)) {
    flags_reg_ = Reg::none;
    a_.movzx(to, to, imm == 0xff ? 8 : 16);
  } else if (op == Alu::and_ && imm >= 0) {
    a_.alu(op, 32, to, imm);
    flags_of(to, bits);
  } else if (op == Alu::xor_ && imm == -1) {
    flags_reg_ = Reg::none;
    a_.alu(op, bits, to, imm);
    flags_of(to, bits);
  } else {
    a_.alu(op, bits, to, imm);
    flags_of(to, bits);
  }
  set_upper_zero(inst.dst, bits == 32 || stays);
}

void Compiler::emit_mov(const Inst& inst, const Op& row) {
  const Reg to = registers[inst.dst];
  if (row.source == Source::imm) {
    const auto imm = static_cast<std::int32_t>(inst.imm);
    const std::uint64_t value = row.width == 32 ? static_cast<std::uint32_t>(imm) : inst.imm;
    if (blinds(imm)) {
      blinded(imm, to);
      if (row.width == 32) a_.mov(32, to, to);
    } else if (value == 0) {
      a_.zero(to);
    } else if (value <= 0xffff'ffff) {
      a_.mov_imm(to, value);
    } else {
      load_constant(to, value);
    }
    set_upper_zero(inst.dst, value <= 0xffff'ffff);
    return;
  }
  if (row.sign_from) {
    a_.movsx(row.width, to, value_of(inst.src, t0), row.sign_from);
    set_upper_zero(inst.dst, row.width == 32);
    return;
  }
  if (inst.src == 10) {
    a_.lea(64, to, {Reg::sp, frame_pointer_});
    if (row.width == 32) a_.mov(32, to, to);
    set_upper_zero(inst.dst, row.width == 32);
    return;
  }
  const Reg from = registers[inst.src];
  const bool small = upper_zero(inst.src);
  if (row.width == 64) {
    if (to != from) a_.mov(64, to, from);
    set_upper_zero(inst.dst, small);
  } else {
    if (to != from || !small) a_.mov(32, to, from);
    set_upper_zero(inst.dst, true);
  }
}

void Compiler::load_constant(Reg to, std::uint64_t value) {
  if (blinds(static_cast<std::int64_t>(value))) {
    const std::uint64_t key = random() | std::uint64_t{1} << 63;
    a_.mov_imm(to, value ^ key);
    a_.mov_imm(t0, key);
    a_.alu(Alu::xor_, 64, to, t0);
  } else if (value == 0) {
    a_.zero(to);
  } else {
    a_.mov_imm(to, value);
  }
}

void Compiler::emit_endian(const Inst& inst, const Op& row) {
  const Reg reg = registers[inst.dst];
  const bool swaps = row.operation != Operation::to_le;
  if (row.width == 16) {
    if (swaps) a_.shift(Shift::rol, 16, reg, 8);
    a_.movzx(reg, reg, 16);
  } else if (swaps) {
    a_.bswap(row.width, reg);
  } else if (row.width == 32 && !upper_zero(inst.dst)) {
    a_.mov(32, reg, reg);
  }
  if (swaps || row.width != 64) set_upper_zero(inst.dst, row.width != 64);
}

void Compiler::emit_shift(const Inst& inst, const Op& row, Reg to, unsigned bits) {
  const Shift op = row.operation == Operation::lsh   ? Shift::shl
                   : row.operation == Operation::rsh ? Shift::shr
                                                     : Shift::sar;
  const bool small = op == Shift::shr && upper_zero(inst.dst);
  if (row.source == Source::imm) {
    const auto count = static_cast<unsigned>(inst.imm) & (bits - 1);
    if (count == 0) {
      flags_reg_ = Reg::none;
      if (bits == 32 && !upper_zero(inst.dst)) a_.mov(32, to, to);
    } else {
      if (op == Shift::shl && count == 1)
        a_.alu(Alu::add, bits, to, to);
      else
        a_.shift(op, bits, to, count);
      flags_of(to, bits);
    }
    set_upper_zero(inst.dst, bits == 32 || small || (op == Shift::shr && count >= 32));
    return;
  }
  flags_reg_ = Reg::none;
  const Reg count = value_of(inst.src, t0);
  if (features_.bmi2) {
    a_.shiftx(op, bits, to, to, count);
  } else {
    if (count != Reg::cx) a_.mov(32, Reg::cx, count);
    a_.shift_cl(op, bits, to);
    // A count of 0 leaves the upper half of a 32-bit destination as it was on no processor: the result is
    // written, and with it the upper half cleared.
  }
  set_upper_zero(inst.dst, bits == 32 || small);
}

void Compiler::emit_multiply(Reg to, unsigned bits, std::int32_t by) {
  const auto value = static_cast<std::uint32_t>(by);
  if (by == 0) {
    a_.zero(to);
  } else if (by == 1) {
    if (bits == 32) a_.mov(32, to, to);
  } else if (by == -1) {
    a_.neg(bits, to);
  } else if (by == 3 || by == 5 || by == 9) {
    a_.lea(bits, to, {to, 0, to, static_cast<std::uint8_t>(std::countr_zero(value - 1))});
  } else if (by > 0 && std::has_single_bit(value)) {
    a_.shift(Shift::shl, bits, to, static_cast<unsigned>(std::countr_zero(value)));
  } else {
    a_.imul(bits, to, to, by);
  }
}

void Compiler::emit_division(const Inst& inst, const Op& row) {
  const Reg to = registers[inst.dst];
  const bool is_signed = row.operation == Operation::sdiv || row.operation == Operation::smod;
  const bool remainder = row.operation == Operation::mod || row.operation == Operation::smod;
  std::uint64_t by = inst.imm;
  bool known = row.source == Source::imm;
  if (plan_.insts[at_].flags & const_divisor && !options_.blind_constants) {
    while (plan_.constants[next_constant_].inst < at_) next_constant_++;
    by = plan_.constants[next_constant_].value;
    known = true;
  }
  if (row.width == 32) by = static_cast<std::uint32_t>(by);
  const auto signed_by =
      row.width == 32 ? std::int64_t{static_cast<std::int32_t>(by)} : static_cast<std::int64_t>(by);
  if (known && row.source == Source::imm && blinds(signed_by)) {
    // A divisor that is not -1 and not 0: both fit into a byte.
    divide(to, blinded(signed_by, t0), row.width, is_signed, remainder, true);
    return;
  }
  if (known && divide_by(to, by, row.width, is_signed, remainder, upper_zero(inst.dst))) return;
  if (known && row.source == Source::imm) {
    a_.mov_imm(t0, by);
    divide(to, t0, row.width, is_signed, remainder, by != 0 && signed_by != -1);
    return;
  }
  divide(to, value_of(inst.src, t0), row.width, is_signed, remainder, known && by != 0 && signed_by != -1);
}

// With the divide instruction, which works on dx:ax.
void Compiler::divide(Reg to, Reg by, unsigned bits, bool is_signed, bool remainder, bool by_is_good) {
  const LabelId done = a_.label();
  if (!by_is_good) {
    Cold zero{Cold::constant};
    zero.reg = to;
    zero.back = done;
    if (remainder) zero.kind = Cold::truncate;
    a_.alu(Alu::test, bits, by, by);
    a_.jump(Cond::e, remainder && bits == 64 ? done : add_cold(zero));
    if (is_signed) {
      Cold minus{remainder ? Cold::constant : Cold::negate};
      minus.reg = to;
      minus.bits = static_cast<std::uint8_t>(bits);
      minus.back = done;
      a_.alu(Alu::cmp, bits, by, -1);
      a_.jump(Cond::e, add_cold(minus));
    }
  }
  if (by == Reg::ax) {
    a_.mov(bits, t0, by);
    by = t0;
  }
  const bool keep = to != Reg::ax;
  if (keep) {
    a_.mov(64, t2, Reg::ax);
    a_.mov(bits, Reg::ax, to);
  }
  if (is_signed) {
    a_.sign_to_dx(bits);
    a_.idiv(bits, by);
  } else {
    a_.zero(Reg::dx);
    a_.div(bits, by);
  }
  a_.mov(bits, to, remainder ? Reg::dx : Reg::ax);
  if (keep) a_.mov(64, Reg::ax, t2);
  a_.bind(done);
}

// The upper half of n * by.
void Compiler::multiply_high(Reg to, Reg n, std::uint64_t by, bool is_signed) {
  if (features_.bmi2 && !is_signed) {
    a_.mov_imm(t1, by);
    a_.mulx(to, t2, n);
    return;
  }
  if (to != Reg::ax) a_.mov(64, t2, Reg::ax);
  if (n == Reg::ax) {
    a_.mov_imm(t0, by);
    n = t0;
  } else {
    a_.mov_imm(Reg::ax, by);
  }
  if (is_signed)
    a_.imul_high(n);
  else
    a_.mul_high(n);
  if (to != Reg::ax) a_.mov(64, Reg::ax, t2);
  a_.mov(64, to, t1);
}

void Compiler::quotient_unsigned(Reg q, Reg n, std::uint64_t by, unsigned bits, bool small) {
  const UnsignedMagic m = unsigned_magic(by, bits);
  if (bits == 32) {
    if (m.add) {
      // A multiplier of 33 bits; the 64-bit reciprocal is exact for every 32-bit dividend.
      if (!small) a_.mov(32, t0, n);
      multiply_high(q, small ? n : t0, ~std::uint64_t{0} / by + 1, false);
      return;
    }
    if (q != n || !small) a_.mov(32, q, n);
    if (m.pre) a_.shift(Shift::shr, 32, q, m.pre);
    if (m.multiplier <= 0x7fff'ffff) {
      a_.imul(64, q, q, static_cast<std::int32_t>(m.multiplier));
    } else {
      a_.mov_imm(t1, m.multiplier);
      a_.imul(64, q, t1);
    }
    a_.shift(Shift::shr, 64, q, 32U + m.post);
    return;
  }
  if (m.add) {
    multiply_high(t0, n, m.multiplier, false);
    a_.mov(64, t1, n);
    a_.alu(Alu::sub, 64, t1, t0);
    a_.shift(Shift::shr, 64, t1, 1);
    if (m.post > 1) {
      a_.alu(Alu::add, 64, t0, t1);
      a_.shift(Shift::shr, 64, t0, m.post - 1U);
      if (q != t0) a_.mov(64, q, t0);
    } else {
      a_.lea(64, q, {t0, 0, t1, 0});
    }
    return;
  }
  if (m.pre) {
    a_.mov(64, t0, n);
    a_.shift(Shift::shr, 64, t0, m.pre);
    n = t0;
  }
  multiply_high(q, n, m.multiplier, false);
  if (m.post) a_.shift(Shift::shr, 64, q, m.post);
}

void Compiler::quotient_signed(Reg n, std::uint64_t by, unsigned bits) {
  const auto value = bits == 32 ? std::int64_t{static_cast<std::int32_t>(by)} : static_cast<std::int64_t>(by);
  const std::uint64_t magnitude =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const SignedMagic m = signed_magic(magnitude, bits);
  if (bits == 32) {
    // The whole product fits 64 bits, the multiplier's sign need not be corrected.
    a_.movsx(64, t0, n, 32);
    a_.mov_imm(t1, m.multiplier);
    a_.imul(64, t0, t1);
    a_.shift(Shift::sar, 64, t0, 32U + m.post);
    a_.mov(32, t1, n);
    a_.shift(Shift::sar, 32, t1, 31);
    a_.alu(Alu::sub, 32, t0, t1);
  } else {
    multiply_high(t0, n, m.multiplier, true);
    if (m.add) a_.alu(Alu::add, 64, t0, n);
    if (m.post) a_.shift(Shift::sar, 64, t0, m.post);
    a_.mov(64, t1, n);
    a_.shift(Shift::sar, 64, t1, 63);
    a_.alu(Alu::sub, 64, t0, t1);
  }
  if (value < 0) a_.neg(bits, t0);
}

bool Compiler::divide_by(Reg to, std::uint64_t by, unsigned bits, bool is_signed, bool remainder,
                         bool small) {
  const auto value = bits == 32 ? std::int64_t{static_cast<std::int32_t>(by)} : static_cast<std::int64_t>(by);
  const std::uint64_t magnitude =
      is_signed && value < 0 ? 0 - static_cast<std::uint64_t>(value)
                             : static_cast<std::uint64_t>(is_signed ? static_cast<std::uint64_t>(value) : by);
  const auto clear_upper = [&] {
    if (bits == 32) a_.mov(32, to, to);
  };
  if (by == 0) {
    if (remainder)
      clear_upper();
    else
      a_.zero(to);
    return true;
  }
  if (magnitude == 1) {
    if (remainder)
      a_.zero(to);
    else if (value == -1 && is_signed)
      a_.neg(bits, to);
    else
      clear_upper();
    return true;
  }
  if (magnitude > std::uint64_t{1} << (bits - 1)) return false;
  if (std::has_single_bit(magnitude)) {
    const auto log = static_cast<unsigned>(std::countr_zero(magnitude));
    if (!is_signed) {
      if (!remainder) {
        a_.shift(Shift::shr, bits, to, log);
      } else if (log < 32) {
        a_.alu(Alu::and_, 32, to, static_cast<std::int32_t>(magnitude - 1));
      } else if (log == 32) {
        a_.mov(32, to, to);
      } else {
        a_.mov_imm(t0, magnitude - 1);
        a_.alu(Alu::and_, 64, to, t0);
      }
      return true;
    }
    if (magnitude == std::uint64_t{1} << (bits - 1)) return false;
    // t0 = n + (n < 0 ? magnitude - 1 : 0)
    a_.mov(bits, t0, to);
    if (log > 1) a_.shift(Shift::sar, bits, t0, bits - 1);
    a_.shift(Shift::shr, bits, t0, bits - log);
    a_.alu(Alu::add, bits, t0, to);
    if (remainder) {
      a_.shift(Shift::shr, bits, t0, log);
      a_.shift(Shift::shl, bits, t0, log);
      a_.alu(Alu::sub, bits, to, t0);
    } else {
      a_.shift(Shift::sar, bits, t0, log);
      if (value < 0) a_.neg(bits, t0);
      a_.mov(bits, to, t0);
    }
    return true;
  }
  if (is_signed) {
    quotient_signed(to, by, bits);
    if (!remainder) a_.mov(bits, to, t0);
  } else {
    quotient_unsigned(remainder ? t0 : to, to, by, bits, small);
  }
  if (!remainder) return true;
  if (value == static_cast<std::int32_t>(value) || bits == 32) {
    a_.imul(bits, t0, t0, static_cast<std::int32_t>(by));
  } else {
    a_.mov_imm(t1, by);
    a_.imul(64, t0, t1);
  }
  a_.alu(Alu::sub, bits, to, t0);
  return true;
}

// Both directions give the address in this process: the arena's upper half over the lower 32 bits; null stays
// null.
void Compiler::emit_cast(const Inst& inst) {
  constexpr std::uint64_t to_kernel = 1, to_user = 1 << 16;
  if (plan_.arena == 0 || (inst.imm != to_kernel && inst.imm != to_user)) {
    Cold cold{Cold::fault};
    cold.fault_kind = FaultKind::instruction;
    a_.jump(add_cold(cold));
    return;
  }
  const Reg to = registers[inst.dst];
  a_.mov(32, to, value_of(inst.src, t0));
  a_.mov_imm(t0, plan_.arena);
  a_.alu(Alu::add, 64, t0, to);
  a_.alu(Alu::test, 32, to, to);
  a_.cmov(Cond::ne, 64, to, t0);
  set_upper_zero(inst.dst, false);
}

}  // namespace skep::jit::x86
