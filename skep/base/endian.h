// Integers with a byte order in their type, so that wire and file structs are plain structs: be16 port;
// They have alignment 1 and may be laid over any bytes.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace skep::base {

// Reads a T stored in `order` at `at`, which need not be aligned.
template <std::integral T>
constexpr T to_order(T value, std::endian order) {
  if constexpr (sizeof(T) == 1) return value;
  return order == std::endian::native ? value : std::byteswap(value);
}

template <std::integral T>
inline T load(const void* at, std::endian order = std::endian::native) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return to_order(value, order);
}

template <std::integral T>
inline void store(void* at, T value, std::endian order = std::endian::native) {
  value = to_order(value, order);
  std::memcpy(at, &value, sizeof value);
}

template <std::integral T, std::endian order>
class Ordered {
 public:
  Ordered() = default;
  Ordered(T value) { *this = value; }  // NOLINT: conversion is the point
  Ordered& operator=(T value) {
    store(bytes_, value, order);
    return *this;
  }
  operator T() const { return load<T>(bytes_, order); }  // NOLINT: conversion is the point

 private:
  unsigned char bytes_[sizeof(T)];
};

using be16 = Ordered<std::uint16_t, std::endian::big>;
using be32 = Ordered<std::uint32_t, std::endian::big>;
using be64 = Ordered<std::uint64_t, std::endian::big>;
using le16 = Ordered<std::uint16_t, std::endian::little>;
using le32 = Ordered<std::uint32_t, std::endian::little>;
using le64 = Ordered<std::uint64_t, std::endian::little>;

static_assert(sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace skep::base
