// Bounds-checked reading and writing of bytes that somebody else wrote.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/endian.h"
#include "skep/base/result.h"

namespace skep::base {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads from front to back; every read either lies inside the bytes or fails with EINVAL and the offset.
// `what` names the thing being read and begins each message.
class Reader {
 public:
  Reader(Bytes bytes, std::string_view what, std::endian order = std::endian::native)
      : bytes_(bytes), what_(what), order_(order) {}

  std::size_t offset() const { return offset_; }
  std::size_t left() const { return bytes_.size() - offset_; }
  std::size_t size() const { return bytes_.size(); }
  std::endian order() const { return order_; }
  void set_order(std::endian order) { order_ = order; }

  template <std::integral T>
  Result<T> read() {
    if (left() < sizeof(T)) return ends_early(sizeof(T));
    T value = load<T>(bytes_.data() + offset_, order_);
    offset_ += sizeof(T);
    return value;
  }
  Result<std::uint8_t> u8() { return read<std::uint8_t>(); }
  Result<std::uint16_t> u16() { return read<std::uint16_t>(); }
  Result<std::uint32_t> u32() { return read<std::uint32_t>(); }
  Result<std::uint64_t> u64() { return read<std::uint64_t>(); }

  // The next `count` bytes, a view into what was given.
  Result<Bytes> take(std::size_t count) {
    if (left() < count) return ends_early(count);
    Bytes taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }
  Result<void> skip(std::size_t count) {
    if (left() < count) return ends_early(count);
    offset_ += count;
    return {};
  }
  // Moves to `offset` from the start; the end itself is allowed.
  Result<void> seek(std::size_t offset) {
    if (offset > bytes_.size())
      return fail(EINVAL, "{}: offset {} lies beyond its end ({} bytes)", what_, offset, bytes_.size());
    offset_ = offset;
    return {};
  }
  // The next bytes laid over a struct of byte-ordered fields (alignment 1, trivially copyable).
  template <class T>
  Result<T> read_struct() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (left() < sizeof(T)) return ends_early(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof value);
    offset_ += sizeof(T);
    return value;
  }

 private:
  Failure ends_early(std::size_t need) const {
    return fail(EINVAL, "{}: ends at byte {}, but {} bytes are needed at offset {}", what_, bytes_.size(),
                need, offset_);
  }

  Bytes bytes_;
  std::string_view what_;
  std::size_t offset_ = 0;
  std::endian order_;
};

// `bytes[offset, offset + count)`, or EINVAL with the numbers; never overflows.
Result<Bytes> slice(Bytes bytes, std::uint64_t offset, std::uint64_t count, std::string_view what);

// The text that starts at `offset` and ends before the next NUL; EINVAL if it starts outside or never ends.
Result<std::string_view> c_string(Bytes bytes, std::uint64_t offset, std::string_view what);

// Appends to a buffer in one byte order.
class Writer {
 public:
  explicit Writer(std::endian order = std::endian::native) : order_(order) {}

  template <std::integral T>
  void put(T value) {
    std::size_t at = buffer_.size();
    buffer_.resize(at + sizeof value);
    store(buffer_.data() + at, value, order_);
  }
  void u8(std::uint8_t value) { put(value); }
  void u16(std::uint16_t value) { put(value); }
  void u32(std::uint32_t value) { put(value); }
  void u64(std::uint64_t value) { put(value); }
  void bytes(Bytes bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  void pad_to(std::size_t alignment) {
    buffer_.resize((buffer_.size() + alignment - 1) / alignment * alignment);
  }

  // Overwrites an integer written before; `at` must lie inside.
  template <std::integral T>
  void patch(std::size_t at, T value) {
    store(buffer_.data() + at, value, order_);
  }
  std::size_t size() const { return buffer_.size(); }
  const Buffer& buffer() const { return buffer_; }
  Buffer take() { return std::move(buffer_); }

 private:
  Buffer buffer_;
  std::endian order_;
};

}  // namespace skep::base

namespace skep {
using base::Buffer;
using base::Bytes;
using base::MutableBytes;
}  // namespace skep
