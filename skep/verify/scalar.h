// The abstract number: what the verifier knows of a register that holds no pointer. Three views are kept in
// step: the bits (a tnum), the range of all 64 bits and the range of the low 32, each range as unsigned and
// as signed bounds.
//
// Everything is a template over the width, so that tests can check each operation exhaustively on 6 bits
// (whose "low half" has 3); the verifier uses Scalar, 64 and 32 bits. Rules that differ between kernels are
// the members of Arithmetic. Bodies: scalar_ops.h, instantiated for 64 bits in scalar.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "skep/isa/op.h"
#include "skep/verify/tnum.h"

namespace skep::verify {

// What Linux learned over time about numbers. A kernel of version v (major << 8 | minor) has what
// arithmetic_of says; stable series took fixes up, so the rows follow the kernels that Debian ships.
struct Arithmetic {
  bool low_from_full = true;  // 6.8: 32-bit bounds from 64-bit ones and back, of negative ranges too
  bool both_sides = true;     // 6.8: a comparison refines two variables, == of ranges, != at an edge
  bool split_ranges =
      true;  // 6.17: a range over the sign boundary that meets the other view on one side only
  bool signed_logic =
      true;  // 6.10: and, or, xor keep signed bounds whenever the unsigned result has one sign
  bool sign_extend_low = true;  // 6.10: [-2^31, 2^31) with non-negative low half is that half
  bool overflow_add = true;     // 6.17: sums that overflow at both ends keep their bounds
  bool signed_mul = true;       // 6.14: products of negative bounds
  bool joined_mul = true;       // 6.18: tnum products join outcomes
  bool negate = true;           // 6.17: neg keeps bounds
  bool fork_sign_masks = true;  // 6.18: and, or of a value in [-1, 0] with a constant are followed separately
};
Arithmetic arithmetic_of(std::uint16_t version);

template <unsigned W>
struct Range {
  using U = std::conditional_t<(W > 32), std::uint64_t, std::uint32_t>;
  using S = std::make_signed_t<U>;
  static constexpr U unsigned_max = static_cast<U>(low_bits(W));
  static constexpr S signed_max = static_cast<S>(low_bits(W - 1));
  static constexpr S signed_min = static_cast<S>(-signed_max - 1);

  U umin = 0, umax = unsigned_max;
  S smin = signed_min, smax = signed_max;

  bool operator==(const Range&) const = default;

  // The low W bits; the same as a signed number.
  static constexpr U wrap(std::uint64_t value) { return static_cast<U>(value & low_bits(W)); }
  static constexpr S sign(std::uint64_t value) {
    return static_cast<S>(static_cast<std::int64_t>(value << (64 - W)) >> (64 - W));
  }
  static constexpr Range constant(std::uint64_t value) {
    return {wrap(value), wrap(value), sign(value), sign(value)};
  }
  constexpr bool is_const() const { return umin == umax && smin == smax; }
  constexpr bool is_unknown() const { return *this == Range{}; }
  // Bounds in order: a contradiction (a branch that cannot be taken) makes them not so.
  constexpr bool is_sane() const { return umin <= umax && smin <= smax; }
  constexpr bool contains(std::uint64_t value) const {
    return wrap(value) >= umin && wrap(value) <= umax && sign(value) >= smin && sign(value) <= smax;
  }
  constexpr bool contains(const Range& other) const {
    return umin <= other.umin && umax >= other.umax && smin <= other.smin && smax >= other.smax;
  }
};

template <unsigned W>
struct BasicScalar {
  static constexpr unsigned width = W, half = W / 2;
  using Full = Range<W>;
  using Low = Range<W / 2>;

  Tnum bits = Tnum::unknown(W);
  Full full;  // bounds of all bits
  Low low;    // bounds of the low half, as a number of its own

  bool operator==(const BasicScalar&) const = default;

  static constexpr BasicScalar unknown() { return {}; }
  static constexpr BasicScalar constant(std::uint64_t value) {
    return {Tnum::constant(value & low_bits(W)), Full::constant(value), Low::constant(value)};
  }
  // Any value from min to max (unsigned, min <= max; signed, min <= max).
  static BasicScalar between(std::uint64_t min, std::uint64_t max);
  static BasicScalar between_signed(std::int64_t min, std::int64_t max);

