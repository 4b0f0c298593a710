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
  bool const_left = true;       // 6.4: a comparison with the constant on the left is decided too
  bool range_equality = true;   // 6.4: == and != are decided by ranges, not by constants alone
  bool low_from_full = true;    // 6.8: either half view learns from the other, negative ranges included
  bool both_sides = true;       // 6.8: a comparison refines two variables; == meets ranges, != moves an edge
  bool signed_logic = true;     // 6.10: and, or, xor keep signed bounds whenever the result has one sign
  bool sign_extended = true;    // 6.10: in [-2^31, 2^31) with a non-negative low half: it is that half
  bool signed_mul = true;       // 6.14: products of negative bounds
  bool overflowing_add = true;  // 6.17: sums that overflow at both ends keep their unsigned bounds
  bool split_ranges = true;     // 6.17: a range over the sign boundary that meets the other view on one side
  bool negate = true;           // 6.17: neg keeps bounds
  bool joined_mul = true;       // 6.18: tnum products join outcomes
  bool fork_sign_masks = true;  // 6.18: see forks_sign_mask()
  bool tnum_overlap = true;     // 6.18: == of bits that differ is false
  bool swapped_bits = true;     // 6.18: byte swaps keep what is known of each bit; before: nothing
  bool unset_forgets = true;    // 6.18: where no bit of a mask is set, bounds start afresh from the bits
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

// The low `bits` bits (16, 32, 64) with their bytes in the opposite order, zero-extended: to_be, bswap.
Scalar swap_bytes(const Scalar& from, unsigned bits, const Arithmetic& arithmetic = {});

// Lets each view learn from the others. After any direct change of a member.
template <unsigned W>
void sync(BasicScalar<W>& scalar, const Arithmetic& arithmetic = {});

// dst = dst `operation` src for Class::alu except mov: add sub mul div sdiv mod smod or_ and_ xor_ lsh rsh
// arsh neg (src unused). `width` is W or W / 2; the half operations zero the upper half.
template <unsigned W>
BasicScalar<W> alu(isa::Operation operation, unsigned width, const BasicScalar<W>& dst,
                   const BasicScalar<W>& src, const Arithmetic& arithmetic = {});

// The low `bits` bits, zero-extended: mov32 (32), loads and spills of 8, 16, 32 bits.
template <unsigned W>
BasicScalar<W> zero_extend(const BasicScalar<W>& from, unsigned bits, const Arithmetic& arithmetic = {});
// The low `bits` bits, sign-extended to `width` bits, above that zero: movsx, ldxs*. `bits` <= W / 2.
template <unsigned W>
BasicScalar<W> sign_extend(const BasicScalar<W>& from, unsigned bits, unsigned width,
                           const Arithmetic& arithmetic = {});
// `from` with the low half known to be `value`; what lies above stays, the full bounds are not touched.
template <unsigned W>
BasicScalar<W> with_low_const(const BasicScalar<W>& from, std::uint64_t value);
// The smallest scalar that holds both.
template <unsigned W>
BasicScalar<W> join(const BasicScalar<W>& a, const BasicScalar<W>& b);

// Does `a operation b` hold (Class::jump_if's operations, on all bits or on the low half)? Nothing: it may.
template <unsigned W>
std::optional<bool> compare(isa::Operation operation, unsigned width, const BasicScalar<W>& a,
                            const BasicScalar<W>& b, const Arithmetic& arithmetic = {});
// Both operands as they are where `a operation b` came out as `holds`. False when that shows to be impossible
// (see is_sane; the kernel forgets the bounds then and goes on). a and b must be different objects; a
// constant operand is a scalar of its own.
template <unsigned W>
bool assume(isa::Operation operation, unsigned width, bool holds, BasicScalar<W>& a, BasicScalar<W>& b,
            const Arithmetic& arithmetic = {});

// Since 6.18: does the kernel follow 0 and -1 apart when `dst operation src` is done (and_, or_ with a
// constant on a value known to be one of these)? The width in which it is so, or 0.
template <unsigned W>
unsigned forks_sign_mask(isa::Operation operation, const BasicScalar<W>& dst, const BasicScalar<W>& src,
                         const Arithmetic& arithmetic = {});

// As the kernel's log writes them: the bits "(0x0; 0xff)" or, when all are known, a number; the bounds that
// say something, "smin=-1,smax=0,umax32=7"; and the whole, which is the number for a constant and otherwise
// bounds followed by ",var_off=" and the bits, each part left out when it says nothing.
std::string print(Tnum bits);
std::string print_bounds(const Scalar& scalar);
std::string print(const Scalar& scalar);

}  // namespace skep::verify
