// Bodies of the abstract operations of scalar.h. Each is written once for Range<W>, then used for the full
// width and for the low half, whose bounds are kept as if the half were a register of its own.
//
// The rules are those of interval arithmetic: a monotone operation maps bounds to bounds; where the result
// could leave the width (overflow) the interval is given up, and the other views give back what they can
// (sync). They are kept as precise as the kernel's, and where a kernel gives up on purpose (division,
// variable shifts) so does this: the verdict is the kernel's.
#pragma once

#include <algorithm>

#include "skep/base/check.h"
#include "skep/verify/scalar.h"

namespace skep::verify {

namespace scalar_detail {

using isa::Operation;

template <unsigned W>
void meet_unsigned(Range<W>& range, std::uint64_t min, std::uint64_t max) {
  range.umin = std::max(range.umin, Range<W>::wrap(min));
  range.umax = std::min(range.umax, Range<W>::wrap(max));
}
template <unsigned W>
void meet_signed(Range<W>& range, std::uint64_t min, std::uint64_t max) {
  range.smin = std::max(range.smin, Range<W>::sign(min));
  range.smax = std::min(range.smax, Range<W>::sign(max));
}
template <unsigned W>
void forget_unsigned(Range<W>& range) {
  range.umin = 0;
  range.umax = Range<W>::unsigned_max;
}
template <unsigned W>
void forget_signed(Range<W>& range) {
  range.smin = Range<W>::signed_min;
  range.smax = Range<W>::signed_max;
}

// The smallest and largest numbers that the bits allow: as signed ones, an unknown sign bit is set in the
// former and clear in the latter.
template <unsigned W>
void learn_from_bits(Range<W>& range, Tnum bits) {
  const std::uint64_t sign_bit = std::uint64_t{1} << (W - 1);
  meet_signed(range, bits.value | (bits.mask & sign_bit), bits.value | (bits.mask & ~sign_bit));
  meet_unsigned(range, bits.min(), bits.max());
}

// One range, two readings. Bounds of one reading are bounds of the other if the interval has one sign. An
// interval that crosses from the top of one reading to its bottom consists of two pieces in the other; when
// only one of them meets the other reading's interval, that piece is the answer.
template <unsigned W>
void cross_signs(Range<W>& range, bool split_ranges) {
  using R = Range<W>;
  if (R::sign(range.umin) <= R::sign(range.umax)) meet_signed(range, range.umin, range.umax);
  const auto low = R::wrap(static_cast<std::uint64_t>(range.smin));
  const auto high = R::wrap(static_cast<std::uint64_t>(range.smax));
  if (low <= high) {
    meet_unsigned(range, low, high);
  } else if (split_ranges && range.umax < low) {  // only the non-negative piece [0, smax]
    range.smin = R::sign(range.umin);
    range.umax = std::min(range.umax, high);
  } else if (split_ranges && high < range.umin) {  // only the negative piece [smin, -1]
    range.smax = R::sign(range.umax);
    range.umin = std::max(range.umin, low);
  }
}

// What an interval [min, max] of the full width says of the low half. With one upper half throughout, the low
// halves are an interval, read as unsigned, and as signed if they are in order there. With two neighbouring
// upper halves, the low halves run from negative to non-negative if they do so at the ends.
template <unsigned W>
void low_learns(Range<W / 2>& low, std::uint64_t min, std::uint64_t max, bool ordered_as_unsigned) {
  using L = Range<W / 2>;
  const std::uint64_t upper_min = (min & low_bits(W)) >> (W / 2), upper_max = (max & low_bits(W)) >> (W / 2);
  if (upper_min == upper_max) {
    if (ordered_as_unsigned || L::wrap(min) <= L::wrap(max)) meet_unsigned(low, min, max);
    if (L::sign(min) <= L::sign(max)) meet_signed(low, min, max);
  }
}
template <unsigned W>
void low_learns_across(Range<W / 2>& low, std::uint64_t min, std::uint64_t max) {
  using L = Range<W / 2>;
  const std::uint64_t upper_min = (min & low_bits(W)) >> (W / 2), upper_max = (max & low_bits(W)) >> (W / 2);
  if (L::wrap(upper_min + 1) == upper_max && L::sign(min) < 0 && L::sign(max) >= 0)
    meet_signed(low, min, max);
}

// The full bounds with their low halves replaced by bounds of the low half.
template <unsigned W>
void full_learns(Range<W>& full, std::uint64_t low_min, std::uint64_t low_max) {
  const std::uint64_t upper = ~low_bits(W / 2);
  meet_unsigned(full, (full.umin & upper) | low_min, (full.umax & upper) | low_max);
  meet_signed(full, (static_cast<std::uint64_t>(full.smin) & upper) | low_min,
              (static_cast<std::uint64_t>(full.smax) & upper) | low_max);
}

template <unsigned W>
void deduce(BasicScalar<W>& s, const Arithmetic& arithmetic) {
  using F = Range<W>;
  using L = Range<W / 2>;
  const auto as_u = [](auto value) { return static_cast<std::uint64_t>(value); };
  if (arithmetic.low_from_full) {
    low_learns<W>(s.low, s.full.umin, s.full.umax, true);
    low_learns<W>(s.low, as_u(s.full.smin), as_u(s.full.smax), false);
    low_learns_across<W>(s.low, s.full.umin, s.full.umax);
    low_learns_across<W>(s.low, as_u(s.full.smin), as_u(s.full.smax));
  }
  cross_signs(s.low, arithmetic.split_ranges);
  cross_signs(s.full, arithmetic.split_ranges);
  if (!arithmetic.low_from_full) return;
  full_learns(s.full, s.low.umin, s.low.umax);
  if (L::wrap(as_u(s.low.smin)) <= L::wrap(as_u(s.low.smax)))
    full_learns(s.full, L::wrap(as_u(s.low.smin)), L::wrap(as_u(s.low.smax)));
  // Every value below 2^(half-1) in magnitude is the sign extension of its low half; a low half that is not
  // negative is then the value itself.
  if (arithmetic.sign_extended && s.low.smin >= 0 && s.full.smin >= L::signed_min &&
      s.full.smax <= L::signed_max) {
    s.full = {F::wrap(as_u(s.low.smin)), F::wrap(as_u(s.low.smax)), s.low.smin, s.low.smax};
    if (s.low.smin <= s.low.smax) s.bits = intersect(s.bits, Tnum::range(s.full.umin, s.full.umax));
  }
}

// The full view of a value whose upper half is zero.
template <unsigned W>
void clear_upper(BasicScalar<W>& s) {
  s.bits = s.bits.cast(W / 2);
  s.full.umin = s.low.umin;
  s.full.umax = s.low.umax;
  const bool non_negative = s.low.smin >= 0 && s.low.smin <= s.low.smax;
  s.full.smin = non_negative ? s.low.smin : 0;
  s.full.smax = non_negative ? s.low.smax : static_cast<typename Range<W>::S>(low_bits(W / 2));
}

// Exact integers for overflow tests: 64-bit sums and products fit.
__extension__ using Exact = __int128;

template <unsigned W>
bool set_signed(Range<W>& range, Exact min, Exact max) {
  if (min < Range<W>::signed_min || max > Range<W>::signed_max) {
    forget_signed(range);
    return false;
  }
  range.smin = static_cast<typename Range<W>::S>(min);
  range.smax = static_cast<typename Range<W>::S>(max);
  return true;
}

// Unsigned bounds from exact ones. Both beyond the width by one turn: the interval is shifted, not torn.
template <unsigned W>
void set_unsigned(Range<W>& range, Exact min, Exact max, bool may_turn) {
  const Exact turn = Exact{Range<W>::unsigned_max} + 1;
  const bool inside = min >= 0 && max < turn;
  const bool turned = may_turn && ((min >= turn && max < 2 * turn) || (max < 0 && min >= -turn));
  if (!inside && !turned) return forget_unsigned(range);
  range.umin = Range<W>::wrap(static_cast<std::uint64_t>(min));
  range.umax = Range<W>::wrap(static_cast<std::uint64_t>(max));
}

template <unsigned W>
Range<W> add(const Range<W>& a, const Range<W>& b, const Arithmetic& arithmetic) {
  Range<W> sum;
  set_signed(sum, Exact{a.smin} + b.smin, Exact{a.smax} + b.smax);
  set_unsigned(sum, Exact{a.umin} + b.umin, Exact{a.umax} + b.umax, arithmetic.overflowing_add);
  return sum;
}

template <unsigned W>
Range<W> subtract(const Range<W>& a, const Range<W>& b, const Arithmetic& arithmetic) {
  Range<W> difference;
  set_signed(difference, Exact{a.smin} - b.smax, Exact{a.smax} - b.smin);
  set_unsigned(difference, Exact{a.umin} - b.umax, Exact{a.umax} - b.umin, arithmetic.overflowing_add);
  return difference;
}

template <unsigned W>
Range<W> multiply(const Range<W>& a, const Range<W>& b, const Arithmetic& arithmetic) {
  Range<W> product;
  if (arithmetic.signed_mul) {
    const Exact corners[] = {Exact{a.smin} * b.smin, Exact{a.smin} * b.smax, Exact{a.smax} * b.smin,
                             Exact{a.smax} * b.smax};
    set_signed(product, *std::min_element(std::begin(corners), std::end(corners)),
               *std::max_element(std::begin(corners), std::end(corners)));
    __extension__ using Wide = unsigned __int128;
    if (Wide{a.umax} * b.umax <= Range<W>::unsigned_max) {
      product.umin = Range<W>::wrap(std::uint64_t{a.umin} * b.umin);
      product.umax = Range<W>::wrap(std::uint64_t{a.umax} * b.umax);
    }
    return product;
  }
  const std::uint64_t small = low_bits(W / 2);
  if (a.smin < 0 || b.smin < 0 || a.umax > small || b.umax > small) return product;
  product.umin = Range<W>::wrap(std::uint64_t{a.umin} * b.umin);
  product.umax = Range<W>::wrap(std::uint64_t{a.umax} * b.umax);
  set_signed(product, Exact{product.umin}, Exact{product.umax});
  return product;
}

// Bounds of and, or, xor; `bits` are the result's.
template <unsigned W>
Range<W> logic(Operation operation, const Range<W>& a, const Range<W>& b, Tnum bits,
               const Arithmetic& arithmetic) {
  using R = Range<W>;
  if (bits.is_const()) return R::constant(bits.value);
  R result;
  result.umin = operation == Operation::or_ ? std::max(a.umin, b.umin) : R::wrap(bits.min());
  result.umax = operation == Operation::and_ ? std::min(a.umax, b.umax) : R::wrap(bits.max());
  const bool one_sign =
      arithmetic.signed_logic ? R::sign(result.umin) <= R::sign(result.umax) : a.smin >= 0 && b.smin >= 0;
  if (one_sign) {
    result.smin = R::sign(result.umin);
    result.smax = R::sign(result.umax);
  }
  return result;
}

template <unsigned W>
Range<W> shift_left(const Range<W>& a, unsigned count) {
  Range<W> result;
  if (count >= W || a.umax > std::uint64_t{1} << (W - 1 - count)) return result;  // a set bit may fall out
  result.umin = Range<W>::wrap(std::uint64_t{a.umin} << count);
  result.umax = Range<W>::wrap(std::uint64_t{a.umax} << count);
  return result;
}
template <unsigned W>
Range<W> shift_right(const Range<W>& a, unsigned count) {
  Range<W> result;
  result.umin = static_cast<typename Range<W>::U>(a.umin >> count);
  result.umax = static_cast<typename Range<W>::U>(a.umax >> count);
  return result;
}
template <unsigned W>
Range<W> shift_right_arithmetic(const Range<W>& a, unsigned count) {
  Range<W> result;
  result.smin = static_cast<typename Range<W>::S>(a.smin >> count);
  result.smax = static_cast<typename Range<W>::S>(a.smax >> count);
  return result;
}

template <unsigned W>
BasicScalar<W> shift_full(Operation operation, const BasicScalar<W>& a, unsigned count) {
  BasicScalar<W> result;
  if (operation == Operation::lsh) {
    result.bits = (a.bits << count).cast(W);
    result.full = shift_left(a.full, count);
    result.low = shift_left(a.low, count);
    if (count == W / 2) {  // the first half of a sign extension: the low half's sign becomes the sign
      result.full.smin = static_cast<typename Range<W>::S>(static_cast<std::int64_t>(a.low.smin) *
                                                           (std::int64_t{1} << (W / 2)));
      result.full.smax = static_cast<typename Range<W>::S>(static_cast<std::int64_t>(a.low.smax) *
                                                           (std::int64_t{1} << (W / 2)));
    }
  } else if (operation == Operation::rsh) {
    result.bits = a.bits >> count;
    result.full = shift_right(a.full, count);
  } else {
    result.bits = arithmetic_shift_right(a.bits, count, W);
    result.full = shift_right_arithmetic(a.full, count);
  }
  return result;
}

template <unsigned W>
BasicScalar<W> shift_low(Operation operation, const BasicScalar<W>& a, unsigned count) {
  const Tnum bits = a.bits.cast(W / 2);
  BasicScalar<W> result;
  if (operation == Operation::lsh) {
    result.bits = bits << count;
    result.low = shift_left(a.low, count);
  } else if (operation == Operation::rsh) {
    result.bits = bits >> count;
    result.low = shift_right(a.low, count);
  } else {
    result.bits = arithmetic_shift_right(bits, count, W / 2);
    result.low = shift_right_arithmetic(a.low, count);
  }
  result.bits = result.bits.cast(W / 2);
  learn_from_bits(result.low, result.bits);
  return result;
}

constexpr Operation opposite(Operation operation) {
  switch (operation) {
    case Operation::eq: return Operation::ne;
    case Operation::ne: return Operation::eq;
    case Operation::gt: return Operation::le;
    case Operation::le: return Operation::gt;
    case Operation::ge: return Operation::lt;
    case Operation::lt: return Operation::ge;
    case Operation::sgt: return Operation::sle;
    case Operation::sle: return Operation::sgt;
    case Operation::sge: return Operation::slt;
    case Operation::slt: return Operation::sge;
    default: return Operation::none;  // no comparison, or set, whose opposite has no name
  }
}

// Does `a operation b` hold for the two intervals? Order comparisons.
template <class T>
std::optional<bool> less(T a_min, T a_max, T b_min, T b_max, bool or_equal) {
  if (or_equal ? a_max <= b_min : a_max < b_min) return true;
  if (or_equal ? a_min > b_max : a_min >= b_max) return false;
  return std::nullopt;
}

template <unsigned W>
bool disjoint(const Range<W>& a, const Range<W>& b) {
  return a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin;
}

template <unsigned W>
std::optional<bool> compare_order(Operation operation, const Range<W>& a, const Range<W>& b) {
  switch (operation) {
    case Operation::lt: return less(a.umin, a.umax, b.umin, b.umax, false);
    case Operation::le: return less(a.umin, a.umax, b.umin, b.umax, true);
    case Operation::gt: return less(b.umin, b.umax, a.umin, a.umax, false);
    case Operation::ge: return less(b.umin, b.umax, a.umin, a.umax, true);
    case Operation::slt: return less(a.smin, a.smax, b.smin, b.smax, false);
    case Operation::sle: return less(a.smin, a.smax, b.smin, b.smax, true);
    case Operation::sgt: return less(b.smin, b.smax, a.smin, a.smax, false);
    case Operation::sge: return less(b.smin, b.smax, a.smin, a.smax, true);
    default: return std::nullopt;
  }
}

// a < b or a <= b holds.
template <unsigned W>
void assume_order(Operation operation, Range<W>& a, Range<W>& b) {
  using R = Range<W>;
  switch (operation) {
    case Operation::lt:
      a.umax = std::min(a.umax, R::wrap(std::uint64_t{b.umax} - 1));
      b.umin = std::max(b.umin, R::wrap(std::uint64_t{a.umin} + 1));
      return;
    case Operation::le:
      a.umax = std::min(a.umax, b.umax);
      b.umin = std::max(b.umin, a.umin);
      return;
    case Operation::slt:
      a.smax = std::min(a.smax, R::sign(static_cast<std::uint64_t>(b.smax) - 1));
      b.smin = std::max(b.smin, R::sign(static_cast<std::uint64_t>(a.smin) + 1));
      return;
    case Operation::sle:
      a.smax = std::min(a.smax, b.smax);
      b.smin = std::max(b.smin, a.smin);
      return;
    case Operation::gt: return assume_order(Operation::lt, b, a);
    case Operation::ge: return assume_order(Operation::le, b, a);
    case Operation::sgt: return assume_order(Operation::slt, b, a);
    case Operation::sge: return assume_order(Operation::sle, b, a);
    default: return;
  }
}

template <unsigned W>
void assume_equal(Range<W>& a, Range<W>& b) {
  a.umin = b.umin = std::max(a.umin, b.umin);
  a.umax = b.umax = std::min(a.umax, b.umax);
  a.smin = b.smin = std::max(a.smin, b.smin);
  a.smax = b.smax = std::min(a.smax, b.smax);
}

// A value that is not there moves the bound that it stood at.
template <unsigned W>
void exclude(Range<W>& range, std::uint64_t value) {
  using R = Range<W>;
  const auto unsigned_value = R::wrap(value);
  const auto signed_value = R::sign(value);
  if (range.umin == unsigned_value) range.umin = R::wrap(std::uint64_t{range.umin} + 1);
  if (range.umax == unsigned_value) range.umax = R::wrap(std::uint64_t{range.umax} - 1);
  if (range.smin == signed_value) range.smin = R::sign(static_cast<std::uint64_t>(range.smin) + 1);
  if (range.smax == signed_value) range.smax = R::sign(static_cast<std::uint64_t>(range.smax) - 1);
}

template <unsigned W>
bool is_const(const BasicScalar<W>& s, unsigned width) {
  return s.bits.cast(width).is_const();
}

template <unsigned W>
void assume_bits(bool any_set, unsigned width, BasicScalar<W>& s, std::uint64_t mask,
                 const Arithmetic& arithmetic) {
  if (any_set) {  // a mask of several bits does not say which
    if (std::popcount(mask) == 1) s.bits = s.bits | Tnum::constant(mask);
    return;
  }
  if (arithmetic.unset_forgets) {
    s.full = {};
    s.low = {};
  }
  s.bits = s.bits.with_low(s.bits & Tnum::constant(~mask), width);
}

template <unsigned V>
std::optional<Range<V>> sign_extend_range(const Range<V>& from, unsigned bits) {
  const auto smin = static_cast<std::uint64_t>(from.smin), smax = static_cast<std::uint64_t>(from.smax);
  if (((smin ^ smax) & low_bits(V)) >> bits != 0) return std::nullopt;  // the kept bits may run over
  const auto extend = [&](std::uint64_t value) {
    return static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);
  };
  const std::int64_t first = extend(smin), last = extend(smax);
  if ((first < 0) != (last < 0)) return std::nullopt;
  const auto low = static_cast<std::uint64_t>(std::min(first, last));
  const auto high = static_cast<std::uint64_t>(std::max(first, last));
  return Range<V>{Range<V>::wrap(low), Range<V>::wrap(high), Range<V>::sign(low), Range<V>::sign(high)};
}
template <unsigned V>
Range<V> sign_extended_unknown(unsigned bits) {
  Range<V> range;
  range.smax = static_cast<typename Range<V>::S>(low_bits(bits - 1));
  range.smin = static_cast<typename Range<V>::S>(-range.smax - 1);
  return range;
}

}  // namespace scalar_detail

