// Loads, stores, atomics and packet loads for AArch64.
#include "skep/base/check.h"
#include "skep/jit/arm64_lower.h"

namespace skep::jit::arm64 {

using image::Access;
using isa::Class;
using isa::Operation;

void Lowering::may_fault(Access access, std::optional<Reg> target) {
  if (access == Access::plain) return;
  open_fixups_.push_back(native_.fixups.size());
  native_.fixups.push_back({e_.offset(), 0, target ? static_cast<std::uint8_t>(*target) : Fixup::no_target});
}

void Lowering::resume_here() {
  for (std::size_t i : open_fixups_) native_.fixups[i].resume = e_.offset();
  open_fixups_.clear();
}

// Uses x9, and x11 for large offsets.
Lowering::Address Lowering::address(Reg base, std::int32_t off, Access access, Mem mem) {
  if (access == Access::arena) {
    e_.mov_imm(Reg::x9, plan_.arena);
    e_.alu_extended(Reg::x9, Reg::x9, base);
    base = Reg::x9;
  }
  if (base == Reg::x29) {
    // Below the frame pointer is above the stack pointer, where the scaled form reaches further.
    const std::int64_t from_sp = std::int64_t{off} + frame_.stack_bytes;
    if (from_sp >= 0 && fits_offset(mem, from_sp)) return {Reg::sp, from_sp};
  }
  if (fits_offset(mem, off)) return {base, off};
  e_.mov_imm(Reg::x11, static_cast<std::uint64_t>(std::int64_t{off}));
  return {base, 0, Reg::x11};
}

// base itself or x9; x11 is lost.
Reg Lowering::address_in_register(Reg base, std::int32_t off, Access access) {
  if (access == Access::arena) {
    e_.mov_imm(Reg::x9, plan_.arena);
    e_.alu_extended(Reg::x9, Reg::x9, base);
    base = Reg::x9;
  }
  if (off == 0) return base;
  const auto distance = static_cast<std::uint64_t>(std::int64_t{off});
  if (fits_add(distance)) {
    e_.alu_imm(Alu::add, Size::x, Reg::x9, base, distance);
  } else if (fits_add(0 - distance)) {
    e_.alu_imm(Alu::sub, Size::x, Reg::x9, base, 0 - distance);
  } else {
    e_.mov_imm(Reg::x11, distance);
    e_.alu(Alu::add, Size::x, Reg::x9, base, Reg::x11);
  }
  return Reg::x9;
}

void Lowering::load(const image::Inst& inst, const isa::Op& row) {
  const Access access = image::access_of(inst, row.action);
  Mem mem = mem_of(row.width);
  if (row.sign_from == 8) mem = Mem::sb;
  if (row.sign_from == 16) mem = Mem::sh;
  if (row.sign_from == 32) mem = Mem::sw;
  const Reg d = reg(inst.dst);
  const Address at = address(reg(inst.src), inst.off, access, mem);
  may_fault(access, d);
  if (at.index)
    e_.load_indexed(mem, d, at.base, *at.index);
  else
    e_.load(mem, d, at.base, at.offset);
  resume_here();
}

void Lowering::store(const image::Inst& inst, const isa::Op& row) {
  const Access access = image::access_of(inst, row.action);
  const Mem mem = mem_of(row.width);
  Reg value = reg(inst.src);
  if (row.action == Class::store_imm) {
    value = Reg::zr;
    const std::uint64_t imm = row.width == 64 ? inst.imm : inst.imm & ((std::uint64_t{1} << row.width) - 1);
    if (imm != 0 || options_.blind_constants) constant(value = Reg::x10, imm);
  }
  const Address at = address(reg(inst.dst), inst.off, access, mem);
  may_fault(access, {});
  if (at.index)
    e_.store_indexed(mem, value, at.base, *at.index);
  else
    e_.store(mem, value, at.base, at.offset);
  resume_here();
}

void Lowering::ordered(const image::Inst& inst, const isa::Op& row) {
  const Access access = image::access_of(inst, row.action);
  const Mem mem = mem_of(row.width);
  if (row.action == Class::load_acquire) {
    const Reg d = reg(inst.dst);
    const Reg at = address_in_register(reg(inst.src), inst.off, access);
    may_fault(access, d);
    e_.load_acquire(mem, d, at);
  } else {
    const Reg at = address_in_register(reg(inst.dst), inst.off, access);
    may_fault(access, {});
    e_.store_release(mem, reg(inst.src), at);
  }
  resume_here();
}

// Operations that give the old value are ordered with everything around them; the others order nothing.
void Lowering::atomic(const image::Inst& inst, const isa::Op& row) {
  const Access access = image::access_of(inst, row.action);
  const Size size = row.width == 64 ? Size::x : Size::w;
  const Reg s = reg(inst.src);
  Reg at = address_in_register(reg(inst.dst), inst.off, access);
  if (!lse_) return atomic_loop(inst, row, size, at, access);
  if (row.operation == Operation::cmpxchg) {
    if (at == r0) e_.mov(Size::x, at = Reg::x9, r0);
    may_fault(access, r0);
    e_.cas(size, r0, s, at);
    return resume_here();
  }
  Fetch op = Fetch::add;
  Reg operand = s;
  switch (row.operation) {
    case Operation::add: break;
    case Operation::or_: op = Fetch::set; break;
    case Operation::xor_: op = Fetch::eor; break;
    case Operation::xchg: op = Fetch::swp; break;
    case Operation::and_:
      op = Fetch::clr;
      e_.alu(Alu::orn, size, operand = Reg::x10, Reg::zr, s);
      break;
    default: check(false, "an atomic operation");
  }
  if (row.fetch) {
    may_fault(access, s);
    e_.fetch(op, size, operand, s, at);
  } else {
    may_fault(access, {});
    e_.fetch_plain(op, size, operand, Reg::zr, at);
  }
  resume_here();
}

// The same with exclusive loads and stores. x10 gets the old value, x11 the new one, w12 whether it was
// stored.
void Lowering::atomic_loop(const image::Inst& inst, const isa::Op& row, Size size, Reg at, Access access) {
  const Reg s = reg(inst.src);
  const bool compare = row.operation == Operation::cmpxchg;
  std::optional<Reg> result;
  if (row.fetch) result = compare ? r0 : s;
  Label again = e_.label(), done = e_.label();
  e_.bind(again);
  may_fault(access, result);
  e_.load_exclusive(size, Reg::x10, at);
  Reg value = Reg::x11;
  switch (row.operation) {
    case Operation::add: e_.alu(Alu::add, size, value, Reg::x10, s); break;
    case Operation::or_: e_.alu(Alu::orr, size, value, Reg::x10, s); break;
    case Operation::xor_: e_.alu(Alu::eor, size, value, Reg::x10, s); break;
    case Operation::and_: e_.alu(Alu::and_, size, value, Reg::x10, s); break;
    case Operation::xchg: value = s; break;
    case Operation::cmpxchg:
      value = s;
      e_.alu(Alu::subs, size, Reg::zr, Reg::x10, r0);
      e_.b(Cond::ne, done);
      break;
    default: check(false, "an atomic operation");
  }
  may_fault(access, result);
  e_.store_exclusive(size, Reg::x12, value, at);
  e_.cbnz(Size::w, Reg::x12, again);
  e_.bind(done);
  if (result) {
    e_.barrier();
    e_.mov(size, *result, Reg::x10);
  }
  resume_here();
}

// LD_ABS and LD_IND: the bytes are found by a function; beyond the packet the function ends with 0.
void Lowering::packet(const image::Inst& inst, const isa::Op& row) {
  constant(Reg::x10, inst.imm & 0xffff'ffff);
  if (row.action == Class::packet_indirect)
    e_.alu(Alu::add, Size::w, Reg::x1, reg(inst.src), Reg::x10);
  else
    e_.mov(Size::w, Reg::x1, Reg::x10);
  e_.mov_imm(Reg::x2, row.width / 8U);
  e_.mov(Size::x, Reg::x0, ctx);
  call_address(reinterpret_cast<std::uint64_t>(&find_packet_bytes));
  e_.cbz(Size::x, Reg::x0, add_cold({.what = Cold::What::exit_with_0, .at = {}, .inst = 0}));
  e_.load(mem_of(row.width), r0, Reg::x0, 0);
  if (row.width == 32) e_.swap(Swap::rev32, r0, r0);
  if (row.width == 16) e_.swap(Swap::rev16, r0, r0);
}

}  // namespace skep::jit::arm64
