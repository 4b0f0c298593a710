// One write(2) with O_APPEND for each program: lines of programs that load side by side do not mix.
#include "skep/runtime/perf_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "skep/base/fd.h"

namespace skep::runtime {

std::string perf_map_path() { return fmt::format("/tmp/perf-{}.map", getpid()); }

Result<void> write_perf_map(const jit::Code& code, const std::string& path) {
  std::string lines;
  for (const jit::Symbol& symbol : code.symbols())
    lines +=
        fmt::format("{:x} {:x} {}\n", reinterpret_cast<std::uint64_t>(symbol.at), symbol.size, symbol.name);
  // /tmp is everybody's: nobody else's link is followed, nobody waits for the reader of a FIFO.
  base::Fd file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file) return fail(errno, "{}: cannot be opened for writing", path);
  struct stat found;
  if (fstat(file.number(), &found) != 0) return fail(errno, "{}: cannot be looked at", path);
  if (!S_ISREG(found.st_mode)) return fail(EINVAL, "{}: is no regular file", path);
  if (write(file.number(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()))
    return fail(errno, "{}: writing {} bytes failed", path, lines.size());
  return {};
}

}  // namespace skep::runtime
