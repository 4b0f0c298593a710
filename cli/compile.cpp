// Runs clang on C source, with the headers that this binary carries.
#include "cli/compile.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "cli/bpf_headers.h"
#include "skep/base/file.h"

extern char** environ;

namespace skep::cli {

namespace {

// A folder that vanishes with its files.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    const char* root = std::getenv("TMPDIR");
    std::string path = fmt::format("{}/skep.XXXXXX", root && *root ? root : "/tmp");
    if (!::mkdtemp(path.data())) return fail(errno, "{}: {}", path, base::errno_text(errno));
    return TemporaryFolder(path);
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), made_(std::exchange(other.made_, {})) {}
  ~TemporaryFolder() {
    for (auto at = made_.rbegin(); at != made_.rend(); ++at) ::remove(at->c_str());
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }
  Result<void> folder(const std::string& name) {
    std::string full = path_ + "/" + name;
    if (::mkdir(full.c_str(), 0700) < 0) return fail(errno, "{}: {}", full, base::errno_text(errno));
    made_.push_back(full);
    return {};
  }
  std::string file(std::string_view name) {
    made_.push_back(fmt::format("{}/{}", path_, name));
    return made_.back();
  }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
  std::vector<std::string> made_;
};

bool in_path(const std::string& program) {
  if (program.find('/') != program.npos) return ::access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    std::size_t colon = rest.find(':');
    std::string full = fmt::format("{}/{}", rest.substr(0, colon), program);
    if (::access(full.c_str(), X_OK) == 0) return true;
    rest = colon == rest.npos ? "" : rest.substr(colon + 1);
  }
  return false;
}

Result<std::string> find_clang() {
  if (const char* chosen = std::getenv("SKEP_CLANG"); chosen && *chosen) {
    if (in_path(chosen)) return std::string(chosen);
    return fail(ENOENT, "$SKEP_CLANG is '{}', which cannot be executed", chosen);
  }
  for (const char* name : {"clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"})
    if (in_path(name)) return std::string(name);
  return fail(
      ENOENT,
      "no clang to compile C with; install one (apt-get install --no-install-recommends clang-19) or set "
      "$SKEP_CLANG");
}

// What clang must know of this machine: where Debian keeps <asm/types.h>, and whose registers bpf_tracing.h
// means.
struct Machine {
  const char* triple;
  const char* arch;
};
constexpr Machine machine =
#if defined(__x86_64__)
    {"x86_64-linux-gnu", "x86"};
#elif defined(__aarch64__)
    {"aarch64-linux-gnu", "arm64"};
#elif defined(__riscv)
    {"riscv64-linux-gnu", "riscv"};
#elif defined(__powerpc64__)
    {"powerpc64le-linux-gnu", "powerpc"};
#elif defined(__s390x__)
    {"s390x-linux-gnu", "s390"};
#else
    {"", ""};
#endif

Result<int> run_and_wait(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  int error = ::posix_spawnp(&child, words[0], nullptr, nullptr, words.data(), environ);
  if (error) return fail(error, "{}: {}", command[0], base::errno_text(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return fail(errno, "{}: {}", command[0], base::errno_text(errno));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<Buffer> compile(const std::string& source) {
  std::string clang = TRY(find_clang());
  if (::access(source.c_str(), R_OK) < 0) return fail(errno, "{}: {}", source, base::errno_text(errno));
  TemporaryFolder folder = TRY(TemporaryFolder::make());
  TRY(folder.folder("bpf"));
  for (const EmbeddedFile& header : bpf_headers())
    TRY(base::write_file(folder.file(header.path), base::as_bytes(header.text)));
  std::string object = folder.file("out.o");
  std::vector<std::string> command = {clang, "-target", "bpf", "-mcpu=v3",   "-O2",
                                      "-g",  "-Wall",   "-I",  folder.path()};
  if (*machine.arch) command.push_back(fmt::format("-D__TARGET_ARCH_{}", machine.arch));
  std::string include = fmt::format("/usr/include/{}", machine.triple);
  if (*machine.triple && ::access(include.c_str(), R_OK) == 0)
    command.insert(command.end(), {"-idirafter", include});
  command.insert(command.end(), {"-c", source, "-o", object});
  int status = TRY(run_and_wait(command));
  if (status != 0) return fail(EINVAL, "{}: {} could not compile it (exit code {})", source, clang, status);
  if (::access(object.c_str(), R_OK) < 0) return fail(EINVAL, "{}: {} wrote no object", source, clang);
  return base::read_file(object);
}

}  // namespace

Result<Buffer> read_object(const std::string& path) {
  if (path.ends_with(".c")) return compile(path);
  for (std::string_view cxx : {".cc", ".cpp", ".cxx"})
    if (path.ends_with(cxx))
      return fail(EINVAL, "{}: only C (.c) is compiled on the way; give the object", path);
  return base::read_file(path);
}

std::string object_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') == path.npos ? 0 : path.rfind('/') + 1);
  for (std::string_view suffix : {".c", ".o", ".bpf"})
    if (name.ends_with(suffix) && name.size() > suffix.size()) name.resize(name.size() - suffix.size());
  return name;
}

}  // namespace skep::cli