template <unsigned W>
bool BasicScalar<W>::is_sane() const {
  if (!full.is_sane() || !low.is_sane()) return false;
  if (bits.is_const() && full != Full::constant(bits.value)) return false;
  return !bits.cast(half).is_const() || low == Low::constant(bits.value);
}

template <unsigned W>
BasicScalar<W> BasicScalar<W>::between(std::uint64_t min, std::uint64_t max) {
  BasicScalar result;
  scalar_detail::meet_unsigned(result.full, min, max);
  sync(result);
  return result;
}
template <unsigned W>
BasicScalar<W> BasicScalar<W>::between_signed(std::int64_t min, std::int64_t max) {
  BasicScalar result;
  scalar_detail::meet_signed(result.full, static_cast<std::uint64_t>(min), static_cast<std::uint64_t>(max));
  sync(result);
  return result;
}

template <unsigned W>
void sync(BasicScalar<W>& s, const Arithmetic& arithmetic) {
  using namespace scalar_detail;
  // The two ends, where all views say the same: nothing to learn.
  if (s.bits.is_const() && s.contains(s.bits.value)) {
    s = BasicScalar<W>::constant(s.bits.value);
    return;
  }
  if (s.is_unknown()) return;
  learn_from_bits(s.low, s.bits.cast(W / 2));
  learn_from_bits(s.full, s.bits);
  // A round may feed the next: bounds of the low half sharpen the full ones, whose signs sharpen the low
  // half.
  const int rounds = arithmetic.low_from_full ? 3 : 1;
  for (int round = 0; round < rounds; round++) {
    const BasicScalar<W> before = s;
    deduce(s, arithmetic);
    if (s == before) break;
  }
  const Tnum bits = intersect(s.bits, Tnum::range(s.full.umin, s.full.umax));
  const Tnum low = intersect(bits.cast(W / 2), Tnum::range(s.low.umin, s.low.umax));
  s.bits = bits.with_low(low, W / 2);
  learn_from_bits(s.low, s.bits.cast(W / 2));
  learn_from_bits(s.full, s.bits);
}

