// The abstract operations held against the concrete ones, on 6-bit numbers whose low half has 3 bits: every
// abstract result must hold the concrete results of all pairs of concrete operands.
//
// The pairs are those of small::values(). By default a sample of a fixed step is checked; SKEP_EXHAUSTIVE=N
// checks every Nth pair, 1 all of them (an hour). Comparisons: comparison_test.cpp.
#include "skep/verify/scalar.h"

#include <gtest/gtest.h>

#include <random>

#include "small.h"

namespace skep::verify {
namespace {

using isa::Operation;
using namespace small;

// Calls check(a, b) for the pairs of the sample; at most a few failures are reported.
template <class Check>
void for_pairs(unsigned salt, Check check) {
  const std::vector<Value>& list = values();
  const std::uint64_t step = exhaustive_step(4999);
  const std::uint64_t pairs = std::uint64_t{list.size()} * list.size();
  for (std::uint64_t at = salt % step; at < pairs; at += step) {
    const Value &a = list[at / list.size()], &b = list[at % list.size()];
    check(a, b);
    if (::testing::Test::HasFailure()) return;
  }
}

std::uint64_t run(Operation operation, unsigned bits, std::uint64_t a, std::uint64_t b) {
  a &= low_bits(bits);
  b &= low_bits(bits);
  const std::int64_t sa = as_signed(a, bits), sb = as_signed(b, bits);
  std::uint64_t result = 0;
  switch (operation) {
    case Operation::add: result = a + b; break;
    case Operation::sub: result = a - b; break;
    case Operation::mul: result = a * b; break;
    case Operation::div: result = b == 0 ? 0 : a / b; break;
    case Operation::mod: result = b == 0 ? a : a % b; break;
    case Operation::sdiv: result = b == 0 ? 0 : static_cast<std::uint64_t>(sa / sb); break;
    case Operation::smod: result = b == 0 ? a : static_cast<std::uint64_t>(sa % sb); break;
    case Operation::and_: result = a & b; break;
    case Operation::or_: result = a | b; break;
    case Operation::xor_: result = a ^ b; break;
    // The hardware takes the count modulo a power of two; any answer is allowed beyond the width.
    case Operation::lsh: result = a << (b % bits); break;
    case Operation::rsh: result = a >> (b % bits); break;
    case Operation::arsh: result = static_cast<std::uint64_t>(sa >> (b % bits)); break;
    case Operation::neg: result = -a; break;
    default: ADD_FAILURE() << "not an ALU operation";
  }
  return result & low_bits(bits);
}

constexpr Operation alu_operations[] = {Operation::add,  Operation::sub,  Operation::mul,  Operation::div,
                                        Operation::mod,  Operation::sdiv, Operation::smod, Operation::and_,
                                        Operation::or_,  Operation::xor_, Operation::lsh,  Operation::rsh,
                                        Operation::arsh, Operation::neg};
TEST(Scalar, SyncKeepsEveryValueOfEveryView) { EXPECT_GT(values().size(), 3000u); }

TEST(Scalar, AluIsSound) {
  unsigned salt = 0;
  for (const std::uint16_t kernel : kernels)
    for (const unsigned bits : {width, half})
      for (const Operation operation : alu_operations) {
        const Arithmetic arithmetic = arithmetic_of(kernel);
        for_pairs(salt++, [&](const Value& a, const Value& b) {
          const Small result = alu(operation, bits, a.abstract, b.abstract, arithmetic);
          const Set possible = concrete(result);
          if (possible == ~Set{0}) return;
          for (std::uint64_t x = 0; x <= all; x++) {
            if (!holds(a.set, x)) continue;
            for (std::uint64_t y = 0; y <= all; y++)
              if (holds(b.set, y) && !holds(possible, run(operation, bits, x, y)))
                FAIL() << "operation " << static_cast<int>(operation) << " of " << bits << " bits, kernel "
                       << kernel << ": " << x << ", " << y << " -> " << run(operation, bits, x, y) << "\n"
                       << text(a.abstract) << "\n"
                       << text(b.abstract) << "\n"
                       << text(result);
          }
        });
        if (HasFailure()) return;
      }
}

TEST(Scalar, ConstantsStayConstant) {
  for (const unsigned bits : {width, half})
    for (const Operation operation :
         {Operation::add, Operation::sub, Operation::mul, Operation::and_, Operation::or_, Operation::xor_,
          Operation::neg, Operation::lsh, Operation::rsh, Operation::arsh})
      for (std::uint64_t a = 0; a <= all; a++)
        for (std::uint64_t b = 0; b <= all; b++) {
          const bool shift =
              operation == Operation::lsh || operation == Operation::rsh || operation == Operation::arsh;
          if (shift && b >= bits) continue;
          const Small result = alu(operation, bits, Small::constant(a), Small::constant(b));
          ASSERT_EQ(result, Small::constant(run(operation, bits, a, b)))
              << static_cast<int>(operation) << " " << a << " " << b << text(result);
        }
}

TEST(Scalar, OrderOfTwoIntervalsIsDecidedWhenItCanBe) {
  // Unsigned and signed intervals are where the comparison is exact.
  for (std::uint64_t a_min = 0; a_min <= all; a_min += 3)
    for (std::uint64_t a_max = a_min; a_max <= all; a_max += 5)
      for (std::uint64_t b_min = 0; b_min <= all; b_min += 3)
        for (std::uint64_t b_max = b_min; b_max <= all; b_max += 5) {
          const Small a = Small::between(a_min, a_max), b = Small::between(b_min, b_max);
          const std::optional<bool> less = compare(Operation::lt, width, a, b);
          ASSERT_EQ(less.has_value(), a_max < b_min || a_min >= b_max);
        }
}

TEST(Scalar, ExtensionsAreSound) {
  for (const std::uint16_t kernel : kernels)
    for (const Value& value : values())
      for (unsigned bits = 1; bits <= half; bits++) {
        const Arithmetic arithmetic = arithmetic_of(kernel);
        const Set zero = concrete(zero_extend(value.abstract, bits, arithmetic));
        const Set sign = concrete(sign_extend(value.abstract, bits, width, arithmetic));
        const Set sign_low = concrete(sign_extend(value.abstract, bits, half, arithmetic));
        const Set known = concrete(with_low_const(value.abstract, 5));
        for (std::uint64_t x = 0; x <= all; x++) {
          if (!holds(value.set, x)) continue;
          const auto extended = static_cast<std::uint64_t>(as_signed(x, bits));
          ASSERT_TRUE(holds(zero, x & low_bits(bits))) << text(value.abstract);
          ASSERT_TRUE(holds(sign, extended & all)) << text(value.abstract);
          ASSERT_TRUE(holds(sign_low, extended & low_bits(half))) << text(value.abstract);
          ASSERT_TRUE((x & 7) != 5 || holds(known, x));
        }
      }
}

TEST(Scalar, SwappedBytesAreSound) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; i++) {
    Scalar s;
    s.bits.mask = random() & random();
    s.bits.value = random() & ~s.bits.mask;
    sync(s);
    const std::uint64_t value = s.bits.value | (random() & s.bits.mask);
    ASSERT_TRUE(s.contains(value));
    EXPECT_TRUE(swap_bytes(s, 64).contains(__builtin_bswap64(value)));
    EXPECT_TRUE(swap_bytes(s, 32).contains(__builtin_bswap32(static_cast<std::uint32_t>(value))));
    EXPECT_TRUE(swap_bytes(s, 16).contains(__builtin_bswap16(static_cast<std::uint16_t>(value))));
  }
  // As the log of 6.18 has them.
  Scalar s;
  s.bits = {0x12345600, 0xf0};
  sync(s);
  EXPECT_EQ(print(swap_bytes(s, 32)),
            "smin=umin=umin32=0x563412,smax=umax=umax32=0xf0563412,smin32=0x80563412,smax32=0x70563412,"
            "var_off=(0x563412; 0xf0000000)");
  EXPECT_EQ(print(swap_bytes(Scalar::constant(5), 16)), "1280");
  EXPECT_TRUE(swap_bytes(Scalar::constant(5), 16, arithmetic_of(6 << 8 | 12)).is_unknown());
}

