// Decompression with liblzma.
#include "tests/support/xz.h"

#include <lzma.h>

#include "skep/base/file.h"

namespace skep::test_support {

Result<Buffer> read_xz(const std::string& path) {
  constexpr std::size_t limit = std::size_t{256} << 20;
  Buffer packed = TRY(base::read_file(path));
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, UINT64_MAX, 0) != LZMA_OK) return fail(ENOMEM, "{}: no xz decoder", path);
  Buffer plain(std::size_t{8} << 20);
  stream.next_in = packed.data();
  stream.avail_in = packed.size();
  lzma_ret state = LZMA_OK;
  do {
    if (stream.total_out == plain.size()) plain.resize(plain.size() * 2);
    stream.next_out = plain.data() + stream.total_out;
    stream.avail_out = plain.size() - stream.total_out;
    state = lzma_code(&stream, LZMA_FINISH);
  } while (state == LZMA_OK && stream.total_out < limit);
  plain.resize(stream.total_out);
  lzma_end(&stream);
  if (state == LZMA_OK) return fail(EFBIG, "{}: more than {} bytes", path, limit);
  if (state != LZMA_STREAM_END)
    return fail(EINVAL, "{}: not a whole xz file (lzma error {})", path, int{state});
  return plain;
}

}  // namespace skep::test_support
