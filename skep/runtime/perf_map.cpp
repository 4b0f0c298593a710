// One write(2) with O_APPEND for each program: lines of programs that load side by side do not mix.
#include "skep/runtime/perf_map.h"

#include <fcntl.h>
#include <fmt/format.h>
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
  // Nobody else's link is followed: /tmp is everybody's.
  base::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail(errno, "{}: cannot be opened for writing", path);
  if (write(file.number(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()))
    return fail(errno, "{}: writing {} bytes failed", path, lines.size());
  return {};
}

}  // namespace skep::runtime