template <unsigned W>
BasicScalar<W> alu(isa::Operation operation, unsigned width, const BasicScalar<W>& dst,
                   const BasicScalar<W>& src, const Arithmetic& arithmetic) {
  using namespace scalar_detail;
  BasicScalar<W> result;
  switch (operation) {
    case Operation::add:
      result = {(dst.bits + src.bits).cast(W), add(dst.full, src.full, arithmetic),
                add(dst.low, src.low, arithmetic)};
      break;
    case Operation::sub:
      result = {(dst.bits - src.bits).cast(W), subtract(dst.full, src.full, arithmetic),
                subtract(dst.low, src.low, arithmetic)};
      break;
    case Operation::neg: {
      if (!arithmetic.negate) return {};
      const BasicScalar<W> zero = BasicScalar<W>::constant(0);
      result = {(-dst.bits).cast(W), subtract(zero.full, dst.full, arithmetic),
                subtract(zero.low, dst.low, arithmetic)};
      break;
    }
    case Operation::mul:
      result = {multiply(dst.bits, src.bits, arithmetic.joined_mul).cast(W),
                multiply(dst.full, src.full, arithmetic), multiply(dst.low, src.low, arithmetic)};
      break;
    case Operation::and_:
    case Operation::or_:
    case Operation::xor_:
      result.bits = operation == Operation::and_  ? dst.bits & src.bits
                    : operation == Operation::or_ ? dst.bits | src.bits
                                                  : dst.bits ^ src.bits;
      result.full = logic(operation, dst.full, src.full, result.bits, arithmetic);
      result.low = logic(operation, dst.low, src.low, result.bits.cast(W / 2), arithmetic);
      break;
    case Operation::lsh:
    case Operation::rsh:
    case Operation::arsh: {
      // By a known count alone; whether it is known is asked in the operation's width, how large it is in
      // full.
      if (!is_const(src, width) || src.full.umax >= width) return {};
      const auto count = static_cast<unsigned>(src.full.umin);
      result = width == W ? shift_full(operation, dst, count) : shift_low(operation, dst, count);
      break;
    }
    default: return {};  // div, sdiv, mod, smod: unknown in all bits, even where the upper half is zeroed
  }
  if (width != W) clear_upper(result);
  sync(result, arithmetic);
  return result;
}