  constexpr bool is_const() const { return bits.is_const(); }
  constexpr bool is_const_low() const { return bits.cast(half).is_const(); }
  constexpr std::uint64_t value() const { return bits.value; }  // when is_const()
  constexpr bool is_unknown() const {
    return bits == Tnum::unknown(W) && full.is_unknown() && low.is_unknown();
  }
  // Could `value` be in the register?
  constexpr bool contains(std::uint64_t concrete) const {
    return bits.contains(concrete & low_bits(W)) && full.contains(concrete) && low.contains(concrete);
  }
  // Is everything that `other` may be also possible here? What pruning asks of an older state.
  constexpr bool contains(const BasicScalar& other) const {
    return full.contains(other.full) && low.contains(other.low) && bits.contains(other.bits);
  }
  // False when the views contradict each other: no value is possible. (Not every contradiction shows.)
  bool is_sane() const;
};

using Scalar = BasicScalar<64>;

// Lets each view learn from the others. After any direct change of a member.
template <unsigned W>
void sync(BasicScalar<W>& scalar, const Arithmetic& arithmetic = {});

// dst = dst `operation` src for Class::alu except mov: add sub mul div sdiv mod smod or_ and_ xor_ lsh rsh
// arsh neg (src unused). `width` is W or W / 2; the half operations zero the upper half.
template <unsigned W>
BasicScalar<W> alu(isa::Operation operation, unsigned width, const BasicScalar<W>& dst,
                   const BasicScalar<W>& src, const Arithmetic& arithmetic = {});

// to_le, to_be, bswap of the low `width` bits on a machine of either byte order.
template <unsigned W>
BasicScalar<W> swap_bytes(isa::Operation operation, unsigned width, const BasicScalar<W>& dst);

// The low `bits` bits, zero-extended: mov32 (32), loads and spills of 8, 16, 32 bits.
template <unsigned W>
BasicScalar<W> zero_extend(const BasicScalar<W>& from, unsigned bits, const Arithmetic& arithmetic = {});
// The low `bits` bits, sign-extended to `width` bits, above that zero: movsx, ldxs*.
template <unsigned W>
BasicScalar<W> sign_extend(const BasicScalar<W>& from, unsigned bits, unsigned width,
                           const Arithmetic& arithmetic = {});
// `from` with the low half known to be `value` (what lies above stays).
template <unsigned W>
BasicScalar<W> with_low_const(const BasicScalar<W>& from, std::uint64_t value,
                              const Arithmetic& arithmetic = {});
// The smallest scalar that holds both.
template <unsigned W>
BasicScalar<W> join(const BasicScalar<W>& a, const BasicScalar<W>& b);

// Does `a operation b` hold (Class::jump_if's operations, on all bits or on the low half)? Nothing: it may.
template <unsigned W>
std::optional<bool> compare(isa::Operation operation, unsigned width, const BasicScalar<W>& a,
                            const BasicScalar<W>& b);
// Both operands as they are where `a operation b` came out as `holds`. False when that shows to be impossible
// (the kernel goes on with unknown values then: is_sane). a and b must be different objects; a constant
// operand is a scalar of its own. `a_variable`, `b_variable`: older kernels refine one side only.
template <unsigned W>
bool assume(isa::Operation operation, unsigned width, bool holds, BasicScalar<W>& a, BasicScalar<W>& b,
            const Arithmetic& arithmetic = {});

// Since 6.18: does the kernel follow 0 and -1 apart when `dst operation src` is done (and_, or_ with a
// constant on a value known to be one of these)? The width in which it is so, or 0.
template <unsigned W>
unsigned forks_sign_mask(isa::Operation operation, const BasicScalar<W>& dst, const BasicScalar<W>& src,
                         const Arithmetic& arithmetic = {});

// The value as the kernel's log writes it, without the word scalar: "smin=-1,smax=0,var_off=(0x0; 0xff)", "5"
// for a constant, "" when nothing is known.
std::string print(const Scalar& scalar);

}  // namespace skep::verify