TEST(Scalar, OrderAndJoin) {
  for_pairs(7, [&](const Value& a, const Value& b) {
    if (a.abstract.contains(b.abstract) && (b.set & ~a.set) != 0) FAIL() << "contains";
    const Small both = join(a.abstract, b.abstract);
    if (((a.set | b.set) & ~concrete(both)) != 0) FAIL() << "join";
    if (!both.contains(a.abstract) || !both.contains(b.abstract)) FAIL() << "join is not above";
    if ((a.abstract == b.abstract) && a.set != b.set) FAIL();
  });
}

// The same on 64 bits, with random operands from random intervals and masks.
TEST(Scalar, SixtyFourBitsSampled) {
  std::mt19937_64 random(20240607);
  const auto pick = [&]() -> std::pair<Scalar, std::uint64_t> {
    const std::uint64_t raw = random();
    const std::uint64_t value = static_cast<std::uint64_t>(static_cast<std::int64_t>(raw) >> (random() % 64));
    Scalar s;
    switch (random() % 5) {
      case 0: s = Scalar::constant(value); break;
      case 1: s.bits = {value & ~(raw * 3), raw * 3}; break;
      case 2: {
        const std::uint64_t below = value - std::min(value, raw >> (random() % 64));
        const std::uint64_t room = ~std::uint64_t{0} - value;
        s.full.umin = below;
        s.full.umax = value + std::min(room, random() >> (random() % 64));
        break;
      }
      case 3:
        s.low.umin = static_cast<std::uint32_t>(value) / 2;
        s.low.umax = static_cast<std::uint32_t>(value) | 0xff;
        break;
      default: break;
    }
    sync(s);
    return {s, value};
  };
  for (int i = 0; i < 20000; i++) {
    const auto [a, x] = pick();
    const auto [b, y] = pick();
    ASSERT_TRUE(a.contains(x)) << print(a) << " " << x;
    for (const unsigned bits : {64u, 32u}) {
      for (const Operation operation : alu_operations) {
        if ((operation == Operation::sdiv || operation == Operation::smod) && as_signed(y, bits) == -1)
          continue;
        if ((operation == Operation::lsh || operation == Operation::rsh || operation == Operation::arsh) &&
            (y & low_bits(bits)) >= bits)
          continue;
        const Scalar result = alu(operation, bits, a, b);
        ASSERT_TRUE(result.contains(run(operation, bits, x, y)))
            << static_cast<int>(operation) << " " << bits << " " << print(a) << " " << print(b);
      }
      for (const Operation operation : comparisons) {
        const bool truth = holds(operation, bits, x, y);
        const auto answer = compare(operation, bits, a, b);
        ASSERT_TRUE(!answer || *answer == truth);
        Scalar after_a = a, after_b = b;
        ASSERT_TRUE(assume(operation, bits, truth, after_a, after_b));
        ASSERT_TRUE(after_a.contains(x) && after_b.contains(y))
            << static_cast<int>(operation) << " " << bits << " " << print(a) << " " << print(b);
      }
    }
    for (const unsigned bits : {8u, 16u, 32u}) {
      ASSERT_TRUE(zero_extend(a, bits).contains(x & low_bits(bits)));
      ASSERT_TRUE(sign_extend(a, bits, 64).contains(static_cast<std::uint64_t>(as_signed(x, bits))));
      ASSERT_TRUE(
          sign_extend(a, bits, 32).contains(static_cast<std::uint64_t>(as_signed(x, bits)) & low_bits(32)));
    }
  }
}

