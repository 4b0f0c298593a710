// Numbers of 6 bits whose low half has 3: small enough to look at every one of them.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "skep/verify/scalar_ops.h"

namespace skep::verify::small {

inline constexpr unsigned width = 6, half = 3;
using Small = BasicScalar<width>;
using Set = std::uint64_t;  // bit n: the number n
inline constexpr std::uint64_t all = low_bits(width);

inline bool holds(Set set, std::uint64_t value) { return (set >> value & 1) != 0; }

// The numbers that satisfy all three views; what Small::contains says of each.
inline Set concrete(const Small& s) {
  static const auto of_bits = [] {
    std::array<std::array<Set, 64>, 64> table{};
    for (std::uint64_t value = 0; value <= all; value++)
      for (std::uint64_t mask = 0; mask <= all; mask++)
        for (std::uint64_t x = 0; x <= all; x++)
          if (Tnum{value, mask}.contains(x)) table[value][mask] |= Set{1} << x;
    return table;
  }();
  const auto interval = [](std::uint64_t min, std::uint64_t max) {
    return min > max ? Set{0} : low_bits(static_cast<unsigned>(max - min + 1)) << min;
  };
  Set set = of_bits[s.bits.value & all][s.bits.mask & all] & interval(s.full.umin, s.full.umax);
  // Signed bounds as a row of 64 that begins with the least number, turned back.
  const Set turned =
      interval(static_cast<std::uint64_t>(s.full.smin + 32), static_cast<std::uint64_t>(s.full.smax + 32));
  set &= turned >> 32 | turned << 32;
  const Set low = interval(s.low.umin, s.low.umax) & 0xff;
  const Set low_turned =
      interval(static_cast<std::uint64_t>(s.low.smin + 4), static_cast<std::uint64_t>(s.low.smax + 4)) & 0xff;
  return set & (low & (low_turned >> 4 | low_turned << 4) & 0xff) * 0x0101010101010101;
}

inline std::string text(const Small& s) {
  return fmt::format("bits ({:#x}; {:#x}) u [{}, {}] s [{}, {}] low u [{}, {}] s [{}, {}]", s.bits.value,
                     s.bits.mask, s.full.umin, s.full.umax, s.full.smin, s.full.smax, s.low.umin, s.low.umax,
                     s.low.smin, s.low.smax);
}

struct Value {
  Small abstract;
  Set set;
};

// Each synced, once, without the empty ones. `exact`: sync may not lose precision either.
inline std::vector<Value> synced(const std::vector<Small>& list, bool exact) {
  std::vector<Value> result;
  for (const Small& unsynced : list) {
    Small s = unsynced;
    sync(s);
    const Set set = concrete(unsynced);
    if (set == 0) continue;
    result.push_back({s, concrete(s)});
    EXPECT_EQ(set & ~result.back().set, 0u) << "sync lost a number: " << text(unsynced);
    if (exact) {
      EXPECT_EQ(result.back().set, set) << "sync invented a number: " << text(unsynced);
    }
  }
  const auto key = [](const Value& v) {
    const Small& s = v.abstract;
    return std::tuple(s.bits.value, s.bits.mask, s.full.umin, s.full.umax, s.full.smin, s.full.smax,
                      s.low.umin, s.low.umax, s.low.smin, s.low.smax);
  };
  std::sort(result.begin(), result.end(), [&](const Value& a, const Value& b) { return key(a) < key(b); });
  result.erase(std::unique(result.begin(), result.end(),
                           [&](const Value& a, const Value& b) { return key(a) == key(b); }),
               result.end());
  return result;
}

inline std::vector<Small> all_tnums() {
  std::vector<Small> list;
  for (std::uint64_t mask = 0; mask <= all; mask++)
    for (std::uint64_t value = 0; value <= all; value++)
      if ((value & mask) == 0) {
        Small s;
        s.bits = {value, mask};
        list.push_back(s);
      }
  return list;
}

// All tnums, all unsigned and all signed intervals of the whole and of the low half, each view synced with
// what it says of the others.
inline const std::vector<Value>& values() {
  static const std::vector<Value> made = [] {
    std::vector<Small> list = all_tnums();
    for (std::uint64_t min = 0; min <= all; min++)
      for (std::uint64_t max = min; max <= all; max++) {
        Small s;
        scalar_detail::meet_unsigned(s.full, min, max);
        list.push_back(s);
        Small t;
        scalar_detail::meet_signed(t.full, min - 32, max - 32);
        list.push_back(t);
      }
    for (std::uint64_t min = 0; min < 8; min++)
      for (std::uint64_t max = min; max < 8; max++) {
        Small s;
        scalar_detail::meet_unsigned(s.low, min, max);
        list.push_back(s);
        Small t;
        scalar_detail::meet_signed(t.low, min - 4, max - 4);
        list.push_back(t);
      }
    return synced(list, true);
  }();
  return made;
}

// SKEP_EXHAUSTIVE=N: every Nth; without it every `usual`th.
inline std::uint64_t exhaustive_step(std::uint64_t usual) {
  const char* wanted = std::getenv("SKEP_EXHAUSTIVE");
  if (wanted == nullptr) return usual;
  const int step = std::atoi(wanted);
  return step < 1 ? 1 : static_cast<std::uint64_t>(step);
}

inline std::int64_t as_signed(std::uint64_t value, unsigned bits) {
  return static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);
}

// What a comparison of two numbers says.
inline bool holds(isa::Operation operation, unsigned bits, std::uint64_t a, std::uint64_t b) {
  using isa::Operation;
  a &= low_bits(bits);
  b &= low_bits(bits);
  const std::int64_t sa = as_signed(a, bits), sb = as_signed(b, bits);
  switch (operation) {
    case Operation::eq: return a == b;
    case Operation::ne: return a != b;
    case Operation::gt: return a > b;
    case Operation::ge: return a >= b;
    case Operation::lt: return a < b;
    case Operation::le: return a <= b;
    case Operation::sgt: return sa > sb;
    case Operation::sge: return sa >= sb;
    case Operation::slt: return sa < sb;
    case Operation::sle: return sa <= sb;
    case Operation::set: return (a & b) != 0;
    default: ADD_FAILURE() << "not a comparison"; return false;
  }
}

inline constexpr isa::Operation comparisons[] = {
    isa::Operation::eq,  isa::Operation::ne,  isa::Operation::gt,  isa::Operation::ge,
    isa::Operation::lt,  isa::Operation::le,  isa::Operation::sgt, isa::Operation::sge,
    isa::Operation::slt, isa::Operation::sle, isa::Operation::set};
inline constexpr std::uint16_t kernels[] = {6 << 8 | 1, 6 << 8 | 8, 6 << 8 | 12, 6 << 8 | 18};

}  // namespace skep::verify::small