template <unsigned W>
BasicScalar<W> zero_extend(const BasicScalar<W>& from, unsigned bits, const Arithmetic& arithmetic) {
  using namespace scalar_detail;
  if (bits >= W) return from;
  BasicScalar<W> result = from;
  if (bits == W / 2) {
    clear_upper(result);
  } else {
    const std::uint64_t mask = low_bits(bits);
    result.bits = from.bits.cast(bits);
    const bool same_above = ((from.full.umin ^ from.full.umax) & ~mask) == 0;
    result.full.umin = same_above ? Range<W>::wrap(from.full.umin & mask) : 0;
    result.full.umax = same_above ? Range<W>::wrap(from.full.umax & mask) : Range<W>::wrap(mask);
    result.full.smin = static_cast<typename Range<W>::S>(result.full.umin);
    result.full.smax = static_cast<typename Range<W>::S>(result.full.umax);
    if (bits < W / 2) result.low = {};
  }
  sync(result, arithmetic);
  return result;
}

template <unsigned W>
BasicScalar<W> sign_extend(const BasicScalar<W>& from, unsigned bits, unsigned width,
                           const Arithmetic& arithmetic) {
  using namespace scalar_detail;
  BasicScalar<W> result;
  if (from.bits.is_const()) {
    const Tnum extended = verify::sign_extend(from.bits, bits, width);
    return BasicScalar<W>::constant(extended.value);
  }
  if (width == W) {
    if (const auto range = sign_extend_range(from.full, bits)) {
      result.full = *range;
      result.low = {Range<W / 2>::wrap(range->umin), Range<W / 2>::wrap(range->umax),
                    Range<W / 2>::sign(range->umin), Range<W / 2>::sign(range->umax)};
      result.bits = Tnum::range(range->umin, range->umax);
      return result;
    }
    result.full = sign_extended_unknown<W>(bits);
    result.low = sign_extended_unknown<W / 2>(bits);
    return result;
  }
  if (const auto range = sign_extend_range(from.low, bits)) {
    result.low = *range;
    result.bits = Tnum::range(range->umin, range->umax);
  } else {
    result.low = sign_extended_unknown<W / 2>(bits);
    result.bits = Tnum::unknown(W / 2);
  }
  clear_upper(result);
  sync(result, arithmetic);
  return result;
}

