// Where capture bytes come from: a file, pipe or standard input, memory, or the decompressor over one of
// them; and the window through which a format reads them. A source is read from front to back, once; nothing
// holds the whole of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "skep/base/bytes.h"
#include "skep/base/fd.h"
#include "skep/base/result.h"

namespace skep::net {

class Source {
 public:
  virtual ~Source() = default;
  // Fills the front of `into` and returns how many bytes, 0 only at the end. May return fewer than there is
  // room for (a pipe), so that records of a live capture arrive when they are there.
  virtual Result<std::size_t> read(MutableBytes into) = 0;
};

// A file or pipe; "-" is standard input. Errors carry the path and the errno of open(2).
Result<std::unique_ptr<Source>> open_source(const std::string& path);

// Foreign bytes given in pieces of `chunk` bytes; the bytes must outlive the source. For tests.
std::unique_ptr<Source> memory_source(Bytes bytes, std::size_t chunk);

// Decompresses `from` as it is read. A frame that needs a window above 128 MiB is refused (ENOMEM), a damaged
// one gives EINVAL; the message says at which byte of the compressed input.
Result<std::unique_ptr<Source>> zstd_source(std::unique_ptr<Source> from);

// The bytes of a source around the place that is being read: a buffer refilled with large reads. Large
// read(2) calls into a buffer that stays in the cache beat a mapping, which pays a page fault for every 4
// KiB.
class Window {
 public:
  static constexpr std::size_t read_bytes = std::size_t{256} << 10;

  explicit Window(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  // Reads memory in place; the bytes must outlive the window.
  explicit Window(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // The next bytes; left() of them are there.
  const std::uint8_t* at() const { return at_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  // Bytes before at().
  std::uint64_t offset() const { return offset_; }

  // True when at least `count` bytes lie at at(); false when the source ends before. Moves the bytes, so
  // views into the window die. Memory grows with the bytes that arrive, not with `count`.
  Result<bool> need(std::size_t count) {
    if (left() >= count) [[likely]]
      return true;
    return fill(count);
  }
  // Steps over bytes that are there.
  void advance(std::size_t count) {
    at_ += count;
    offset_ += count;
  }
  // Steps over bytes that may not be there yet; returns how many there were.
  Result<std::uint64_t> skip(std::uint64_t count);
  // Puts a decompressor between the source and the window; nothing may have been consumed.
  Result<void> decompress();

 private:
  Result<bool> fill(std::size_t count);

  std::unique_ptr<Source> source_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_ = 0;
  const std::uint8_t* at_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  std::uint64_t offset_ = 0;
};

}  // namespace skep::net
