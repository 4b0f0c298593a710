// What the arithmetic of RFC 9669 sections 4.1 to 4.3 computes, for 32 and 64 bits. Division by zero gives 0,
// remainder by zero the dividend, shifts use as many bits as the width has; signed overflow wraps.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace skep::vm::alu {

template <class T>
using Signed = std::make_signed_t<T>;
template <class T>
inline constexpr T shift_mask = static_cast<T>(sizeof(T) * 8 - 1);

// T is std::uint32_t or std::uint64_t.
template <class T>
constexpr T add(T a, T b) {
  return a + b;
}
template <class T>
constexpr T sub(T a, T b) {
  return a - b;
}
template <class T>
constexpr T mul(T a, T b) {
  return a * b;
}
template <class T>
constexpr T div(T a, T b) {
  return b == 0 ? 0 : a / b;
}
template <class T>
constexpr T mod(T a, T b) {
  return b == 0 ? a : a % b;
}
template <class T>
constexpr T sdiv(T a, T b) {
  if (b == 0) return 0;
  if (b == static_cast<T>(-1)) return T{0} - a;  // the least number / -1 stays itself
  return static_cast<T>(static_cast<Signed<T>>(a) / static_cast<Signed<T>>(b));
}
template <class T>
constexpr T smod(T a, T b) {
  if (b == 0) return a;
  if (b == static_cast<T>(-1)) return 0;
  return static_cast<T>(static_cast<Signed<T>>(a) % static_cast<Signed<T>>(b));
}
template <class T>
constexpr T or_(T a, T b) {
  return a | b;
}
template <class T>
constexpr T and_(T a, T b) {
  return a & b;
}
template <class T>
constexpr T xor_(T a, T b) {
  return a ^ b;
}
template <class T>
constexpr T lsh(T a, T b) {
  return a << (b & shift_mask<T>);
}
template <class T>
constexpr T rsh(T a, T b) {
  return a >> (b & shift_mask<T>);
}
template <class T>
constexpr T arsh(T a, T b) {
  return static_cast<T>(static_cast<Signed<T>>(a) >> (b & shift_mask<T>));
}

template <class T>
constexpr bool eq(T a, T b) {
  return a == b;
}
template <class T>
constexpr bool ne(T a, T b) {
  return a != b;
}
template <class T>
constexpr bool gt(T a, T b) {
  return a > b;
}
template <class T>
constexpr bool ge(T a, T b) {
  return a >= b;
}
template <class T>
constexpr bool lt(T a, T b) {
  return a < b;
}
template <class T>
constexpr bool le(T a, T b) {
  return a <= b;
}
template <class T>
constexpr bool set(T a, T b) {
  return (a & b) != 0;
}
template <class T>
constexpr bool sgt(T a, T b) {
  return static_cast<Signed<T>>(a) > static_cast<Signed<T>>(b);
}
template <class T>
constexpr bool sge(T a, T b) {
  return static_cast<Signed<T>>(a) >= static_cast<Signed<T>>(b);
}
template <class T>
constexpr bool slt(T a, T b) {
  return static_cast<Signed<T>>(a) < static_cast<Signed<T>>(b);
}
template <class T>
constexpr bool sle(T a, T b) {
  return static_cast<Signed<T>>(a) <= static_cast<Signed<T>>(b);
}

// The low bits of `value` as T, sign-extended to 64 bits.
template <class T>
constexpr std::uint64_t extend(std::uint64_t value) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<T>(value)));
}

// The low bits of `value` as T in another byte order, zero-extended.
template <class T>
constexpr std::uint64_t swap(std::uint64_t value) {
  return std::byteswap(static_cast<T>(value));
}
template <class T>
constexpr std::uint64_t to_little(std::uint64_t value) {
  return std::endian::native == std::endian::little ? static_cast<T>(value) : swap<T>(value);
}
template <class T>
constexpr std::uint64_t to_big(std::uint64_t value) {
  return std::endian::native == std::endian::big ? static_cast<T>(value) : swap<T>(value);
}

static_assert(sdiv<std::uint32_t>(0x80000000U, 0xffffffffU) == 0x80000000U);
static_assert(smod<std::uint64_t>(std::numeric_limits<std::uint64_t>::max(), 0) ==
              std::numeric_limits<std::uint64_t>::max());
static_assert(arsh<std::uint32_t>(0x80000000U, 63) == 0xffffffffU);

}  // namespace skep::vm::alu
