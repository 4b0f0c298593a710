// The 64-bit scalar: instances of the operations, the rules of each kernel, and its text in the log.
#include "skep/verify/scalar.h"

#include <fmt/format.h>

#include "skep/verify/scalar_ops.h"

namespace skep::verify {

template struct BasicScalar<64>;
template void sync(Scalar&, const Arithmetic&);
template Scalar alu(isa::Operation, unsigned, const Scalar&, const Scalar&, const Arithmetic&);
template Scalar zero_extend(const Scalar&, unsigned, const Arithmetic&);
template Scalar sign_extend(const Scalar&, unsigned, unsigned, const Arithmetic&);
template Scalar with_low_const(const Scalar&, std::uint64_t);
template Scalar join(const Scalar&, const Scalar&);
template std::optional<bool> compare(isa::Operation, unsigned, const Scalar&, const Scalar&,
                                     const Arithmetic&);
template bool assume(isa::Operation, unsigned, bool, Scalar&, Scalar&, const Arithmetic&);
template unsigned forks_sign_mask(isa::Operation, const Scalar&, const Scalar&, const Arithmetic&);

namespace {

struct ArithmeticRow {
  bool Arithmetic::* rule;
  std::uint16_t since;  // major << 8 | minor
};

constexpr ArithmeticRow rows[] = {
    {&Arithmetic::const_left, 6 << 8 | 4},       {&Arithmetic::range_equality, 6 << 8 | 4},
    {&Arithmetic::low_from_full, 6 << 8 | 8},    {&Arithmetic::both_sides, 6 << 8 | 8},
    {&Arithmetic::signed_logic, 6 << 8 | 10},    {&Arithmetic::sign_extended, 6 << 8 | 10},
    {&Arithmetic::signed_mul, 6 << 8 | 14},      {&Arithmetic::overflowing_add, 6 << 8 | 17},
    {&Arithmetic::split_ranges, 6 << 8 | 12},  // 6.17, taken up by 6.12's stable series
    {&Arithmetic::negate, 6 << 8 | 17},          {&Arithmetic::joined_mul, 6 << 8 | 18},
    {&Arithmetic::fork_sign_masks, 6 << 8 | 12},  // stable series too, as the two below
    {&Arithmetic::swapped_bits, 6 << 8 | 18},    {&Arithmetic::tnum_overlap, 6 << 8 | 12},
    {&Arithmetic::unset_forgets, 6 << 8 | 12},
};

}  // namespace

Arithmetic arithmetic_of(std::uint16_t version) {
  Arithmetic arithmetic;
  for (const ArithmeticRow& row : rows) arithmetic.*row.rule = version >= row.since;
  return arithmetic;
}

Scalar swap_bytes(const Scalar& from, unsigned bits, const Arithmetic& arithmetic) {
  if (!arithmetic.swapped_bits) return {};
  const auto swapped = [&](std::uint64_t value) { return __builtin_bswap64(value) >> (64 - bits); };
  Scalar result;
  result.bits = {swapped(from.bits.value), swapped(from.bits.mask)};
  sync(result, arithmetic);
  return result;
}

namespace {

std::string number(std::uint64_t value) {
  return value <= 0xffff ? fmt::format("{}", value) : fmt::format("{:#x}", value);
}
bool is_short(std::int64_t value) { return value >= -0x8000 && value <= 0x7fff; }
std::string signed_number(std::int64_t value) {
  return is_short(value) ? fmt::format("{}", value) : fmt::format("{:#x}", static_cast<std::uint64_t>(value));
}

}  // namespace

std::string print(Tnum bits) {
  if (bits.is_const()) return number(bits.value);
  return bits.value == 0 ? fmt::format("(0x0; {:#x})", bits.mask)
                         : fmt::format("({:#x}; {:#x})", bits.value, bits.mask);
}

// Bounds that are equal are written once: "smin=umin=smin32=umin32=1". Only bounds of the same end, and no
// negative number with a non-negative one; long negative numbers of 32 bits are written in 32.
std::string print_bounds(const Scalar& scalar) {
  const auto low_signed = [](std::int32_t value) {
    return is_short(value) ? static_cast<std::uint64_t>(std::int64_t{value})
                           : static_cast<std::uint32_t>(value);
  };
  struct Bound {
    std::string_view name;
    std::uint64_t value;
    bool silent;
    bool is_signed;
  };
  const Scalar unknown;
  Bound bounds[] = {
      {"smin", static_cast<std::uint64_t>(scalar.full.smin), scalar.full.smin == unknown.full.smin, true},
      {"smax", static_cast<std::uint64_t>(scalar.full.smax), scalar.full.smax == unknown.full.smax, true},
      {"umin", scalar.full.umin, scalar.full.umin == unknown.full.umin, false},
      {"umax", scalar.full.umax, scalar.full.umax == unknown.full.umax, false},
      {"smin32", low_signed(scalar.low.smin), scalar.low.smin == unknown.low.smin, true},
      {"smax32", low_signed(scalar.low.smax), scalar.low.smax == unknown.low.smax, true},
      {"umin32", scalar.low.umin, scalar.low.umin == unknown.low.umin, false},
      {"umax32", scalar.low.umax, scalar.low.umax == unknown.low.umax, false},
  };
  const auto negative = [](const Bound& bound) {
    return bound.is_signed && static_cast<std::int64_t>(bound.value) < 0;
  };
  std::string text;
  for (std::size_t i = 0; i < std::size(bounds); i++) {
    Bound& first = bounds[i];
    if (first.silent) continue;
    if (!text.empty()) text += ',';
    text += fmt::format("{}=", first.name);
    for (std::size_t j = i + 2; j < std::size(bounds); j += 2) {
      Bound& same = bounds[j];
      if (same.silent || same.value != first.value || negative(same) != negative(first)) continue;
      same.silent = true;
      text += fmt::format("{}=", same.name);
    }
    text += first.is_signed ? signed_number(static_cast<std::int64_t>(first.value)) : number(first.value);
  }
  return text;
}

std::string print(const Scalar& scalar) {
  if (scalar.is_const()) return signed_number(static_cast<std::int64_t>(scalar.value()));
  std::string text = print_bounds(scalar);
  if (scalar.bits != Tnum::unknown()) {
    if (!text.empty()) text += ',';
    text += "var_off=" + print(scalar.bits);
  }
  return text;
}

}  // namespace skep::verify
