// Decompression of what the kernel compresses: /proc/config.gz (gzip, RFC 1952).
#pragma once

#include <cstdint>

#include "skep/base/bytes.h"
#include "skep/base/result.h"

namespace skep::kernel {

// The decompressed bytes of one gzip member. EINVAL when it is none or is damaged or cut short, EFBIG above
// `limit_bytes`.
Result<Buffer> gunzip(Bytes packed, std::uint64_t limit_bytes = std::uint64_t{64} << 20);

}  // namespace skep::kernel
