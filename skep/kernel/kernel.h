// kernel::Kernel: the Linux kernel behind uapi::Sys. Each call is the system call of the same name.
#pragma once

#include <string>
#include <vector>

#include "skep/uapi/sys.h"

namespace skep::kernel {

// The running kernel. Stateless: may be shared between threads.
class Kernel final : public uapi::Sys {
 public:
  std::string_view side() const override { return "kernel"; }
  long bpf(uapi::Command command, void* attr, std::uint32_t size) override;
  long close(int fd) override;
  long dup(int fd) override;
  long read(int fd, MutableBytes into) override;
  long map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) override;
  long unmap(void* at, std::size_t length) override;
  long wait(std::span<uapi::WaitItem> items, int timeout_ms) override;
  long perf_event_open(Bytes attr, int pid, int cpu, int group_fd, std::uint64_t flags) override;
  long perf_event_ioctl(int fd, std::uint64_t request, std::uint64_t argument) override;
  long socket_attach(int socket, int prog_fd) override;
  Result<std::vector<uapi::BpffsEntry>> bpffs_list(const std::string& path) override;
  long bpffs_mkdir(const std::string& path) override;
  long bpffs_unlink(const std::string& path) override;
  // /sys/kernel/btf/<module>, vmlinux when `module` is empty.
  Result<Buffer> kernel_btf(std::string_view module) override;
  Result<std::string> kallsyms() override;
  // /proc/config.gz, else /boot/config-<release>; ENOENT where there is neither.
  Result<std::string> kconfig() override;
  uapi::KernelVersion kernel_version() override;
  std::uint32_t possible_cpus() override;
};

// The number of CPUs in a list as /sys/devices/system/cpu/possible writes it ("0-3,8"), the highest plus one.
// EINVAL when the text is no such list.
Result<std::uint32_t> count_cpu_list(std::string_view text);

}  // namespace skep::kernel
