// Tristate numbers: what is known of each bit of a value. A bit is 0, 1 or unknown; the abstract operations
// below give the bits that hold for every pair of concrete operands.
//
// Algorithms: H. Vishwanathan, M. Shachnai, S. Narayana, S. Nagarakatte, "Sound, Precise, and Fast Abstract
// Interpretation with Tristate Numbers", CGO 2022. Every operation works on 64 bits; narrower ones are the
// same operation followed by cast(), because none of them moves knowledge from high bits to low ones.
#pragma once

#include <bit>
#include <cstdint>

namespace skep::verify {

// The low `count` bits set, 0 to 64.
constexpr std::uint64_t low_bits(unsigned count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

struct Tnum {
  std::uint64_t value = 0;  // of the known bits; 0 where mask is set
  std::uint64_t mask = 0;   // the unknown bits

  bool operator==(const Tnum&) const = default;

  static constexpr Tnum constant(std::uint64_t value) { return {value, 0}; }
  // Nothing is known of the low `bits` bits, the others are 0.
  static constexpr Tnum unknown(unsigned bits = 64) { return {0, low_bits(bits)}; }
  // The best tnum that holds every value from `min` to `max` (unsigned, min <= max).
  static constexpr Tnum range(std::uint64_t min, std::uint64_t max) {
    const std::uint64_t open = low_bits(static_cast<unsigned>(std::bit_width(min ^ max)));
    return {min & ~open, open};
  }

  constexpr bool is_const() const { return mask == 0; }
  constexpr std::uint64_t min() const { return value; }
  constexpr std::uint64_t max() const { return value | mask; }
  constexpr bool contains(std::uint64_t concrete) const { return (concrete & ~mask) == value; }
  // Does every value of `other` belong to this one?
  constexpr bool contains(Tnum other) const { return (other.mask & ~mask) == 0 && contains(other.value); }
  // Is there a value that belongs to both?
  constexpr bool overlaps(Tnum other) const { return ((value ^ other.value) & ~mask & ~other.mask) == 0; }
  constexpr bool is_aligned(std::uint64_t power_of_two) const { return (max() & (power_of_two - 1)) == 0; }
  // The low `bits` bits, the others 0.
  constexpr Tnum cast(unsigned bits) const { return {value & low_bits(bits), mask & low_bits(bits)}; }
  // The bits from `bits` on, those below 0.
  constexpr Tnum without_low(unsigned bits) const {
    return {value & ~low_bits(bits), mask & ~low_bits(bits)};
  }
  // This one with its low `bits` bits replaced.
  constexpr Tnum with_low(Tnum low, unsigned bits) const {
    return {(value & ~low_bits(bits)) | (low.value & low_bits(bits)),
            (mask & ~low_bits(bits)) | (low.mask & low_bits(bits))};
  }
};

// What both say. Where they contradict each other the bit becomes a known 1.
constexpr Tnum intersect(Tnum a, Tnum b) {
  const std::uint64_t mask = a.mask & b.mask;
  return {(a.value | b.value) & ~mask, mask};
}
// The best tnum that holds all values of both.
constexpr Tnum join(Tnum a, Tnum b) {
  const std::uint64_t mask = a.mask | b.mask | (a.value ^ b.value);
  return {a.value & ~mask, mask};
}

constexpr Tnum operator&(Tnum a, Tnum b) {
  const std::uint64_t ones = a.value & b.value;
  return {ones, a.max() & b.max() & ~ones};
}
constexpr Tnum operator|(Tnum a, Tnum b) {
  const std::uint64_t ones = a.value | b.value;
  return {ones, (a.mask | b.mask) & ~ones};
}
constexpr Tnum operator^(Tnum a, Tnum b) {
  const std::uint64_t mask = a.mask | b.mask;
  return {(a.value ^ b.value) & ~mask, mask};
}

// A sum's bit is unknown where an operand's is, or where the carry into it differs between the smallest and
// the largest sum (paper, section 3.1).
constexpr Tnum operator+(Tnum a, Tnum b) {
  const std::uint64_t least = a.value + b.value, most = a.max() + b.max();
  const std::uint64_t mask = (least ^ most) | a.mask | b.mask;
  return {least & ~mask, mask};
}
constexpr Tnum operator-(Tnum a, Tnum b) {
  const std::uint64_t most = a.max() - b.value, least = a.value - b.max();
  const std::uint64_t mask = (least ^ most) | a.mask | b.mask;
  return {(a.value - b.value) & ~mask, mask};
}
constexpr Tnum operator-(Tnum a) { return Tnum::constant(0) - a; }

// Shifts by a known count below the width.
constexpr Tnum operator<<(Tnum a, unsigned count) { return {a.value << count, a.mask << count}; }
constexpr Tnum operator>>(Tnum a, unsigned count) { return {a.value >> count, a.mask >> count}; }
// The sign bit of a `width`-bit number, known or not, is repeated.
constexpr Tnum arithmetic_shift_right(Tnum a, unsigned count, unsigned width) {
  const unsigned up = 64 - width;
  const auto shift = [&](std::uint64_t bits) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << up) >> (up + count)) &
           low_bits(width);
  };
  return {shift(a.value), shift(a.mask)};
}
// Bits above `from` become copies of bit from - 1, up to `width`.
constexpr Tnum sign_extend(Tnum a, unsigned from, unsigned width) {
  const unsigned up = 64 - from;
  const auto extend = [&](std::uint64_t bits) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << up) >> up) & low_bits(width);
  };
  return {extend(a.value), extend(a.mask)};
}

// Products (paper, section 3.3): the known bits' product plus, for each bit of `a` that may be set, what is
// uncertain of `b` there. Since Linux 6.18 an unknown bit of `a` joins the two outcomes (b added or not)
// instead, which keeps more: `joined`.
constexpr Tnum multiply(Tnum a, Tnum b, bool joined) {
  if (joined) {
    Tnum sum = Tnum::constant(0);
    for (; a.value != 0 || a.mask != 0; a = a >> 1, b = b << 1) {
      if ((a.value & 1) != 0)
        sum = sum + b;
      else if ((a.mask & 1) != 0)
        sum = join(sum, sum + b);
    }
    return sum;
  }
  const Tnum known = Tnum::constant(a.value * b.value);
  Tnum uncertain = Tnum::constant(0);
  for (; a.value != 0 || a.mask != 0; a = a >> 1, b = b << 1) {
    if ((a.value & 1) != 0)
      uncertain = uncertain + Tnum{0, b.mask};
    else if ((a.mask & 1) != 0)
      uncertain = uncertain + Tnum{0, b.max()};
  }
  return known + uncertain;
}

}  // namespace skep::verify
