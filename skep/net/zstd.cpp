// zstd over a source (RFC 8878), decompressed as it is read. The only file that sees <zstd.h>.
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "skep/net/source.h"

namespace skep::net {

namespace {

constexpr int max_window_log = 27;  // 128 MiB, what zstd --long=27 writes and its decoder accepts by default
constexpr std::size_t frame_start_bytes = 5, block_header_bytes = 3;

// A window above the limit is a matter of memory, everything else of bytes.
int error_code(std::size_t status) {
  ZSTD_ErrorCode code = ZSTD_getErrorCode(status);
  return code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation ? ENOMEM
                                                                                                  : EINVAL;
}

class ZstdSource : public Source {
 public:
  ZstdSource(std::unique_ptr<Source> from, ZSTD_DStream* stream)
      : from_(std::move(from)), stream_(stream), packed_(ZSTD_DStreamInSize()) {}

  // A failing call of the decompressor does not say what it wrote before it failed. So each call gets one
  // unit (a header, a block, a checksum) or room for output that waits, never both: only the damaged unit is
  // lost, wherever the pieces of the source end.
  Result<std::size_t> read(MutableBytes into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      if (!flushing_) TRY(fill());
      if (in_.pos == in_.size && !flushing_) {
        if (!inside_frame_) return std::size_t{0};
        return fail(EINVAL, "zstd: ends at byte {} in the middle of a frame", before_ + in_.pos);
      }
      std::size_t give = flushing_ ? 0 : std::min(unit_left_, in_.size - in_.pos);
      ZSTD_inBuffer piece{in_.src, in_.pos + give, in_.pos};
      std::size_t status = ZSTD_decompressStream(stream_.get(), &out, &piece);
      if (ZSTD_isError(status))
        return fail(error_code(status), "zstd: near byte {} of the compressed file: {}", unit_at_,
                    ZSTD_getErrorName(status));
      unit_left_ -= piece.pos - in_.pos;
      in_.pos = piece.pos;
      inside_frame_ = status != 0;
      if (unit_left_ == 0) {
        unit_left_ = unit_size(status);
        unit_at_ = before_ + in_.pos;
      }
      // A full output buffer may hide more that needs no further input.
      flushing_ = out.pos == out.size && inside_frame_;
    }
    return out.pos;
  }

 private:
  // Gathers the whole unit, so that what a damaged one gives does not depend on where the source's pieces
  // end. Less at the end of the input, and of a unit that is larger than the buffer (a skippable frame).
  Result<void> fill() {
    std::size_t want = std::min(unit_left_, packed_.size());
    while (in_.size - in_.pos < want) {
      std::size_t rest = in_.size - in_.pos;
      if (in_.pos) std::memmove(packed_.data(), packed_.data() + in_.pos, rest);
      before_ += in_.pos;
      in_ = {packed_.data(), rest, 0};
      std::size_t got = TRY(from_->read(MutableBytes(packed_).subspan(rest)));
      in_.size += got;
      if (got == 0) break;
    }
    return {};
  }

  // The next unit, of the decompressor's hint: that counts the 3 bytes of the block header behind it too. The
  // first 5 bytes of a frame tell how long its header is.
  static std::size_t unit_size(std::size_t hint) {
    if (hint == 0) return frame_start_bytes;
    return hint > block_header_bytes ? hint - block_header_bytes : hint;
  }

  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<Source> from_;
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  Buffer packed_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  std::uint64_t before_ = 0;
  std::size_t unit_left_ = frame_start_bytes;
  std::uint64_t unit_at_ = 0;  // where the unit starts in the compressed input
  bool inside_frame_ = false;
  bool flushing_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> zstd_source(std::unique_ptr<Source> from) {
  ZSTD_DStream* stream = ZSTD_createDStream();
  if (!stream) return fail(ENOMEM, "zstd: no memory for a decompressor");
  auto source = std::make_unique<ZstdSource>(std::move(from), stream);
  std::size_t status = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, max_window_log);
  if (ZSTD_isError(status)) return fail(EINVAL, "zstd: {}", ZSTD_getErrorName(status));
  return source;
}

}  // namespace skep::net
