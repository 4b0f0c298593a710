// AArch64 instructions as functions: Emitter appends one instruction (or, where the comment says so, the best
// sequence for a value), and resolves branches to labels at the end. Below it stands asmjit's assembler; what
// that one gets wrong or does not know is written as words. Every function's word is held against llvm-mc
// (tests/golden/jit/arm64_words.txt).
//
// The encodings are those of the Arm Architecture Reference Manual for A-profile (DDI 0487), section C4 and
// C6.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "skep/base/result.h"

namespace skep::jit::arm64 {

// x0 to x30; 31 means the stack pointer or zero, depending on the operand: here they have two names.
enum class Reg : std::uint8_t {
  // clang-format off
  x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, x16, x17, x18, x19, x20, x21, x22, x23, x24,
  x25, x26, x27, x28, x29, x30, sp, zr = 63,
  // clang-format on
};
// Operands of 32 bits (w registers; the upper half of the result is zero) or 64 bits.
enum class Size : std::uint8_t { w, x };

enum class Alu : std::uint8_t {
  add,
  sub,
  adds,
  subs,
  and_,
  orr,
  eor,
  ands,
  orn,
  lsl,
  lsr,
  asr,
  mul,
  udiv,
  sdiv
};
enum class Extend : std::uint8_t { sxtb, sxth, sxtw, uxtb, uxth };
enum class Swap : std::uint8_t { rev16, rev32, rev64 };  // rev32: of a w register; rev64: of an x register
// Widths of loads and stores; the signed ones extend to 64 bits.
enum class Mem : std::uint8_t { b, h, w, x, sb, sh, sw };
enum class Fetch : std::uint8_t { add, clr, set, eor, swp };
enum class Cond : std::uint8_t { eq, ne, hs, lo, mi, pl, vs, vc, hi, ls, ge, lt, gt, le };
constexpr Cond invert(Cond cond) { return static_cast<Cond>(static_cast<unsigned>(cond) ^ 1); }

constexpr unsigned bytes_of(Mem mem) { return 1U << (static_cast<unsigned>(mem) & 3); }

// Whether `value` fits the immediate of add, sub, adds and subs: 12 bits, at the bottom or shifted by 12.
constexpr bool fits_add(std::uint64_t value) {
  return value < 4096 || (value < (std::uint64_t{1} << 24) && (value & 4095) == 0);
}
// Whether it fits the immediate of and, orr, eor and ands: a repeated, rotated run of ones. For w only the
// low 32 bits count.
bool fits_logical(Size size, std::uint64_t value);
// Whether [base + offset] can be written with the scaled or the unscaled form.
constexpr bool fits_offset(Mem mem, std::int64_t offset) {
  const std::int64_t bytes = bytes_of(mem);
  return (offset >= -256 && offset < 256) || (offset >= 0 && offset % bytes == 0 && offset / bytes < 4096);
}

// A place in the code; made by Emitter::label().
struct Label {
  std::uint32_t id = 0;
};

class Emitter {
 public:
  // `far`: conditional branches to places that are not yet known jump over an unconditional one, which
  // reaches 128 MiB instead of 1 MiB.
  explicit Emitter(bool far);
  ~Emitter();
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  std::uint32_t offset() const;  // bytes so far
  bool far() const { return far_; }

  // d = n op m. lsl, lsr, asr take m modulo the width. Alu has no zero register where an immediate form would
  // read it as sp; the register forms never mean sp.
  void alu(Alu op, Size size, Reg d, Reg n, Reg m);
  // d = n op (m << shift), for add, sub, adds, subs, and_, orr, eor, ands.
  void alu_shifted(Alu op, Size size, Reg d, Reg n, Reg m, unsigned shift);
  // d = n op value: add, sub, adds, subs (fits_add; n may be sp, and d of the first two), and_, orr, eor,
  // ands (fits_logical), lsl, lsr, asr (below the width).
  void alu_imm(Alu op, Size size, Reg d, Reg n, std::uint64_t value);
  void alu_extended(Reg d, Reg n, Reg m);            // d = n + the low half of m
  void madd(Size size, Reg d, Reg n, Reg m, Reg a);  // d = a + n * m
  void msub(Size size, Reg d, Reg n, Reg m, Reg a);  // d = a - n * m
  void umaddl(Reg d, Reg n, Reg m, Reg a);           // d = a + n * m, of 32-bit n and m
  void mov(Size size, Reg d, Reg m);
  void movz(Size size, Reg d, std::uint16_t value, unsigned shift);
  void movn(Size size, Reg d, std::uint16_t value, unsigned shift);
  void movk(Size size, Reg d, std::uint16_t value, unsigned shift);
  // d = value, in as few instructions as it takes (at most 4).
  void mov_imm(Reg d, std::uint64_t value);
  void extend(Extend how, Size size, Reg d, Reg n);  // uxtb, uxth, and sxtb, sxth of both sizes; sxtw is x
  void swap(Swap how, Reg d, Reg n);                 // rev16 swaps the bytes of each half of a w register
  void csel(Size size, Reg d, Reg n, Reg m, Cond cond);
  void cset(Size size, Reg d, Cond cond);

