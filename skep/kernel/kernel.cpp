// The system calls, and the files in which the kernel describes itself.
#include "skep/kernel/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "skep/base/file.h"
#include "skep/kernel/gunzip.h"

namespace skep::kernel {

namespace {

// A C library's result as this interface's: -errno instead of -1.
long result(long value) { return value < 0 ? -errno : value; }

constexpr int max_load_retries = 5;

}  // namespace

long Kernel::bpf(uapi::Command command, void* attr, std::uint32_t size) {
  // The verifier answers EAGAIN when a signal interrupted it.
  for (int tries = 0;; tries++) {
    long got = result(::syscall(SYS_bpf, static_cast<int>(command), attr, size));
    bool again = got == -EAGAIN && command == uapi::Command::prog_load && tries < max_load_retries;
    if (!again) return got;
  }
}

long Kernel::close(int fd) { return result(::close(fd)); }
long Kernel::dup(int fd) { return result(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }
long Kernel::read(int fd, MutableBytes into) { return result(::read(fd, into.data(), into.size())); }

long Kernel::map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) {
  int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  void* got = ::mmap(nullptr, length, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (got == MAP_FAILED) return -errno;
  *at = got;
  return 0;
}

long Kernel::unmap(void* at, std::size_t length) { return result(::munmap(at, length)); }

long Kernel::wait(std::span<uapi::WaitItem> items, int timeout_ms) {
  std::vector<pollfd> polled;
  for (const uapi::WaitItem& item : items) polled.push_back({item.fd, POLLIN, 0});
  long ready = result(::poll(polled.data(), polled.size(), timeout_ms));
  for (std::size_t i = 0; i < items.size(); i++) items[i].ready = ready > 0 && (polled[i].revents & POLLIN);
  return ready;
}

long Kernel::perf_event_open(Bytes attr, int pid, int cpu, int group_fd, std::uint64_t flags) {
  return result(::syscall(SYS_perf_event_open, attr.data(), pid, cpu, group_fd, flags));
}

long Kernel::perf_event_ioctl(int fd, std::uint64_t request, std::uint64_t argument) {
  return result(::ioctl(fd, request, argument));
}

long Kernel::socket_attach(int socket, int prog_fd) {
  if (prog_fd < 0) return result(::setsockopt(socket, SOL_SOCKET, SO_DETACH_BPF, &prog_fd, sizeof prog_fd));
  return result(::setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &prog_fd, sizeof prog_fd));
}

Result<std::vector<uapi::BpffsEntry>> Kernel::bpffs_list(const std::string& path) {
  DIR* dir = ::opendir(path.c_str());
  if (!dir) return fail(errno, "{}: {}", path, base::errno_text(errno));
  std::vector<uapi::BpffsEntry> entries;
  while (const dirent* entry = ::readdir(dir)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type == DT_DIR});
  }
  ::closedir(dir);
  return entries;
}

long Kernel::bpffs_mkdir(const std::string& path) { return result(::mkdir(path.c_str(), 0700)); }

long Kernel::bpffs_unlink(const std::string& path) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) < 0) return -errno;
  return result(S_ISDIR(st.st_mode) ? ::rmdir(path.c_str()) : ::unlink(path.c_str()));
}

Result<Buffer> Kernel::kernel_btf(std::string_view module) {
  if (module.find('/') != module.npos) return fail(EINVAL, "'{}' is not a module name", module);
  return base::read_file(fmt::format("/sys/kernel/btf/{}", module.empty() ? "vmlinux" : module));
}

Result<std::string> Kernel::kallsyms() {
  Buffer text = TRY(base::read_file("/proc/kallsyms"));
  return std::string(base::as_text(text));
}

Result<std::string> Kernel::kconfig() {
  if (Result<Buffer> packed = base::read_file("/proc/config.gz")) {
    Buffer text = TRY(gunzip(*packed));
    return std::string(base::as_text(text));
  }
  utsname name{};
  ::uname(&name);
  Buffer text = TRY(base::read_file(fmt::format("/boot/config-{}", name.release)));
  return std::string(base::as_text(text));
}

uapi::KernelVersion Kernel::kernel_version() {
  utsname name{};
  ::uname(&name);
  uapi::KernelVersion version;
  const char* at = name.release;
  const char* end = at + std::strlen(at);
  for (std::uint32_t* part : {&version.major, &version.minor, &version.patch}) {
    auto [next, error] = std::from_chars(at, end, *part);
    if (error != std::errc() || next == end || *next != '.') break;
    at = next + 1;
  }
  return version;
}

Result<std::uint32_t> count_cpu_list(std::string_view text) {
  std::uint32_t highest = 0;
  const char* at = text.data();
  const char* end = at + text.size();
  for (;;) {
    std::uint32_t cpu = 0;
    auto [next, error] = std::from_chars(at, end, cpu);
    if (error != std::errc() || cpu > 1u << 16) return fail(EINVAL, "'{}' is not a list of CPUs", text);
    if (cpu > highest) highest = cpu;
    if (next == end || *next == '\n') return highest + 1;
    if (*next != '-' && *next != ',') return fail(EINVAL, "'{}' is not a list of CPUs", text);
    at = next + 1;
  }
}

std::uint32_t Kernel::possible_cpus() {
  auto text = base::read_file("/sys/devices/system/cpu/possible");
  if (text) {
    auto count = count_cpu_list(base::as_text(*text));
    if (count) return *count;
  }
  long configured = ::sysconf(_SC_NPROCESSORS_CONF);
  return configured > 0 ? static_cast<std::uint32_t>(configured) : 1;
}

}  // namespace skep::kernel