template <unsigned W>
BasicScalar<W> with_low_const(const BasicScalar<W>& from, std::uint64_t value) {
  BasicScalar<W> result = from;
  result.bits = from.bits.with_low(Tnum::constant(value & low_bits(W / 2)), W / 2);
  result.low = Range<W / 2>::constant(value);
  return result;
}

template <unsigned W>
BasicScalar<W> join(const BasicScalar<W>& a, const BasicScalar<W>& b) {
  const auto hull = [](const auto& x, const auto& y) {
    auto both = x;
    both.umin = std::min(x.umin, y.umin);
    both.umax = std::max(x.umax, y.umax);
    both.smin = std::min(x.smin, y.smin);
    both.smax = std::max(x.smax, y.smax);
    return both;
  };
  return {join(a.bits, b.bits), hull(a.full, b.full), hull(a.low, b.low)};
}

template <unsigned W>
std::optional<bool> compare(isa::Operation operation, unsigned width, const BasicScalar<W>& a,
                            const BasicScalar<W>& b, const Arithmetic& arithmetic) {
  using namespace scalar_detail;
  const Tnum a_bits = a.bits.cast(width), b_bits = b.bits.cast(width);
  if (!arithmetic.both_sides && !(arithmetic.const_left && a_bits.is_const()) && !b_bits.is_const())
    return std::nullopt;
  switch (operation) {
    case Operation::eq:
      if (a_bits.is_const() && b_bits.is_const()) return a_bits.value == b_bits.value;
      if (!arithmetic.range_equality) return std::nullopt;
      if ((arithmetic.tnum_overlap && !a_bits.overlaps(b_bits)) || (width == W && disjoint(a.full, b.full)) ||
          disjoint(a.low, b.low))
        return false;
      return std::nullopt;
    case Operation::ne: {
      const std::optional<bool> equal = compare(Operation::eq, width, a, b, arithmetic);
      return equal ? std::optional<bool>(!*equal) : std::nullopt;
    }
    case Operation::set: {
      if (!a_bits.is_const() && !b_bits.is_const()) return std::nullopt;
      const Tnum both = a_bits & b_bits;
      if (both.value != 0) return true;
      return both.mask == 0 ? std::optional<bool>(false) : std::nullopt;
    }
    default:
      return width == W ? compare_order(operation, a.full, b.full) : compare_order(operation, a.low, b.low);
  }
}

