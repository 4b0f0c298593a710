// asmjit does the encoding and keeps the labels.
#include "skep/jit/x86_asm.h"

#include <asmjit/x86.h>

#include <cerrno>

namespace skep::jit::x86 {
namespace {

namespace aj = asmjit::x86;
using asmjit::Imm;
using asmjit::Label;
namespace Inst = asmjit::x86::Inst;

aj::Gp gp(unsigned bits, Reg reg) {
  const auto id = static_cast<std::uint32_t>(reg);
  switch (bits) {
    case 8: return aj::gpb(id);
    case 16: return aj::gpw(id);
    case 32: return aj::gpd(id);
    default: return aj::gpq(id);
  }
}

aj::Mem memory(const Mem& m, unsigned bits = 0) {
  const std::uint32_t size = bits / 8;
  if (m.index == Reg::none) return aj::Mem(gp(64, m.base), m.disp, size);
  if (m.base == Reg::none)
    return aj::Mem(static_cast<std::uint64_t>(std::int64_t{m.disp}), gp(64, m.index), m.shift, size);
  return aj::Mem(gp(64, m.base), gp(64, m.index), m.shift, m.disp, size);
}

constexpr asmjit::InstId alu_ids[] = {Inst::kIdAdd, Inst::kIdOr,  Inst::kIdAnd, Inst::kIdSub,
                                      Inst::kIdXor, Inst::kIdCmp, Inst::kIdTest};
constexpr asmjit::InstId shift_ids[] = {Inst::kIdShl, Inst::kIdShr, Inst::kIdSar, Inst::kIdRol, Inst::kIdRor};
constexpr asmjit::InstId shiftx_ids[] = {Inst::kIdShlx, Inst::kIdShrx, Inst::kIdSarx};
constexpr asmjit::InstId jump_ids[] = {Inst::kIdJe, Inst::kIdJne, Inst::kIdJa, Inst::kIdJae,
                                       Inst::kIdJb, Inst::kIdJbe, Inst::kIdJg, Inst::kIdJge,
                                       Inst::kIdJl, Inst::kIdJle, Inst::kIdJs, Inst::kIdJns};
constexpr asmjit::InstId cmov_ids[] = {Inst::kIdCmove, Inst::kIdCmovne, Inst::kIdCmova, Inst::kIdCmovae,
                                       Inst::kIdCmovb, Inst::kIdCmovbe, Inst::kIdCmovg, Inst::kIdCmovge,
                                       Inst::kIdCmovl, Inst::kIdCmovle, Inst::kIdCmovs, Inst::kIdCmovns};

asmjit::InstId id_of(Alu op) { return alu_ids[static_cast<unsigned>(op)]; }

}  // namespace

struct Assembler::Impl {
  asmjit::CodeHolder code;
  aj::Assembler out;
  asmjit::Error error = asmjit::kErrorOk;

