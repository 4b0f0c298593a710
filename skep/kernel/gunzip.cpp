// With zlib's inflate.
#include "skep/kernel/gunzip.h"

#include <zlib.h>

#include <algorithm>

namespace skep::kernel {

Result<Buffer> gunzip(Bytes packed, std::uint64_t limit_bytes) {
  constexpr int window_of_gzip = 15 + 16;  // the largest window, gzip's header and trailer expected
  constexpr std::size_t first_room = std::size_t{256} << 10;
  if (packed.size() > UINT32_MAX) return fail(EFBIG, "gzip: {} bytes are too many", packed.size());
  z_stream stream{};
  if (inflateInit2(&stream, window_of_gzip) != Z_OK) return fail(ENOMEM, "gzip: no decoder");
  stream.next_in = const_cast<Bytef*>(packed.data());  // zlib reads only
  stream.avail_in = static_cast<uInt>(packed.size());
  Buffer plain(static_cast<std::size_t>(std::min<std::uint64_t>(first_room, limit_bytes)));
  int state = Z_OK;
  while (state == Z_OK) {
    if (stream.total_out == plain.size()) {
      if (plain.size() >= limit_bytes) break;
      plain.resize(static_cast<std::size_t>(std::min<std::uint64_t>(plain.size() * 2, limit_bytes)));
    }
    stream.next_out = plain.data() + stream.total_out;
    stream.avail_out = static_cast<uInt>(std::min<std::size_t>(plain.size() - stream.total_out, UINT32_MAX));
    state = inflate(&stream, Z_NO_FLUSH);
  }
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  if (state == Z_OK) return fail(EFBIG, "gzip: more than {} bytes", limit_bytes);
  if (state != Z_STREAM_END) return fail(EINVAL, "gzip: damaged or cut short after {} bytes", plain.size());
  return plain;
}

}  // namespace skep::kernel
