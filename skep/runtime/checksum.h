// Ones' complement sums as the packet helpers hand them around: 32 bits in the byte order of the packet
// (`sum`), and the 16-bit field of a header (`field`), read and written as this machine reads memory. RFC
// 1071 section 2: the byte order does not matter as long as it is the same on both sides.
#pragma once

#include <cstdint>
#include <cstring>

namespace skep::runtime {

constexpr std::uint32_t sum_add(std::uint32_t a, std::uint32_t b) {
  std::uint64_t wide = std::uint64_t{a} + b;
  return static_cast<std::uint32_t>(wide) + static_cast<std::uint32_t>(wide >> 32);
}
constexpr std::uint32_t sum_sub(std::uint32_t a, std::uint32_t b) { return sum_add(a, ~b); }

// The complement of the sum in 16 bits: what stands in a header.
constexpr std::uint16_t sum_fold(std::uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// `sum` and the bytes; an odd last byte is followed by a zero.
inline std::uint32_t sum_bytes(const std::uint8_t* at, std::size_t count, std::uint32_t sum) {
  std::uint64_t wide = sum;
  for (; count >= 4; at += 4, count -= 4) {
    std::uint32_t word;
    std::memcpy(&word, at, 4);
    wide += word;  // carries gather above: 4 GiB of packet would be needed to lose one
  }
  std::uint32_t rest = 0;
  std::memcpy(&rest, at, count);
  wide += rest;
  wide = (wide & 0xffff'ffff) + (wide >> 32);
  wide = (wide & 0xffff'ffff) + (wide >> 32);
  return static_cast<std::uint32_t>(wide);
}

// Fields after what they cover changed. Ones' complement has two zeros, and which one comes out is part of
// the result: the 16-bit replacement folds differently from the 32-bit one.
constexpr std::uint16_t field_replace16(std::uint16_t field, std::uint16_t from, std::uint16_t to) {
  auto add = [](std::uint16_t a, std::uint16_t b) {
    std::uint32_t wide = std::uint32_t{a} + b;
    return static_cast<std::uint16_t>(wide + (wide >> 16));
  };
  auto inverse = [](std::uint16_t a) { return static_cast<std::uint16_t>(~a); };
  return inverse(add(add(inverse(field), inverse(from)), to));
}
constexpr std::uint16_t field_replace32(std::uint16_t field, std::uint32_t from, std::uint32_t to) {
  return sum_fold(sum_add(sum_sub(~std::uint32_t{field}, from), to));
}
constexpr std::uint16_t field_add(std::uint16_t field, std::uint32_t difference) {
  return sum_fold(sum_add(difference, ~std::uint32_t{field}));
}
static_assert(field_replace16(0x1234, 0x0001, 0x0002) == 0x1233);
static_assert(field_replace32(0x1234, 0x0001, 0x0002) == 0x1233);

}  // namespace skep::runtime