  template <class... Operands>
  void emit(asmjit::InstId id, const Operands&... operands) {
    if (asmjit::Error e = out.emit(id, operands...)) [[unlikely]]
      error = e;
  }
};

Assembler::Assembler(std::size_t expected_bytes) : impl_(std::make_unique<Impl>()) {
  asmjit::Environment environment(asmjit::Arch::kX64);
  impl_->error = impl_->code.init(environment);
  if (!impl_->error) impl_->error = impl_->code.attach(&impl_->out);
  if (!impl_->error)
    impl_->error = impl_->code.reserveBuffer(&impl_->code.textSection()->buffer(), expected_bytes);
  impl_->out.addEncodingOptions(asmjit::EncodingOptions::kOptimizedAlign);
}
Assembler::~Assembler() = default;

std::uint32_t Assembler::offset() const { return static_cast<std::uint32_t>(impl_->out.offset()); }
LabelId Assembler::label() { return impl_->out.newLabel().id(); }
void Assembler::bind(LabelId label) {
  if (asmjit::Error e = impl_->out.bind(Label(label))) impl_->error = e;
}
bool Assembler::bound(LabelId label) const { return impl_->code.isLabelBound(label); }
std::uint32_t Assembler::offset_of(LabelId label) const {
  return static_cast<std::uint32_t>(impl_->code.labelOffset(label));
}
void Assembler::align(unsigned bytes) { impl_->out.align(asmjit::AlignMode::kCode, bytes); }

void Assembler::alu(Alu op, unsigned bits, Reg to, Reg from) {
  impl_->emit(id_of(op), gp(bits, to), gp(bits, from));
}
void Assembler::alu(Alu op, unsigned bits, Reg to, std::int32_t imm) {
  impl_->emit(id_of(op), gp(bits, to), Imm(std::int64_t{imm}));
}
void Assembler::alu(Alu op, unsigned bits, Reg to, const Mem& from) {
  impl_->emit(id_of(op), gp(bits, to), memory(from));
}
void Assembler::alu(Alu op, unsigned bits, const Mem& to, Reg from) {
  impl_->emit(id_of(op), memory(to), gp(bits, from));
}
void Assembler::alu(Alu op, unsigned bits, const Mem& to, std::int32_t imm) {
  impl_->emit(id_of(op), memory(to, bits), Imm(std::int64_t{imm}));
}
void Assembler::lock_alu(Alu op, unsigned bits, const Mem& to, Reg from) {
  impl_->out.lock();
  impl_->emit(id_of(op), memory(to), gp(bits, from));
}
void Assembler::neg(unsigned bits, Reg reg) { impl_->emit(Inst::kIdNeg, gp(bits, reg)); }
void Assembler::imul(unsigned bits, Reg to, Reg from) {
  impl_->emit(Inst::kIdImul, gp(bits, to), gp(bits, from));
}
void Assembler::imul(unsigned bits, Reg to, Reg from, std::int32_t imm) {
  impl_->emit(Inst::kIdImul, gp(bits, to), gp(bits, from), Imm(std::int64_t{imm}));
}
void Assembler::imul(unsigned bits, Reg to, const Mem& from) {
  impl_->emit(Inst::kIdImul, gp(bits, to), memory(from));
}
void Assembler::mul_high(Reg by) { impl_->emit(Inst::kIdMul, aj::rdx, aj::rax, gp(64, by)); }
void Assembler::imul_high(Reg by) { impl_->emit(Inst::kIdImul, aj::rdx, aj::rax, gp(64, by)); }
void Assembler::mulx(Reg high, Reg low, Reg by) {
  impl_->emit(Inst::kIdMulx, gp(64, high), gp(64, low), gp(64, by));
}
void Assembler::div(unsigned bits, Reg by) {
  impl_->emit(Inst::kIdDiv, gp(bits, Reg::dx), gp(bits, Reg::ax), gp(bits, by));
}
void Assembler::idiv(unsigned bits, Reg by) {
  impl_->emit(Inst::kIdIdiv, gp(bits, Reg::dx), gp(bits, Reg::ax), gp(bits, by));
}
void Assembler::sign_to_dx(unsigned bits) {
  impl_->emit(bits == 64 ? Inst::kIdCqo : Inst::kIdCdq, gp(bits, Reg::dx), gp(bits, Reg::ax));
}
void Assembler::shift(Shift op, unsigned bits, Reg reg, unsigned count) {
  impl_->emit(shift_ids[static_cast<unsigned>(op)], gp(bits, reg), Imm(count));
}
void Assembler::shift_cl(Shift op, unsigned bits, Reg reg) {
  impl_->emit(shift_ids[static_cast<unsigned>(op)], gp(bits, reg), aj::cl);
}
void Assembler::shiftx(Shift op, unsigned bits, Reg to, Reg from, Reg count) {
  impl_->emit(shiftx_ids[static_cast<unsigned>(op)], gp(bits, to), gp(bits, from), gp(bits, count));
}
void Assembler::rorx(unsigned bits, Reg to, Reg from, unsigned count) {
  impl_->emit(Inst::kIdRorx, gp(bits, to), gp(bits, from), Imm(count));
}
void Assembler::bswap(unsigned bits, Reg reg) { impl_->emit(Inst::kIdBswap, gp(bits, reg)); }

void Assembler::mov(unsigned bits, Reg to, Reg from) {
  impl_->emit(Inst::kIdMov, gp(bits, to), gp(bits, from));
}
void Assembler::mov_imm(Reg to, std::uint64_t value) {
  if (value <= 0xffff'ffff)
    impl_->emit(Inst::kIdMov, gp(32, to), Imm(value));
  else
    impl_->emit(Inst::kIdMov, gp(64, to), Imm(static_cast<std::int64_t>(value)));
}
void Assembler::zero(Reg to) { impl_->emit(Inst::kIdXor, gp(32, to), gp(32, to)); }
void Assembler::movzx(Reg to, Reg from, unsigned from_bits) {
  if (from_bits == 32)
    mov(32, to, from);
  else
    impl_->emit(Inst::kIdMovzx, gp(32, to), gp(from_bits, from));
}
void Assembler::movsx(unsigned bits, Reg to, Reg from, unsigned from_bits) {
  impl_->emit(from_bits == 32 ? Inst::kIdMovsxd : Inst::kIdMovsx, gp(bits, to), gp(from_bits, from));
}
void Assembler::lea(unsigned bits, Reg to, const Mem& from) {
  impl_->emit(Inst::kIdLea, gp(bits, to), memory(from));
}
void Assembler::load(unsigned bits, Reg to, const Mem& from) {
  if (bits >= 32)
    impl_->emit(Inst::kIdMov, gp(bits, to), memory(from));
  else
    impl_->emit(Inst::kIdMovzx, gp(32, to), memory(from, bits));
}
void Assembler::load_signed(unsigned to_bits, unsigned bits, Reg to, const Mem& from) {
  impl_->emit(bits == 32 ? Inst::kIdMovsxd : Inst::kIdMovsx, gp(to_bits, to), memory(from, bits));
}
void Assembler::load_swapped(unsigned bits, Reg to, const Mem& from) {
  impl_->emit(Inst::kIdMovbe, gp(bits, to), memory(from));
}
void Assembler::store(unsigned bits, const Mem& to, Reg from) {
  impl_->emit(Inst::kIdMov, memory(to), gp(bits, from));
}
void Assembler::store_swapped(unsigned bits, const Mem& to, Reg from) {
  impl_->emit(Inst::kIdMovbe, memory(to), gp(bits, from));
}
void Assembler::store_imm(unsigned bits, const Mem& to, std::int32_t imm) {
  impl_->emit(Inst::kIdMov, memory(to, bits), Imm(std::int64_t{imm}));
}
void Assembler::cmov(Cond cond, unsigned bits, Reg to, Reg from) {
  impl_->emit(cmov_ids[static_cast<unsigned>(cond)], gp(bits, to), gp(bits, from));
}

void Assembler::xadd(unsigned bits, const Mem& to, Reg reg) {
  impl_->out.lock();
  impl_->emit(Inst::kIdXadd, memory(to), gp(bits, reg));
}
void Assembler::xchg(unsigned bits, const Mem& to, Reg reg) {
  impl_->emit(Inst::kIdXchg, memory(to), gp(bits, reg));
}
void Assembler::cmpxchg(unsigned bits, const Mem& to, Reg reg) {
  impl_->out.lock();
  impl_->emit(Inst::kIdCmpxchg, memory(to), gp(bits, reg), gp(bits, Reg::ax));
}

void Assembler::jump(LabelId to) { impl_->emit(Inst::kIdJmp, Label(to)); }
void Assembler::jump(Cond cond, LabelId to) { impl_->emit(jump_ids[static_cast<unsigned>(cond)], Label(to)); }
void Assembler::jump(Reg to) { impl_->emit(Inst::kIdJmp, gp(64, to)); }
void Assembler::jump(const Mem& to) { impl_->emit(Inst::kIdJmp, memory(to, 64)); }
void Assembler::call(LabelId to) { impl_->emit(Inst::kIdCall, Label(to)); }
void Assembler::call(Reg to) { impl_->emit(Inst::kIdCall, gp(64, to)); }
void Assembler::ret() { impl_->emit(Inst::kIdRet); }
void Assembler::push(Reg reg) { impl_->emit(Inst::kIdPush, gp(64, reg)); }
void Assembler::pop(Reg reg) { impl_->emit(Inst::kIdPop, gp(64, reg)); }

void Assembler::lea_label(Reg to, LabelId label) {
  impl_->emit(Inst::kIdLea, gp(64, to), aj::ptr(Label(label)));
}
void Assembler::table_entry(LabelId to, LabelId base) {
  if (asmjit::Error e = impl_->out.embedLabelDelta(Label(to), Label(base), 4)) impl_->error = e;
}
void Assembler::data32(std::uint32_t value) { impl_->out.embedUInt32(value); }

Result<std::vector<std::uint8_t>> Assembler::finish() {
  if (!impl_->error) impl_->error = impl_->code.flatten();
  if (!impl_->error) impl_->error = impl_->code.resolveUnresolvedLinks();
  if (!impl_->error) impl_->error = impl_->code.relocateToBase(0);
  if (impl_->error)
    return fail(ENOMEM, "the assembler gave up: {}", asmjit::DebugUtils::errorAsString(impl_->error));
  const asmjit::CodeBuffer& buffer = impl_->code.textSection()->buffer();
  return std::vector<std::uint8_t>(buffer.data(), buffer.data() + buffer.size());
}

}  // namespace skep::jit::x86
