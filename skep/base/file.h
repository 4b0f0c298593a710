// Whole files: mapped, read, written. The rim of the pure modules: only cli, kernel, runtime and tests call
// this.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "skep/base/bytes.h"
#include "skep/base/fd.h"
#include "skep/base/result.h"

namespace skep::base {

// Opens for reading; errors carry the path and the errno of open(2).
Result<Fd> open_read(const std::string& path);

// Reads a whole file, pipe or pseudo file ("-" is standard input). Fails with EFBIG above `limit_bytes`.
Result<Buffer> read_file(const std::string& path, std::uint64_t limit_bytes = std::uint64_t{1} << 32);

// Creates or truncates `path` and writes all of `bytes`.
Result<void> write_file(const std::string& path, Bytes bytes);

// A file's bytes, mapped read-only; falls back to reading where mmap(2) is refused (pipes, sysfs).
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  Bytes bytes() const { return bytes_; }

 private:
  MappedFile() = default;
  Bytes bytes_;
  void* mapping_ = nullptr;
  Buffer copy_;
};

}  // namespace skep::base
