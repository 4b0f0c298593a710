// Arithmetic, byte order, comparisons and jump tables for AArch64.
//
// Division needs no care here: udiv and sdiv give 0 for a division by zero, the least number divided by -1 is
// itself, and msub then gives the remainders that RFC 9669 wants.
#include <bit>

#include "skep/base/check.h"
#include "skep/jit/arm64_lower.h"

namespace skep::jit::arm64 {

using isa::Operation;

namespace {

Size size_of(const isa::Op& row) { return row.width == 64 ? Size::x : Size::w; }
std::uint64_t cut(Size size, std::uint64_t value) { return size == Size::x ? value : value & 0xffff'ffff; }
unsigned log2(std::uint64_t value) { return static_cast<unsigned>(std::countr_zero(value)); }

Cond condition(Operation operation) {
  switch (operation) {
    case Operation::eq: return Cond::eq;
    case Operation::ne:
    case Operation::set: return Cond::ne;
    case Operation::gt: return Cond::hi;
    case Operation::ge: return Cond::hs;
    case Operation::lt: return Cond::lo;
    case Operation::le: return Cond::ls;
    case Operation::sgt: return Cond::gt;
    case Operation::sge: return Cond::ge;
    case Operation::slt: return Cond::lt;
    case Operation::sle: return Cond::le;
    default: break;
  }
  check(false, "a comparison");
  return Cond::eq;
}

}  // namespace

void Lowering::constant(Reg d, std::uint64_t value) {
  if (!options_.blind_constants) return e_.mov_imm(d, value);
  // splitmix64
  random_ += 0x9e37'79b9'7f4a'7c15;
  std::uint64_t key = random_;
  key = (key ^ key >> 30) * 0xbf58'476d'1ce4'e5b9;
  key = (key ^ key >> 27) * 0x94d0'49bb'1331'11eb;
  key ^= key >> 31;
  if (value >> 32 == 0) key &= 0xffff'ffff;
  e_.mov_imm(d, value ^ key);
  e_.mov_imm(Reg::x12, key);
  e_.alu(Alu::eor, Size::x, d, d, Reg::x12);
}

// False: there is no form with this immediate.
bool Lowering::alu_imm(Operation operation, Size size, Reg d, std::uint64_t value) {
  value = cut(size, value);
  const std::uint64_t negative = cut(size, 0 - value);
  const bool power = std::has_single_bit(value);
  auto keep = [&] {  // d op value is d
    if (size == Size::w) e_.mov(Size::w, d, d);
    return true;
  };
  auto emit = [&](Alu op, std::uint64_t imm) {
    e_.alu_imm(op, size, d, d, imm);
    return true;
  };
  switch (operation) {
    case Operation::add:
    case Operation::sub: {
      const bool adds = operation == Operation::add;
      if (value == 0) return keep();
      if (fits_add(value)) return emit(adds ? Alu::add : Alu::sub, value);
      if (fits_add(negative)) return emit(adds ? Alu::sub : Alu::add, negative);
      return false;
    }
    case Operation::and_: return fits_logical(size, value) && emit(Alu::and_, value);
    case Operation::or_: return fits_logical(size, value) && emit(Alu::orr, value);
    case Operation::xor_: return fits_logical(size, value) && emit(Alu::eor, value);
    case Operation::lsh:
    case Operation::rsh:
    case Operation::arsh: {
      const std::uint64_t shift = value & (size == Size::x ? 63 : 31);
      if (shift == 0) return keep();
      return emit(operation == Operation::lsh   ? Alu::lsl
                  : operation == Operation::rsh ? Alu::lsr
                                                : Alu::asr,
                  shift);
    }
    case Operation::mul:
      if (value == 1) return keep();
      return power && emit(Alu::lsl, log2(value));
    case Operation::div:
      if (value == 1) return keep();
      return power && emit(Alu::lsr, log2(value));
    case Operation::mod:
      if (value == 1) {
        e_.mov_imm(d, 0);
        return true;
      }
      return power && emit(Alu::and_, value - 1);
    default: return false;
  }
}

void Lowering::alu_reg(Operation operation, Size size, Reg d, Reg s) {
  auto emit = [&](Alu op) { e_.alu(op, size, d, d, s); };
  auto remainder = [&](Alu division) {
    e_.alu(division, size, Reg::x9, d, s);
    e_.msub(size, d, Reg::x9, s, d);
  };
  switch (operation) {
    case Operation::add: return emit(Alu::add);
    case Operation::sub: return emit(Alu::sub);
    case Operation::mul: return emit(Alu::mul);
    case Operation::div: return emit(Alu::udiv);
    case Operation::sdiv: return emit(Alu::sdiv);
    case Operation::mod: return remainder(Alu::udiv);
    case Operation::smod: return remainder(Alu::sdiv);
    case Operation::or_: return emit(Alu::orr);
    case Operation::and_: return emit(Alu::and_);
    case Operation::xor_: return emit(Alu::eor);
    case Operation::lsh: return emit(Alu::lsl);
    case Operation::rsh: return emit(Alu::lsr);
    case Operation::arsh: return emit(Alu::asr);
    default: check(false, "an operation of two operands");
  }
}

void Lowering::alu(const image::Inst& inst, const isa::Op& row) {
  const Size size = size_of(row);
  const Reg d = reg(inst.dst), s = reg(inst.src);
  if (row.operation == Operation::neg) return e_.alu(Alu::sub, size, d, Reg::zr, d);
  if (row.operation == Operation::mov) {
    if (row.source == isa::Source::imm) return constant(d, cut(size, inst.imm));
    switch (row.sign_from) {
      case 8: return e_.extend(Extend::sxtb, size, d, s);
      case 16: return e_.extend(Extend::sxth, size, d, s);
      case 32: return e_.extend(Extend::sxtw, size, d, s);
      default: break;
    }
    if (d != s || size == Size::w) e_.mov(size, d, s);
    return;
  }
  if (row.source == isa::Source::imm) {
    if (!options_.blind_constants && alu_imm(row.operation, size, d, inst.imm)) return;
    constant(Reg::x10, cut(size, inst.imm));
    return alu_reg(row.operation, size, d, Reg::x10);
  }
  if (plan_.insts[inst_].flags & const_divisor) {
    while (plan_.constants[next_constant_].inst != inst_) next_constant_++;
    const std::uint64_t value = plan_.constants[next_constant_].value;
    if (!options_.blind_constants && alu_imm(row.operation, size, d, value)) return;
  }
  alu_reg(row.operation, size, d, s);
}

void Lowering::endian(const image::Inst& inst, const isa::Op& row) {
  const Reg d = reg(inst.dst);
  if (row.operation == Operation::to_le) {
    if (row.width == 16) e_.extend(Extend::uxth, Size::w, d, d);
    if (row.width == 32) e_.mov(Size::w, d, d);
    return;
  }
  if (row.width == 64) return e_.swap(Swap::rev64, d, d);
  if (row.width == 32) return e_.swap(Swap::rev32, d, d);
  e_.swap(Swap::rev16, d, d);
  e_.extend(Extend::uxth, Size::w, d, d);
}

// The arena's upper half over the lower 32 bits; null stays null. Both directions are the same here.
void Lowering::addr_space_cast(const image::Inst& inst) {
  constexpr std::uint64_t to_kernel = 1, to_user = 1 << 16;
  if (plan_.arena == 0 || (inst.imm != to_kernel && inst.imm != to_user))
    return e_.b(fault(FaultKind::instruction));
  const Reg d = reg(inst.dst);
  e_.mov(Size::w, Reg::x9, reg(inst.src));
  e_.mov_imm(Reg::x10, plan_.arena);
  e_.alu(Alu::orr, Size::x, Reg::x10, Reg::x10, Reg::x9);
  e_.alu_imm(Alu::subs, Size::w, Reg::zr, Reg::x9, 0);
  e_.csel(Size::x, d, Reg::zr, Reg::x10, Cond::eq);
}

void Lowering::jump_if(const image::Inst& inst, const isa::Op& row, Label to) {
  const Size size = size_of(row);
  const Reg d = reg(inst.dst);
  const bool bits = row.operation == Operation::set;
  if (row.source == isa::Source::reg) {
    e_.alu(bits ? Alu::ands : Alu::subs, size, Reg::zr, d, reg(inst.src));
    return e_.b(condition(row.operation), to);
  }
  const std::uint64_t value = cut(size, inst.imm), negative = cut(size, 0 - value);
  if (options_.blind_constants ||
      !(bits ? fits_logical(size, value) : fits_add(value) || fits_add(negative))) {
    constant(Reg::x10, value);
    e_.alu(bits ? Alu::ands : Alu::subs, size, Reg::zr, d, Reg::x10);
  } else if (bits) {
    e_.alu_imm(Alu::ands, size, Reg::zr, d, value);
  } else if (value == 0 && row.operation == Operation::eq) {
    return e_.cbz(size, d, to);
  } else if (value == 0 && row.operation == Operation::ne) {
    return e_.cbnz(size, d, to);
  } else if (fits_add(value)) {
    e_.alu_imm(Alu::subs, size, Reg::zr, d, value);
  } else {
    e_.alu_imm(Alu::adds, size, Reg::zr, d, negative);  // not 0, so the flags are the same
  }
  e_.b(condition(row.operation), to);
}

// A register holds the address of an Inst of this function; the table has the distances of their code.
void Lowering::gotox(const image::Inst& inst) {
  const FunctionPlan& function = current();
  const Reg value = reg(inst.dst);
  const Label bad = fault(FaultKind::call, value);
  if (!table_) table_ = e_.label();
  e_.mov_imm(Reg::x9, reinterpret_cast<std::uint64_t>(image_.insts.data() + function.first));
  e_.alu(Alu::sub, Size::x, Reg::x9, value, Reg::x9);
  e_.alu_imm(Alu::ands, Size::x, Reg::zr, Reg::x9, sizeof(image::Inst) - 1);
  e_.b(Cond::ne, bad);
  e_.alu_imm(Alu::lsr, Size::x, Reg::x9, Reg::x9, log2(sizeof(image::Inst)));
  e_.mov_imm(Reg::x10, function.end - function.first);
  e_.alu(Alu::subs, Size::x, Reg::zr, Reg::x9, Reg::x10);
  e_.b(Cond::hs, bad);
  e_.adr(Reg::x10, *table_, Reg::x11);
  e_.load_scaled(Mem::sw, Reg::x9, Reg::x10, Reg::x9);
  e_.cbz(Size::x, Reg::x9, bad);
  e_.alu(Alu::add, Size::x, Reg::x10, Reg::x10, Reg::x9);
  e_.br(Reg::x10);
}

void Lowering::jump_table() {
  const FunctionPlan& function = current();
  place(image::Image::no_inst);
  e_.bind(*table_);
  for (std::uint32_t i = function.first; i < function.end; i++) {
    if (plan_.insts[i].flags & leader)
      e_.distance(Label{first_label_ + i}, *table_);
    else
      e_.word(0);  // no place to go to
  }
}

}  // namespace skep::jit::arm64
