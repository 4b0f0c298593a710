// Files, pipes, memory and the window over them.
#include "skep/net/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "skep/base/file.h"

namespace skep::net {

namespace {

class FdSource : public Source {
 public:
  explicit FdSource(base::Fd fd) : fd_(std::move(fd)) {}
  Result<std::size_t> read(MutableBytes into) override {
    for (;;) {
      ssize_t got = ::read(fd_.number(), into.data(), into.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return fail(errno, "{}", base::errno_text(errno));
    }
  }

 private:
  base::Fd fd_;
};

class MemorySource : public Source {
 public:
  MemorySource(Bytes bytes, std::size_t chunk) : rest_(bytes), chunk_(std::max<std::size_t>(chunk, 1)) {}
  Result<std::size_t> read(MutableBytes into) override {
    std::size_t count = std::min({into.size(), rest_.size(), chunk_});
    if (count) std::memcpy(into.data(), rest_.data(), count);
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  Bytes rest_;
  std::size_t chunk_;
};

// What a window held when the decompressor was put under it, then the rest of its source.
class Prefixed : public Source {
 public:
  Prefixed(Buffer prefix, std::unique_ptr<Source> rest)
      : prefix_(std::move(prefix)), rest_(std::move(rest)) {}
  Result<std::size_t> read(MutableBytes into) override {
    std::size_t count = std::min(into.size(), prefix_.size() - used_);
    if (count == 0) return rest_->read(into);
    std::memcpy(into.data(), prefix_.data() + used_, count);
    used_ += count;
    return count;
  }

 private:
  Buffer prefix_;
  std::size_t used_ = 0;
  std::unique_ptr<Source> rest_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_source(const std::string& path) {
  base::Fd fd = TRY(base::open_read(path));
  // A hint only: the kernel then reads further ahead. Pipes refuse it.
  (void)::posix_fadvise(fd.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::make_unique<FdSource>(std::move(fd));
}

std::unique_ptr<Source> memory_source(Bytes bytes, std::size_t chunk) {
  return std::make_unique<MemorySource>(bytes, chunk);
}

Result<bool> Window::fill(std::size_t count) {
  if (!source_) return false;
  while (left() < count) {
    std::size_t have = left();
    // Room for what is left over plus one whole read. Twice as much when a record does not fit: so much has
    // arrived already, and a length that lies costs nothing.
    std::size_t room = have + read_bytes;
    if (room > capacity_) {
      std::size_t capacity = std::max(room + read_bytes / 4, std::min(capacity_ * 2, room * 2));
      auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
      if (have) std::memcpy(larger.get(), at_, have);
      buffer_ = std::move(larger);
      capacity_ = capacity;
    } else if (have && at_ != buffer_.get()) {
      std::memmove(buffer_.get(), at_, have);
    }
    at_ = buffer_.get();
    end_ = at_ + have;
    std::size_t got = TRY(source_->read(MutableBytes(buffer_.get() + have, read_bytes)));
    if (got == 0) return false;
    end_ += got;
  }
  return true;
}

Result<std::uint64_t> Window::skip(std::uint64_t count) {
  std::uint64_t skipped = 0;
  while (skipped < count) {
    bool more = TRY(need(1));
    if (!more) break;
    auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count - skipped, left()));
    advance(step);
    skipped += step;
  }
  return skipped;
}

Result<void> Window::decompress() {
  std::unique_ptr<Source> below;
  if (source_)
    below = std::make_unique<Prefixed>(Buffer(at_, end_), std::move(source_));
  else
    below = memory_source(Bytes(at_, end_), read_bytes);
  source_ = TRY(zstd_source(std::move(below)));
  end_ = at_;
  return {};
}

}  // namespace skep::net