template <unsigned W>
bool assume(isa::Operation operation, unsigned width, bool holds, BasicScalar<W>& a, BasicScalar<W>& b,
            const Arithmetic& arithmetic) {
  using namespace scalar_detail;
  const bool full = width == W;
  const bool a_const = is_const(a, width), b_const = is_const(b, width);
  if (operation == Operation::set) {
    if (b_const)
      assume_bits(holds, width, a, b.bits.cast(width).value, arithmetic);
    else if (a_const)
      assume_bits(holds, width, b, a.bits.cast(width).value, arithmetic);
  } else {
    const Operation fact = holds ? operation : opposite(operation);
    const bool refines = arithmetic.both_sides || a_const || b_const;
    if (fact == Operation::eq) {
      if (full) {
        assume_equal(a.full, b.full);
        a.bits = b.bits = intersect(a.bits, b.bits);
      } else {
        assume_equal(a.low, b.low);
        const Tnum low = intersect(a.bits.cast(width), b.bits.cast(width));
        a.bits = a.bits.with_low(low, width);
        b.bits = b.bits.with_low(low, width);
      }
    } else if (fact == Operation::ne) {
      BasicScalar<W>& variable = b_const ? a : b;
      const std::uint64_t value = (b_const ? b : a).bits.cast(width).value;
      if ((a_const || b_const) && arithmetic.both_sides)
        full ? exclude(variable.full, value) : exclude(variable.low, value);
    } else if (refines) {
      full ? assume_order(fact, a.full, b.full) : assume_order(fact, a.low, b.low);
    }
  }
  sync(a, arithmetic);
  sync(b, arithmetic);
  return a.is_sane() && b.is_sane();
}

template <unsigned W>
unsigned forks_sign_mask(isa::Operation operation, const BasicScalar<W>& dst, const BasicScalar<W>& src,
                         const Arithmetic& arithmetic) {
  if (!arithmetic.fork_sign_masks || !src.bits.is_const()) return 0;
  if (operation != isa::Operation::and_ && operation != isa::Operation::or_) return 0;
  if (dst.full.smin == -1 && dst.full.smax == 0) return W;
  return dst.low.smin == -1 && dst.low.smax == 0 ? W / 2 : 0;
}

}  // namespace skep::verify
