// The emitters: asmjit's AArch64 assembler where it is right, words where it is not (store-release, exclusive
// stores of 64 bits) and for all branches, whose distances are filled in at the end.
#include "skep/jit/arm64_emit.h"

#include <asmjit/arm/a64assembler.h>
#include <asmjit/arm/a64utils.h>

#include <bit>
#include <cstring>

#include "skep/base/check.h"

namespace skep::jit::arm64 {
namespace {

namespace a64 = asmjit::a64;
using Inst = a64::Inst;

constexpr std::uint32_t nowhere = ~std::uint32_t{0};

// asmjit numbers registers as we do: 31 is sp, 63 zero.
static_assert(static_cast<unsigned>(Reg::sp) == a64::Gp::kIdSp &&
              static_cast<unsigned>(Reg::zr) == a64::Gp::kIdZr);

a64::Gp gp(Size size, Reg reg) {
  const auto id = static_cast<std::uint32_t>(reg);
  if (size == Size::w) return a64::GpW(id);
  return a64::GpX(id);
}
a64::Gp gx(Reg reg) { return gp(Size::x, reg); }

// The register's five bits.
std::uint32_t bits(Reg reg) { return static_cast<std::uint32_t>(reg) & 31; }
std::uint32_t wide(Size size) { return size == Size::x ? 1 : 0; }

// asmjit counts conditions from `always` on.
asmjit::Imm condition(Cond cond) { return asmjit::Imm(static_cast<std::uint32_t>(cond) + 2); }

constexpr std::uint32_t alu_ids[] = {Inst::kIdAdd, Inst::kIdSub, Inst::kIdAdds, Inst::kIdSubs, Inst::kIdAnd,
                                     Inst::kIdOrr, Inst::kIdEor, Inst::kIdAnds, Inst::kIdOrn,  Inst::kIdLsl,
                                     Inst::kIdLsr, Inst::kIdAsr, Inst::kIdMul,  Inst::kIdUdiv, Inst::kIdSdiv};
constexpr std::uint32_t extend_ids[] = {Inst::kIdSxtb, Inst::kIdSxth, Inst::kIdSxtw, Inst::kIdUxtb,
                                        Inst::kIdUxth};
constexpr std::uint32_t load_ids[] = {Inst::kIdLdrb,  Inst::kIdLdrh,  Inst::kIdLdr,  Inst::kIdLdr,
                                      Inst::kIdLdrsb, Inst::kIdLdrsh, Inst::kIdLdrsw};
constexpr std::uint32_t load_unscaled_ids[] = {Inst::kIdLdurb, Inst::kIdLdurh,  Inst::kIdLdur,
                                               Inst::kIdLdur,  Inst::kIdLdursb, Inst::kIdLdursh,
                                               Inst::kIdLdursw};
constexpr std::uint32_t store_ids[] = {Inst::kIdStrb, Inst::kIdStrh, Inst::kIdStr, Inst::kIdStr};
constexpr std::uint32_t store_unscaled_ids[] = {Inst::kIdSturb, Inst::kIdSturh, Inst::kIdStur, Inst::kIdStur};
constexpr std::uint32_t fetch_ids[] = {Inst::kIdLdaddal, Inst::kIdLdclral, Inst::kIdLdsetal, Inst::kIdLdeoral,
                                       Inst::kIdSwpal};
constexpr std::uint32_t fetch_plain_ids[] = {Inst::kIdLdadd, Inst::kIdLdclr, Inst::kIdLdset, Inst::kIdLdeor,
                                             Inst::kIdSwp};

template <std::size_t n, class Enum>
std::uint32_t pick(const std::uint32_t (&ids)[n], Enum which) {
  check(static_cast<std::size_t>(which) < n, "AArch64 has this form");
  return ids[static_cast<std::size_t>(which)];
}

Size size_of(Mem mem) { return mem == Mem::b || mem == Mem::h || mem == Mem::w ? Size::w : Size::x; }

bool scaled(Mem mem, std::int64_t offset) {
  const std::int64_t bytes = bytes_of(mem);
  return offset >= 0 && offset % bytes == 0 && offset / bytes < 4096;
}

a64::Mem at(Reg base, std::int64_t offset) { return a64::ptr(gx(base), static_cast<std::int32_t>(offset)); }

}  // namespace

struct Emitter::Body {
  asmjit::CodeHolder code;
  a64::Assembler assembler;
  asmjit::Error error = asmjit::kErrorOk;

