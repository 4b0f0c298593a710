// Division by a constant as a multiplication: the multipliers of Granlund and Montgomery, "Division by
// Invariant Integers using Multiplication" (PLDI 1994), sections 4 and 5. Exact for every dividend.
#pragma once

#include <bit>
#include <cstdint>

namespace skep::jit {

// Unsigned: q = (high(n >> pre, multiplier) >> post); with `add`: t = high(n, multiplier),
// q = (((n - t) >> 1) + t) >> (post - 1). `high` is the upper half of the product of two `bits`-bit numbers.
struct UnsignedMagic {
  std::uint64_t multiplier = 0;
  std::uint8_t pre = 0, post = 0;
  bool add = false;
};

// Signed: h = high(n, multiplier) (both signed) [+ n where `add`], q = (h >> post) - (n >> (bits - 1));
// negated for negative divisors. `multiplier` is the unsigned value; `add`: it does not fit the signed range
// and stands for multiplier - 2^bits.
struct SignedMagic {
  std::uint64_t multiplier = 0;
  std::uint8_t post = 0;
  bool add = false;
};

namespace magic {

__extension__ using Wide = unsigned __int128;

struct Choice {
  Wide multiplier = 0;
  unsigned post = 0, log = 0;
};

// d in 2 .. 2^(bits - 1).
constexpr Choice choose(std::uint64_t d, unsigned bits, unsigned precision) {
  Choice c;
  c.log = c.post = static_cast<unsigned>(64 - std::countl_zero(d - 1));
  Wide low = (Wide{1} << (bits + c.log)) / d;
  Wide high = ((Wide{1} << (bits + c.log)) + (Wide{1} << (bits + c.log - precision))) / d;
  while (low >> 1 < high >> 1 && c.post > 0) {
    low >>= 1;
    high >>= 1;
    c.post--;
  }
  c.multiplier = high;
  return c;
}

}  // namespace magic

// d: 3 .. 2^(bits - 1), no power of two.
constexpr UnsignedMagic unsigned_magic(std::uint64_t d, unsigned bits) {
  UnsignedMagic m;
  magic::Choice c = magic::choose(d, bits, bits);
  if (c.multiplier >> bits && d % 2 == 0) {
    m.pre = static_cast<std::uint8_t>(std::countr_zero(d));
    c = magic::choose(d >> m.pre, bits, bits - m.pre);
  }
  m.add = (c.multiplier >> bits) != 0;
  m.multiplier = static_cast<std::uint64_t>(m.add ? c.multiplier - (magic::Wide{1} << bits) : c.multiplier);
  m.post = static_cast<std::uint8_t>(c.post);
  return m;
}

// d: the divisor's absolute value, 3 .. 2^(bits - 1) - 1, no power of two.
constexpr SignedMagic signed_magic(std::uint64_t d, unsigned bits) {
  const magic::Choice c = magic::choose(d, bits, bits - 1);
  SignedMagic m;
  m.multiplier = static_cast<std::uint64_t>(c.multiplier);
  m.post = static_cast<std::uint8_t>(c.post);
  m.add = (c.multiplier >> (bits - 1)) != 0;
  return m;
}

static_assert(unsigned_magic(3, 32).multiplier == 0xaaaaaaab && unsigned_magic(3, 32).post == 1);
static_assert(unsigned_magic(7, 32).add && unsigned_magic(10, 64).multiplier == 0xcccccccccccccccd);

}  // namespace skep::jit
