// The x86-64 instructions that the back end uses, by what they do. Over asmjit, whose headers stay in the
// .cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "skep/base/result.h"

namespace skep::jit::x86 {

// By their numbers in the encoding.
enum class Reg : std::uint8_t {
  ax,
  cx,
  dx,
  bx,
  sp,
  bp,
  si,
  di,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  none = 255
};

// [base + (index << shift) + disp]; base and index may be none.
struct Mem {
  Reg base = Reg::none;
  std::int32_t disp = 0;
  Reg index = Reg::none;
  std::uint8_t shift = 0;
};

enum class Alu : std::uint8_t { add, or_, and_, sub, xor_, cmp, test };
enum class Shift : std::uint8_t { shl, shr, sar, rol, ror };
enum class Cond : std::uint8_t { e, ne, a, ae, b, be, g, ge, l, le, s, ns };

using LabelId = std::uint32_t;

// `bits`: 8 (memory only), 16, 32 or 64. A 32-bit result clears the upper half of its register.
class Assembler {
 public:
  explicit Assembler(std::size_t expected_bytes);
  ~Assembler();

  std::uint32_t offset() const;
  LabelId label();
  void bind(LabelId label);
  bool bound(LabelId label) const;
  std::uint32_t offset_of(LabelId label) const;
  void align(unsigned bytes);  // with instructions that do nothing

  void alu(Alu op, unsigned bits, Reg to, Reg from);
  void alu(Alu op, unsigned bits, Reg to, std::int32_t imm);
  void alu(Alu op, unsigned bits, Reg to, const Mem& from);
  void alu(Alu op, unsigned bits, const Mem& to, Reg from);
  void alu(Alu op, unsigned bits, const Mem& to, std::int32_t imm);
  void lock_alu(Alu op, unsigned bits, const Mem& to, Reg from);
  void neg(unsigned bits, Reg reg);
  void imul(unsigned bits, Reg to, Reg from);
  void imul(unsigned bits, Reg to, Reg from, std::int32_t imm);
  void imul(unsigned bits, Reg to, const Mem& from);
  void mul_high(Reg by);                 // dx:ax = ax * by, 64 bits, unsigned
  void imul_high(Reg by);                // signed
  void mulx(Reg high, Reg low, Reg by);  // high:low = dx * by; flags stay (BMI2)
  void div(unsigned bits, Reg by);       // ax = dx:ax / by, dx = remainder
  void idiv(unsigned bits, Reg by);
  void sign_to_dx(unsigned bits);  // cdq, cqo
  void shift(Shift op, unsigned bits, Reg reg, unsigned count);
  void shift_cl(Shift op, unsigned bits, Reg reg);
  void shiftx(Shift op, unsigned bits, Reg to, Reg from, Reg count);  // shl, shr, sar (BMI2)
  void rorx(unsigned bits, Reg to, Reg from, unsigned count);         // BMI2
  void bswap(unsigned bits, Reg reg);

  void mov(unsigned bits, Reg to, Reg from);
  void mov_imm(Reg to, std::uint64_t value);  // shortest; flags stay
  void zero(Reg to);                          // flags are lost
  // to = the low `from_bits` of `from`, extended to `bits` (64 or, clearing the rest, 32).
  void movzx(Reg to, Reg from, unsigned from_bits);
  void movsx(unsigned bits, Reg to, Reg from, unsigned from_bits);
  void lea(unsigned bits, Reg to, const Mem& from);
  void load(unsigned bits, Reg to, const Mem& from);  // zero-extended
  void load_signed(unsigned to_bits, unsigned bits, Reg to, const Mem& from);
  void load_swapped(unsigned bits, Reg to, const Mem& from);  // 32, 64 (MOVBE)
  void store(unsigned bits, const Mem& to, Reg from);
  void store_swapped(unsigned bits, const Mem& to, Reg from);  // 16, 32, 64 (MOVBE)
  void store_imm(unsigned bits, const Mem& to, std::int32_t imm);
  void cmov(Cond cond, unsigned bits, Reg to, Reg from);

  void xadd(unsigned bits, const Mem& to, Reg reg);     // locked
  void xchg(unsigned bits, const Mem& to, Reg reg);     // locked by nature
  void cmpxchg(unsigned bits, const Mem& to, Reg reg);  // locked, with ax

  void jump(LabelId to);
  void jump(Cond cond, LabelId to);
  void jump(Reg to);
  void jump(const Mem& to);
  void call(LabelId to);
  void call(Reg to);
  void ret();
  void push(Reg reg);
  void pop(Reg reg);

  void lea_label(Reg to, LabelId label);
  void table_entry(LabelId to, LabelId base);  // 4 bytes: to - base
  void data32(std::uint32_t value);

  // The bytes; ENOMEM if anything failed on the way.
  Result<std::vector<std::uint8_t>> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skep::jit::x86
