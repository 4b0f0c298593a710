// The consuming side of a BPF_MAP_TYPE_RINGBUF, through Sys, so that it reads the kernel's and the runtime's
// alike.
//
// Layout (Documentation/bpf/ringbuf.rst): the page at offset 0 holds the consumer's position; behind it the
// page with the producer's position and the data, mapped twice in a row, so that a record that wraps reads
// linearly. A record is a header { u32 length | flags, u32 } and its bytes, padded to 8; positions only grow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/uapi/sys.h"

namespace skep::object {

class RingReader {
 public:
  // Maps the ring of `map_fd`, whose max_entries is `size_bytes` (a power of two, at least a page). The Sys
  // and the map must outlive the reader.
  static Result<RingReader> open(uapi::Sys& sys, int map_fd, std::uint32_t size_bytes);
  RingReader(RingReader&& other) noexcept { *this = std::move(other); }
  RingReader& operator=(RingReader&& other) noexcept;
  ~RingReader();

  // Calls `on_record(Bytes)` for each finished record, in order, and frees their room; the bytes are valid
  // during the call. Returns how many records there were. EINVAL if the ring holds what no producer writes.
  template <class OnRecord>
  Result<std::uint64_t> consume(OnRecord&& on_record) {
    std::uint64_t count = 0;
    std::uint64_t at = consumer().load(std::memory_order_acquire);
    while (at < producer().load(std::memory_order_acquire)) {
      const std::uint8_t* header = data_ + (at & (size_ - 1));
      std::uint32_t length =
          std::atomic_ref(*reinterpret_cast<std::uint32_t*>(const_cast<std::uint8_t*>(header)))
              .load(std::memory_order_acquire);
      if (length & busy) break;
      std::uint32_t bytes = length & ~(busy | discarded);
      if (bytes > size_ - header_bytes)
        return fail(EINVAL, "ring buffer: a record of {} bytes at {}", bytes, at);
      if (!(length & discarded)) {
        on_record(Bytes(header + header_bytes, bytes));
        count++;
      }
      at += (std::uint64_t{bytes} + header_bytes + 7) & ~std::uint64_t{7};
      consumer().store(at, std::memory_order_release);
    }
    return count;
  }

 private:
  static constexpr std::uint32_t busy = 1u << 31, discarded = 1u << 30, header_bytes = 8;

  RingReader() = default;
  std::atomic_ref<std::uint64_t> consumer() const {
    return std::atomic_ref(*static_cast<std::uint64_t*>(consumer_));
  }
  std::atomic_ref<std::uint64_t> producer() const {
    return std::atomic_ref(*static_cast<std::uint64_t*>(producer_));
  }

  uapi::Sys* sys_ = nullptr;
  void* consumer_ = nullptr;
  void* producer_ = nullptr;
  const std::uint8_t* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::size_t page_ = 0;
};

}  // namespace skep::object
