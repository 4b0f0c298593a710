// Descriptors and whole files.
#include "skep/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace skep::base {

Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

Result<Fd> open_read(const std::string& path) {
  if (path == "-") return Fd(::dup(0));
  int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0) return fail(errno, "{}: {}", path, errno_text(errno));
  Fd fd(number);
  struct stat st{};
  if (::fstat(number, &st) == 0 && S_ISDIR(st.st_mode)) return fail(EISDIR, "{}: is a directory", path);
  return fd;
}

namespace {

Result<Buffer> read_all(const Fd& fd, const std::string& path, std::uint64_t limit_bytes) {
  Buffer all;
  for (;;) {
    std::size_t have = all.size();
    if (have > limit_bytes) return fail(EFBIG, "{}: larger than {} bytes", path, limit_bytes);
    all.resize(have + 65536);
    ssize_t got = ::read(fd.number(), all.data() + have, all.size() - have);
    if (got < 0 && errno != EINTR) return fail(errno, "{}: {}", path, errno_text(errno));
    all.resize(have + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return all;
  }
}

}  // namespace

Result<Buffer> read_file(const std::string& path, std::uint64_t limit_bytes) {
  Fd fd = TRY(open_read(path));
  return read_all(fd, path, limit_bytes);
}

Result<void> write_file(const std::string& path, Bytes bytes) {
  int number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (number < 0) return fail(errno, "{}: {}", path, errno_text(errno));
  Fd fd(number);
  while (!bytes.empty()) {
    ssize_t put = ::write(number, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(errno, "{}: {}", path, errno_text(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  Fd fd = TRY(open_read(path));
  MappedFile file;
  struct stat st{};
  if (::fstat(fd.number(), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
    auto size = static_cast<std::size_t>(st.st_size);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.number(), 0);
    if (at != MAP_FAILED) {
      file.mapping_ = at;
      file.bytes_ = {static_cast<const std::uint8_t*>(at), size};
      return file;
    }
  }
  file.copy_ = TRY(read_all(fd, path, std::uint64_t{1} << 32));
  file.bytes_ = file.copy_;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(copy_, other.copy_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (mapping_) ::munmap(mapping_, bytes_.size());
}

}  // namespace skep::base
