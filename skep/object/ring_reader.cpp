// Mapping of ring buffers.
#include "skep/object/ring_reader.h"

#include <unistd.h>

namespace skep::object {

Result<RingReader> RingReader::open(uapi::Sys& sys, int map_fd, std::uint32_t size_bytes) {
  RingReader reader;
  reader.page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (size_bytes < reader.page_ || (size_bytes & (size_bytes - 1)))
    return fail(EINVAL, "ring buffer: {} bytes are no power of two of at least a page", size_bytes);
  reader.sys_ = &sys;
  reader.size_ = size_bytes;
  long error = sys.map(map_fd, 0, reader.page_, true, &reader.consumer_);
  if (error == 0)
    error =
        sys.map(map_fd, reader.page_, reader.page_ + 2 * std::size_t{size_bytes}, false, &reader.producer_);
  if (error < 0)
    return fail(static_cast<int>(-error), "ring buffer: cannot be mapped: {}",
                base::errno_text(static_cast<int>(-error)));
  reader.data_ = static_cast<const std::uint8_t*>(reader.producer_) + reader.page_;
  return reader;
}

RingReader& RingReader::operator=(RingReader&& other) noexcept {
  std::swap(sys_, other.sys_);
  std::swap(consumer_, other.consumer_);
  std::swap(producer_, other.producer_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(page_, other.page_);
  return *this;
}

RingReader::~RingReader() {
  if (consumer_) sys_->unmap(consumer_, page_);
  if (producer_) sys_->unmap(producer_, page_ + 2 * size_);
}

}  // namespace skep::object
