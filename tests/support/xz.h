// Test data that is kept compressed: the kernel BTF of the reference data.
#pragma once

#include <string>

#include "skep/base/bytes.h"
#include "skep/base/result.h"

namespace skep::test_support {

// The decompressed bytes of an .xz file; errors carry the path. EFBIG above 256 MiB.
Result<Buffer> read_xz(const std::string& path);

}  // namespace skep::test_support