TEST(Tnum, SmallLaws) {
  EXPECT_EQ(Tnum::range(8, 15), (Tnum{8, 7}));
  EXPECT_EQ(Tnum::range(0, ~std::uint64_t{0}), Tnum::unknown());
  EXPECT_TRUE((Tnum{0, 6}).is_aligned(2));
  EXPECT_FALSE((Tnum{0, 7}).is_aligned(2));
  EXPECT_TRUE(Tnum::unknown().contains(Tnum{4, 3}));
  EXPECT_FALSE((Tnum{4, 3}).contains(Tnum::unknown()));
  // Joined products are never worse (Linux 6.18), and sometimes better.
  bool better = false;
  for (std::uint64_t mask = 0; mask < 16; mask++)
    for (std::uint64_t value = 0; value < 16; value++) {
      if ((mask & value) != 0) continue;
      const Tnum a{value, mask};
      const Tnum old = multiply(a, {2, 5}, false), joined = multiply(a, {2, 5}, true);
      better = better || (old.contains(joined) && !joined.contains(old));
    }
  EXPECT_TRUE(better);
}

// The kernel's own texts (log level 2, Linux 6.12 and 6.18).
TEST(Scalar, PrintsAsTheLog) {
  EXPECT_EQ(print(Scalar::unknown()), "");
  EXPECT_EQ(print(Scalar::constant(~std::uint64_t{0})), "-1");
  EXPECT_EQ(print(Scalar::constant(0x12345678)), "0x12345678");
  EXPECT_EQ(print(zero_extend(Scalar::unknown(), 8)),
            "smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff)");
  EXPECT_EQ(print(zero_extend(Scalar::unknown(), 32)),
            "smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff)");
  EXPECT_EQ(print(Scalar::between_signed(-4095, 0)), "smin=smin32=-4095,smax=smax32=0");
  Scalar a, limit = Scalar::constant(10);
  assume(Operation::gt, 64, true, a, limit);
  EXPECT_EQ(print(a), "umin=11");
}

}  // namespace
}  // namespace skep::verify
