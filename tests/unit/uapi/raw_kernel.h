// The running kernel as a Sys, as far as the tests of this folder need one: bpf(2) and close(2).
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "skep/uapi/sys.h"

namespace skep::uapi {

class RawKernel final : public Sys {
 public:
  std::string_view side() const override { return "kernel"; }
  long bpf(Command command, void* attr, std::uint32_t size) override {
    long result = ::syscall(SYS_bpf, static_cast<int>(command), attr, size);
    return result < 0 ? -errno : result;
  }
  long close(int fd) override { return ::close(fd) < 0 ? -errno : 0; }
  long dup(int fd) override {
    int copy = ::dup(fd);
    return copy < 0 ? -errno : copy;
  }
  long read(int, MutableBytes) override { return -ENOSYS; }
  long map(int, std::uint64_t, std::size_t, bool, void**) override { return -ENOSYS; }
  long unmap(void*, std::size_t) override { return -ENOSYS; }
  long wait(std::span<WaitItem>, int) override { return -ENOSYS; }
  Result<std::vector<BpffsEntry>> bpffs_list(const std::string&) override { return fail(ENOSYS, "no bpffs"); }
  long bpffs_mkdir(const std::string&) override { return -ENOSYS; }
  long bpffs_unlink(const std::string&) override { return -ENOSYS; }
  Result<Buffer> kernel_btf(std::string_view) override { return fail(ENOSYS, "no BTF"); }
  Result<std::string> kallsyms() override { return fail(ENOSYS, "no kallsyms"); }
  Result<std::string> kconfig() override { return fail(ENOSYS, "no kconfig"); }
  KernelVersion kernel_version() override { return {}; }
  std::uint32_t possible_cpus() override {
    long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
    return cpus > 0 ? static_cast<std::uint32_t>(cpus) : 1;
  }

  // May this process create maps at all?
  bool permitted() {
    MapCreateAttr attr{};
    attr.map_type = static_cast<std::uint32_t>(MapType::lpm_trie);
    attr.key_size = 8;
    attr.value_size = attr.max_entries = attr.map_flags = 1;
    long fd = bpf(Command::map_create, &attr, sizeof attr);
    if (fd >= 0) close(static_cast<int>(fd));
    return fd >= 0;
  }
};

}  // namespace skep::uapi