  // t = [n + offset] or [n + offset] = t; fits_offset(mem, offset).
  void load(Mem mem, Reg t, Reg n, std::int64_t offset);
  void store(Mem mem, Reg t, Reg n, std::int64_t offset);
  // [n + m]
  void load_indexed(Mem mem, Reg t, Reg n, Reg m);
  void store_indexed(Mem mem, Reg t, Reg n, Reg m);
  // [n + (m << the width's shift)], for jump tables.
  void load_scaled(Mem mem, Reg t, Reg n, Reg m);
  // Two x registers; offset a multiple of 8 from -512 to 504. pre: n += offset before; post: after (not by
  // 0).
  void load_pair(Reg t1, Reg t2, Reg n, int offset);
  void store_pair(Reg t1, Reg t2, Reg n, int offset);
  void load_pair_post(Reg t1, Reg t2, Reg n, int offset);
  void store_pair_pre(Reg t1, Reg t2, Reg n, int offset);

  // LSE: t = [n]; [n] = t op s, in one, ordered with what stands before and after (the plain form orders
  // nothing).
  void fetch(Fetch op, Size size, Reg s, Reg t, Reg n);
  void fetch_plain(Fetch op, Size size, Reg s, Reg t, Reg n);
  void cas(Size size, Reg s, Reg t, Reg n);                   // s = [n]; if it was s, [n] = t
  void load_exclusive(Size size, Reg t, Reg n);               // ldaxr
  void store_exclusive(Size size, Reg status, Reg t, Reg n);  // stlxr
  void load_acquire(Mem mem, Reg t, Reg n);                   // ldar, ldarb, ldarh
  void store_release(Mem mem, Reg t, Reg n);                  // stlr, stlrb, stlrh
  void barrier();                                             // dmb ish

  Label label();                    // not yet anywhere
  Label labels(std::size_t count);  // the first of many, whose ids follow
  void bind(Label label);
  bool bound(Label label) const;
  std::uint32_t offset_of(Label label) const;  // after bind()
  void b(Label to);
  void b(Cond cond, Label to);
  void cbz(Size size, Reg t, Label to);
  void cbnz(Size size, Reg t, Label to);
  void bl(Label to);
  void blr(Reg n);
  void br(Reg n);
  void ret();
  // d = the address of the label: one instruction, or four in far code (`scratch` is lost).
  void adr(Reg d, Label to, Reg scratch);
  void brk(std::uint16_t value);
  void word(std::uint32_t word);
  // 32 bits: how far `to` lies behind `from`.
  void distance(Label to, Label from);

  // The code. ERANGE if a short branch does not reach (take a far Emitter), EFBIG if nothing does, ENOMEM.
  Result<std::vector<std::uint8_t>> finish();

 private:
  struct Body;
  enum class Patch : std::uint8_t { imm26, imm19, adr, mov_distance, distance };
  struct Fixup {
    std::uint32_t at;
    std::uint32_t label;
    std::uint32_t from;  // what the distance counts from: an offset (mov_distance), a label (distance)
    Patch patch;
  };
  void branch(std::uint32_t word, Label to, Patch patch);
  void short_branch(std::uint32_t word, std::uint32_t inverted, Label to);

  std::unique_ptr<Body> body_;
  std::vector<std::uint32_t> labels_;
  std::vector<Fixup> fixups_;
  bool far_;
};

}  // namespace skep::jit::arm64
