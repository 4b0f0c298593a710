// class Sys: the system as a loader sees it. bpf(2) is the seam: everything above it (loader, command line,
// skeletons, readers, tests) is written once and cannot tell whether the Linux kernel (kernel::Kernel) or
// this process (runtime::Runtime) answers.
//
// Conventions. Calls that mirror a system call return its result, failure as -errno, and leave errno alone.
// What a side cannot do answers with the errno that the kernel would give. Descriptors belong to the Sys that
// gave them: they are mapped, waited on and closed through it, never through the C library.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

// One descriptor to wait for; `ready` is set when it can be read.
struct WaitItem {
  int fd;
  bool ready = false;
};

struct KernelVersion {
  std::uint32_t major = 0, minor = 0, patch = 0;
  auto operator<=>(const KernelVersion&) const = default;
  // LINUX_VERSION_CODE; a patch level above 255 counts as 255, as in the kernel.
  std::uint32_t code() const { return (major << 16) | (minor << 8) | (patch > 255 ? 255 : patch); }
};

// Where a packet program can be hung by netlink.
enum class XdpMode : std::uint8_t { any, generic, native, offload };
enum class TcDirection : std::uint8_t { ingress, egress };

// A named entry of a bpffs directory.
struct BpffsEntry {
  std::string name;
  bool is_directory = false;
};

class Sys {
 public:
  virtual ~Sys();

  // "kernel" or "runtime": for messages only, never for decisions.
  virtual std::string_view side() const = 0;

  // bpf(2). `attr` points to `size` bytes laid out as union bpf_attr (attr.h); outputs are written into it.
  virtual long bpf(Command command, void* attr, std::uint32_t size) = 0;

  // close(2), dup(2) and read(2) on a descriptor of this Sys.
  virtual long close(int fd) = 0;
  virtual long dup(int fd) = 0;
  virtual long read(int fd, MutableBytes into) = 0;

  // Maps `length` bytes at `offset` (a multiple of the page size) of a mappable map, shared. On success `*at`
  // is the address; unmap() takes it back.
  virtual long map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) = 0;
  virtual long unmap(void* at, std::size_t length) = 0;

  // Waits until one of `items` can be read or `timeout_ms` has passed (-1: for ever). Returns how many are
  // ready.
  virtual long wait(std::span<WaitItem> items, int timeout_ms) = 0;

  // perf_event_open(2) with the bytes of a perf_event_attr, and its ioctls.
  virtual long perf_event_open(Bytes attr, int pid, int cpu, int group_fd, std::uint64_t flags);
  virtual long perf_event_ioctl(int fd, std::uint64_t request, std::uint64_t argument);

  // Netlink: hangs the program `prog_fd` (-1: takes it off) on a device. `expected_fd` >= 0 replaces only
  // that program.
  virtual long xdp_attach(int ifindex, int prog_fd, XdpMode mode, int expected_fd);
  virtual long tc_qdisc_clsact(int ifindex, bool create);
  virtual long tc_attach(int ifindex, TcDirection direction, int prog_fd, std::uint32_t priority,
                         std::uint32_t handle);
  virtual long tc_detach(int ifindex, TcDirection direction, std::uint32_t priority, std::uint32_t handle);

  // setsockopt(SO_ATTACH_BPF) on a socket of this process; prog_fd -1 detaches.
  virtual long socket_attach(int socket, int prog_fd);

  // The directories of bpffs. Pins themselves are BPF_OBJ_PIN and BPF_OBJ_GET.
  virtual Result<std::vector<BpffsEntry>> bpffs_list(const std::string& path) = 0;
  virtual long bpffs_mkdir(const std::string& path) = 0;
  virtual long bpffs_unlink(const std::string& path) = 0;

  // What a loader must know of the kernel. Empty module name: vmlinux. ENOENT where the side has none.
  virtual Result<Buffer> kernel_btf(std::string_view module) = 0;
  // The text of /proc/kallsyms and of the kernel's configuration (decompressed).
  virtual Result<std::string> kallsyms() = 0;
  virtual Result<std::string> kconfig() = 0;
  virtual KernelVersion kernel_version() = 0;
  // Number of CPUs that per-CPU values have room for; at least 1.
  virtual std::uint32_t possible_cpus() = 0;
};

}  // namespace skep::uapi