  Body() {
    error = code.init(asmjit::Environment(asmjit::Arch::kAArch64));
    if (error == asmjit::kErrorOk) error = code.attach(&assembler);
  }

  template <class... Operands>
  void emit(std::uint32_t id, const Operands&... operands) {
    const asmjit::Error now = assembler.emit(id, operands...);
    if (now != asmjit::kErrorOk) [[unlikely]]
      error = now;
  }
  void word(std::uint32_t word) {
    const asmjit::Error now = assembler.embed(&word, sizeof word);
    if (now != asmjit::kErrorOk) [[unlikely]]
      error = now;
  }
};

bool fits_logical(Size size, std::uint64_t value) {
  const std::uint32_t width = size == Size::x ? 64 : 32;
  if (size == Size::w) value &= 0xffff'ffff;
  return a64::Utils::isLogicalImm(value, width);
}

Emitter::Emitter(bool far) : body_(std::make_unique<Body>()), far_(far) {}
Emitter::~Emitter() = default;

std::uint32_t Emitter::offset() const { return static_cast<std::uint32_t>(body_->assembler.offset()); }

// --- arithmetic ---

void Emitter::alu(Alu op, Size size, Reg d, Reg n, Reg m) {
  body_->emit(pick(alu_ids, op), gp(size, d), gp(size, n), gp(size, m));
}
void Emitter::alu_shifted(Alu op, Size size, Reg d, Reg n, Reg m, unsigned shift) {
  body_->emit(pick(alu_ids, op), gp(size, d), gp(size, n), gp(size, m), asmjit::Imm(asmjit::arm::lsl(shift)));
}
void Emitter::alu_imm(Alu op, Size size, Reg d, Reg n, std::uint64_t value) {
  if (size == Size::w) value &= 0xffff'ffff;
  body_->emit(pick(alu_ids, op), gp(size, d), gp(size, n), asmjit::Imm(value));
}
void Emitter::alu_extended(Reg d, Reg n, Reg m) {
  // asmjit refuses the extended form with a w register.
  body_->word(0x8b20'4000 | bits(m) << 16 | bits(n) << 5 | bits(d));
}
void Emitter::madd(Size size, Reg d, Reg n, Reg m, Reg a) {
  body_->emit(Inst::kIdMadd, gp(size, d), gp(size, n), gp(size, m), gp(size, a));
}
void Emitter::msub(Size size, Reg d, Reg n, Reg m, Reg a) {
  body_->emit(Inst::kIdMsub, gp(size, d), gp(size, n), gp(size, m), gp(size, a));
}
void Emitter::umaddl(Reg d, Reg n, Reg m, Reg a) {
  body_->emit(Inst::kIdUmaddl, gx(d), gp(Size::w, n), gp(Size::w, m), gx(a));
}
void Emitter::mov(Size size, Reg d, Reg m) { body_->emit(Inst::kIdMov, gp(size, d), gp(size, m)); }
void Emitter::movz(Size size, Reg d, std::uint16_t value, unsigned shift) {
  body_->emit(Inst::kIdMovz, gp(size, d), asmjit::Imm(value), asmjit::Imm(shift));
}
void Emitter::movn(Size size, Reg d, std::uint16_t value, unsigned shift) {
  body_->emit(Inst::kIdMovn, gp(size, d), asmjit::Imm(value), asmjit::Imm(shift));
}
void Emitter::movk(Size size, Reg d, std::uint16_t value, unsigned shift) {
  body_->emit(Inst::kIdMovk, gp(size, d), asmjit::Imm(value), asmjit::Imm(shift));
}

void Emitter::mov_imm(Reg d, std::uint64_t value) {
  // A w register's upper half is zero: where that is wanted, only the lower half needs work.
  const Size size = value >> 32 ? Size::x : Size::w;
  const unsigned halves = size == Size::x ? 4 : 2;
  unsigned zeros = 0, ones = 0;
  for (unsigned i = 0; i < halves; i++) {
    const auto half = static_cast<std::uint16_t>(value >> 16 * i);
    zeros += half == 0;
    ones += half == 0xffff;
  }
  const bool negated = ones > zeros;
  if (halves - (negated ? ones : zeros) > 1 && fits_logical(size, value))
    return alu_imm(Alu::orr, size, d, Reg::zr, value);
  const std::uint16_t filler = negated ? 0xffff : 0;
  bool begun = false;
  for (unsigned i = 0; i < halves; i++) {
    const auto half = static_cast<std::uint16_t>(value >> 16 * i);
    if (half == filler) continue;
    if (begun)
      movk(size, d, half, 16 * i);
    else if (negated)
      movn(size, d, static_cast<std::uint16_t>(~half), 16 * i);
    else
      movz(size, d, half, 16 * i);
    begun = true;
  }
  if (begun) return;
  if (negated)
    movn(size, d, 0, 0);
  else
    movz(size, d, 0, 0);
}

void Emitter::extend(Extend how, Size size, Reg d, Reg n) {
  body_->emit(pick(extend_ids, how), gp(size, d), gp(Size::w, n));
}
void Emitter::swap(Swap how, Reg d, Reg n) {
  switch (how) {
    case Swap::rev16: return body_->emit(Inst::kIdRev16, gp(Size::w, d), gp(Size::w, n));
    case Swap::rev32: return body_->emit(Inst::kIdRev, gp(Size::w, d), gp(Size::w, n));
    case Swap::rev64: return body_->emit(Inst::kIdRev, gx(d), gx(n));
  }
}
void Emitter::csel(Size size, Reg d, Reg n, Reg m, Cond cond) {
  body_->emit(Inst::kIdCsel, gp(size, d), gp(size, n), gp(size, m), condition(cond));
}
void Emitter::cset(Size size, Reg d, Cond cond) { body_->emit(Inst::kIdCset, gp(size, d), condition(cond)); }

// --- memory ---

void Emitter::load(Mem mem, Reg t, Reg n, std::int64_t offset) {
  check(fits_offset(mem, offset), "the offset fits");
  body_->emit(scaled(mem, offset) ? pick(load_ids, mem) : pick(load_unscaled_ids, mem), gp(size_of(mem), t),
              at(n, offset));
}
void Emitter::store(Mem mem, Reg t, Reg n, std::int64_t offset) {
  check(fits_offset(mem, offset), "the offset fits");
  body_->emit(scaled(mem, offset) ? pick(store_ids, mem) : pick(store_unscaled_ids, mem), gp(size_of(mem), t),
              at(n, offset));
}
void Emitter::load_indexed(Mem mem, Reg t, Reg n, Reg m) {
  body_->emit(pick(load_ids, mem), gp(size_of(mem), t), a64::ptr(gx(n), gx(m)));
}
void Emitter::store_indexed(Mem mem, Reg t, Reg n, Reg m) {
  body_->emit(pick(store_ids, mem), gp(size_of(mem), t), a64::ptr(gx(n), gx(m)));
}
void Emitter::load_scaled(Mem mem, Reg t, Reg n, Reg m) {
  const auto shift = static_cast<std::uint32_t>(std::countr_zero(bytes_of(mem)));
  body_->emit(pick(load_ids, mem), gp(size_of(mem), t), a64::ptr(gx(n), gx(m), asmjit::arm::lsl(shift)));
}
void Emitter::load_pair(Reg t1, Reg t2, Reg n, int offset) {
  body_->emit(Inst::kIdLdp, gx(t1), gx(t2), at(n, offset));
}
void Emitter::store_pair(Reg t1, Reg t2, Reg n, int offset) {
  body_->emit(Inst::kIdStp, gx(t1), gx(t2), at(n, offset));
}
void Emitter::load_pair_post(Reg t1, Reg t2, Reg n, int offset) {
  body_->emit(Inst::kIdLdp, gx(t1), gx(t2), a64::ptr_post(gx(n), offset));
}
void Emitter::store_pair_pre(Reg t1, Reg t2, Reg n, int offset) {
  body_->emit(Inst::kIdStp, gx(t1), gx(t2), a64::ptr_pre(gx(n), offset));
}

void Emitter::fetch(Fetch op, Size size, Reg s, Reg t, Reg n) {
  body_->emit(pick(fetch_ids, op), gp(size, s), gp(size, t), at(n, 0));
}
void Emitter::fetch_plain(Fetch op, Size size, Reg s, Reg t, Reg n) {
  body_->emit(pick(fetch_plain_ids, op), gp(size, s), gp(size, t), at(n, 0));
}
void Emitter::cas(Size size, Reg s, Reg t, Reg n) {
  body_->emit(Inst::kIdCasal, gp(size, s), gp(size, t), at(n, 0));
}
void Emitter::load_exclusive(Size size, Reg t, Reg n) { body_->emit(Inst::kIdLdaxr, gp(size, t), at(n, 0)); }
// asmjit refuses stlxr of an x register.
void Emitter::store_exclusive(Size size, Reg status, Reg t, Reg n) {
  body_->word(0x8800'fc00 | wide(size) << 30 | bits(status) << 16 | bits(n) << 5 | bits(t));
}
void Emitter::load_acquire(Mem mem, Reg t, Reg n) {
  constexpr std::uint32_t ids[] = {Inst::kIdLdarb, Inst::kIdLdarh, Inst::kIdLdar, Inst::kIdLdar};
  body_->emit(pick(ids, mem), gp(size_of(mem), t), at(n, 0));
}
// asmjit emits stllr (store with limited ordering) for stlr.
void Emitter::store_release(Mem mem, Reg t, Reg n) {
  check(mem <= Mem::x, "AArch64 has this form");
  body_->word(0x089f'fc00 | static_cast<std::uint32_t>(mem) << 30 | bits(n) << 5 | bits(t));
}
void Emitter::barrier() { body_->word(0xd503'3bbf); }

// --- branches ---

Label Emitter::label() {
  labels_.push_back(nowhere);
  return {static_cast<std::uint32_t>(labels_.size() - 1)};
}
Label Emitter::labels(std::size_t count) {
  labels_.resize(labels_.size() + count, nowhere);
  return {static_cast<std::uint32_t>(labels_.size() - count)};
}
void Emitter::bind(Label label) { labels_[label.id] = offset(); }
bool Emitter::bound(Label label) const { return labels_[label.id] != nowhere; }
std::uint32_t Emitter::offset_of(Label label) const { return labels_[label.id]; }

void Emitter::branch(std::uint32_t word, Label to, Patch patch) {
  fixups_.push_back({offset(), to.id, 0, patch});
  body_->word(word);
}

// `inverted` is the same branch under the opposite condition.
void Emitter::short_branch(std::uint32_t word, std::uint32_t inverted, Label to) {
  constexpr std::uint32_t reach = (1U << 20) - 4;
  const bool back = bound(to);
  if (back ? offset() - labels_[to.id] <= reach : !far_) return branch(word, to, Patch::imm19);
  body_->word(inverted | 2U << 5);  // over the next instruction
  b(to);
}

void Emitter::b(Label to) { branch(0x1400'0000, to, Patch::imm26); }
void Emitter::bl(Label to) { branch(0x9400'0000, to, Patch::imm26); }
void Emitter::b(Cond cond, Label to) {
  short_branch(0x5400'0000 | static_cast<std::uint32_t>(cond),
               0x5400'0000 | static_cast<std::uint32_t>(invert(cond)), to);
}
void Emitter::cbz(Size size, Reg t, Label to) {
  const std::uint32_t operand = wide(size) << 31 | bits(t);
  short_branch(0x3400'0000 | operand, 0x3500'0000 | operand, to);
}
void Emitter::cbnz(Size size, Reg t, Label to) {
  const std::uint32_t operand = wide(size) << 31 | bits(t);
  short_branch(0x3500'0000 | operand, 0x3400'0000 | operand, to);
}
void Emitter::blr(Reg n) { body_->emit(Inst::kIdBlr, gx(n)); }
void Emitter::br(Reg n) { body_->emit(Inst::kIdBr, gx(n)); }
void Emitter::ret() { body_->emit(Inst::kIdRet, gx(Reg::x30)); }

void Emitter::adr(Reg d, Label to, Reg scratch) {
  if (!far_) return branch(0x1000'0000 | bits(d), to, Patch::adr);
  const std::uint32_t here = offset();
  body_->word(0x1000'0000 | bits(d));  // adr d, here
  fixups_.push_back({offset(), to.id, here, Patch::mov_distance});
  movz(Size::w, scratch, 0, 0);
  movk(Size::w, scratch, 0, 16);
  // add d, d, scratch, sxtw
  body_->word(0x8b20'c000 | bits(scratch) << 16 | bits(d) << 5 | bits(d));
}

void Emitter::brk(std::uint16_t value) { body_->emit(Inst::kIdBrk, asmjit::Imm(value)); }
void Emitter::word(std::uint32_t word) { body_->word(word); }
void Emitter::distance(Label to, Label from) {
  fixups_.push_back({offset(), to.id, from.id, Patch::distance});
  body_->word(0);
}

// --- the end ---

Result<std::vector<std::uint8_t>> Emitter::finish() {
  if (body_->error == asmjit::kErrorOutOfMemory) return fail(ENOMEM, "no memory for the code");
  if (body_->error == asmjit::kErrorTooLarge) return fail(EFBIG, "the code is too large");
  check(body_->error == asmjit::kErrorOk, "asmjit knows the instruction");
  const asmjit::CodeBuffer& buffer = body_->code.textSection()->buffer();
  std::vector<std::uint8_t> code(buffer.begin(), buffer.end());
  if (code.size() >= std::size_t{1} << 31)
    return fail(EFBIG, "the code has {} bytes, more than 2 GiB", code.size());

  for (const Fixup& fixup : fixups_) {
    const std::uint32_t place = labels_[fixup.label];
    check(place != nowhere, "every label that is used stands somewhere");
    std::int64_t origin = fixup.at;
    if (fixup.patch == Patch::mov_distance) origin = fixup.from;
    if (fixup.patch == Patch::distance) origin = labels_[fixup.from];
    const std::int64_t away = std::int64_t{place} - origin;
    const auto low = static_cast<std::uint32_t>(away);
    std::uint32_t word;
    std::memcpy(&word, &code[fixup.at], 4);
    switch (fixup.patch) {
      case Patch::imm26:
        if (away < -(1 << 27) || away >= 1 << 27)
          return fail(EFBIG, "a branch over {} bytes, AArch64 reaches 128 MiB", away);
        word |= low >> 2 & 0x3ff'ffff;
        break;
      case Patch::imm19:
        if (away < -(1 << 20) || away >= 1 << 20) return fail(ERANGE, "a short branch over {} bytes", away);
        word |= (low >> 2 & 0x7'ffff) << 5;
        break;
      case Patch::adr:
        if (away < -(1 << 20) || away >= 1 << 20) return fail(ERANGE, "an address {} bytes away", away);
        word |= (low & 3) << 29 | (low >> 2 & 0x7'ffff) << 5;
        break;
      case Patch::mov_distance: {
        std::uint32_t upper;
        std::memcpy(&upper, &code[fixup.at + 4], 4);
        word |= (low & 0xffff) << 5;
        upper |= (low >> 16) << 5;
        std::memcpy(&code[fixup.at + 4], &upper, 4);
        break;
      }
      case Patch::distance: word = low; break;
    }
    std::memcpy(&code[fixup.at], &word, 4);
  }
  return code;
}

}  // namespace skep::jit::arm64
