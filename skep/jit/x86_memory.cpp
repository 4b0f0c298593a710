// Loads, stores, atomics, packet bytes.
#include <cstddef>

#include "skep/jit/x86_64.h"

namespace skep::jit::x86 {

using image::Access;
using isa::Class;
using isa::Operation;

// The operand for register + off. Arena accesses use up t0 and t1.
Mem Compiler::memory(unsigned base, std::int32_t off, Access access) {
  if (access == Access::arena) {
    a_.mov(32, t0, value_of(base, t0));
    a_.mov_imm(t1, plan_.arena);
    return {t0, off, t1, 0};
  }
  if (base == 10) return {Reg::sp, frame_pointer_ + off};
  return {registers[base], off};
}

void Compiler::may_fault(Access access, std::uint32_t at, Reg to, std::uint32_t resume) {
  if (access == Access::plain) return;
  native_.fixups.push_back({at, resume, to == Reg::none ? Fixup::no_target : static_cast<std::uint8_t>(to)});
}

void Compiler::load(const Op& row, Reg to, const Mem& mem, Access access) {
  const std::uint32_t at = a_.offset();
  if (row.sign_from)
    a_.load_signed(64, row.width, to, mem);
  else
    a_.load(row.width, to, mem);
  may_fault(access, at, to, a_.offset());
}

void Compiler::emit_load(const Inst& inst, const Op& row) {
  const Access access = image::access_of(inst, row.action);
  load(row, registers[inst.dst], memory(inst.src, inst.off, access), access);
  set_upper_zero(inst.dst, row.width != 64 && !row.sign_from);
}

void Compiler::store_constant(unsigned bits, const Mem& mem, std::int32_t imm) {
  a_.store_imm(bits, mem,
               bits == 8    ? static_cast<std::int8_t>(imm)
               : bits == 16 ? static_cast<std::int16_t>(imm)
                            : imm);
}

void Compiler::emit_store(const Inst& inst, const Op& row) {
  const Access access = image::access_of(inst, row.action);
  if (row.action != Class::store_imm) {
    const Reg value = value_of(inst.src, t2);
    const Mem mem = memory(inst.dst, inst.off, access);
    const std::uint32_t at = a_.offset();
    a_.store(row.width, mem, value);
    may_fault(access, at, Reg::none, a_.offset());
    return;
  }
  const auto imm = static_cast<std::int32_t>(inst.imm);
  const bool hidden = blinds(imm);
  if (hidden) blinded(imm, t2);
  const Mem mem = memory(inst.dst, inst.off, access);
  const std::uint32_t at = a_.offset();
  if (hidden)
    a_.store(row.width, mem, t2);
  else
    store_constant(row.width, mem, imm);
  may_fault(access, at, Reg::none, a_.offset());
}

void Compiler::emit_atomic(const Inst& inst, const Op& row) {
  const Access access = image::access_of(inst, row.action);
  const unsigned bits = row.width;
  const Reg value = value_of(inst.src, t2);
  const Mem mem = memory(inst.dst, inst.off, access);
  Alu op = Alu::add;
  switch (row.operation) {
    case Operation::add: op = Alu::add; break;
    case Operation::or_: op = Alu::or_; break;
    case Operation::and_: op = Alu::and_; break;
    case Operation::xor_: op = Alu::xor_; break;
    case Operation::xchg: {
      const std::uint32_t at = a_.offset();
      a_.xchg(bits, mem, value);
      may_fault(access, at, value, a_.offset());
      set_upper_zero(inst.src, bits == 32);
      return;
    }
    case Operation::cmpxchg: {
      const std::uint32_t at = a_.offset();
      a_.cmpxchg(bits, mem, value);
      may_fault(access, at, Reg::ax, a_.offset());
      // A successful 32-bit exchange does not write eax.
      if (bits == 32) a_.mov(32, Reg::ax, Reg::ax);
      set_upper_zero(0, bits == 32);
      return;
    }
    default: break;
  }
  const bool fetch = row.fetch && (live_after(at_, inst.src) || !options_.combine);
  if (fetch && op != Alu::add) {
    emit_fetch_loop(op, bits, mem, inst, access);
  } else {
    const std::uint32_t at = a_.offset();
    if (fetch)
      a_.xadd(bits, mem, value);
    else
      a_.lock_alu(op, bits, mem, value);
    may_fault(access, at, fetch ? value : Reg::none, a_.offset());
  }
  if (row.fetch) set_upper_zero(inst.src, bits == 32 && fetch);
}

// x86 has no fetching or, and, xor: try until nobody was faster. ax holds the old value, t0 the operand, t1
// the new value, t2 the program's r0.
void Compiler::emit_fetch_loop(Alu op, unsigned bits, Mem mem, const Inst& inst, Access access) {
  const Reg value = registers[inst.src];
  Reg operand = t0, next = t1;
  const bool borrow = access == Access::arena;  // t0 and t1 hold the address
  if (borrow) {
    operand = value == Reg::bx ? Reg::bp : Reg::bx;
    next = value == Reg::r13 ? Reg::r14 : Reg::r13;
    a_.push(operand);
    a_.push(next);
  }
  a_.mov(64, operand, value);
  a_.mov(64, t2, Reg::ax);
  if (mem.base == Reg::ax) mem.base = t2;
  const std::uint32_t first = a_.offset();
  a_.load(bits, Reg::ax, mem);
  const LabelId again = a_.label();
  a_.bind(again);
  a_.mov(64, next, Reg::ax);
  a_.alu(op, bits, next, operand);
  const std::uint32_t second = a_.offset();
  a_.cmpxchg(bits, mem, next);
  a_.jump(Cond::ne, again);
  may_fault(access, first, Reg::ax, a_.offset());
  may_fault(access, second, Reg::ax, a_.offset());
  if (borrow) {
    a_.pop(next);
    a_.pop(operand);
  }
  if (value != Reg::ax) {
    a_.mov(bits, value, Reg::ax);
    a_.mov(64, Reg::ax, t2);
  }
}

void Compiler::emit_packet(const Inst& inst, const Op& row) {
  using image::Packet;
  using image::RunContext;
  const std::int32_t data = offsetof(RunContext, packet) + offsetof(Packet, data);
  const std::int32_t data_end = offsetof(RunContext, packet) + offsetof(Packet, data_end);
  const auto bytes = static_cast<std::int32_t>(row.width / 8);
  const auto imm = static_cast<std::int32_t>(inst.imm);
  Cold slow{Cold::packet};
  slow.bits = row.width;
  slow.back = a_.label();
  // The offset into t0, the end of the packet as an offset into t1.
  if (row.action == Class::packet_absolute) {
    if (blinds(imm))
      blinded(imm, t0);
    else
      a_.mov_imm(t0, static_cast<std::uint32_t>(imm));
  } else {
    a_.mov(32, t0, value_of(inst.src, t0));
    if (blinds(imm))
      a_.alu(Alu::add, 32, t0, blinded(imm, t1));
    else if (imm)
      a_.alu(Alu::add, 32, t0, imm);
  }
  // Negative offsets are large numbers here: they go the slow way, as what is beyond the packet does.
  a_.mov(32, t0, t0);
  a_.load(64, t1, {context, data_end});
  a_.load(64, t2, {context, data});
  a_.alu(Alu::sub, 64, t1, t2);
  a_.alu(Alu::sub, 64, t1, bytes);
  a_.alu(Alu::cmp, 64, t1, t0);
  a_.jump(Cond::l, add_cold(slow));
  a_.alu(Alu::add, 64, t0, t2);
  a_.bind(slow.back);
  a_.load(row.width, Reg::ax, {t0, 0});
  if (row.width == 16) a_.shift(Shift::rol, 16, Reg::ax, 8);
  if (row.width == 32) a_.bswap(32, Reg::ax);
  upper_zero_ = static_cast<std::uint16_t>(upper_zero_ & ~0b11'1111);
  set_upper_zero(0, true);
}

}  // namespace skep::jit::x86
