// The user-space side of the seam: a Runtime answers bpf(2) inside this process, without privileges. Errnos,
// sizes and effects are the kernel's (net/bpf/test_run.c, kernel/bpf/syscall.c describe them); what the
// runtime does not have is refused by name, never skipped.
//
//   auto runtime = TRY(runtime::Runtime::create({}));
//   runtime::RuntimeSys sys(*runtime);           // a uapi::Sys with its own descriptor table
//
// A checked run that faults ends BPF_PROG_TEST_RUN with -EFAULT; RuntimeSys::take_fault() tells where.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/result.h"
#include "skep/image/run.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/numbers.h"
#include "skep/uapi/sys.h"

namespace skep::runtime {

class Task;

// A network device as far as the runtime has one: a number that redirects and devmaps may name.
struct Device {
  std::uint32_t ifindex = 0;  // from 1
  std::string name;
};

struct Options {
  std::uint32_t possible_cpus = 0;  // 0: as many as this machine has
  // The same inputs give the same bytes: virtual clock, seeded random numbers, fixed hash seeds.
  bool deterministic = false;
  std::uint64_t seed = 1;
  // Instructions that one run may execute before it is stopped.
  std::uint64_t budget = 1'000'000'000;
  uapi::KernelVersion version{6, 18, 0};  // what kernel_version() says
  std::string kernel_btf;                 // file; empty: /sys/kernel/btf/vmlinux where it can be read
  // What devices there are. Devmaps take no other ifindex (EINVAL, as from the kernel).
  std::vector<Device> devices = {{1, "lo"}};
};

// Where a finished line of bpf_trace_printk goes; called on the thread that runs the program.
using PrintkFn = void (*)(void* user, std::string_view line);

class Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> create(const Options& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // bpf(2) for one caller. `attr` is an address in the task's memory. Returns a descriptor, 0 or -errno; on
  // failure task.last_error() says more than the errno where there is more to say.
  long bpf(Task& task, uapi::Command command, std::uint64_t attr, std::uint32_t size);

  void on_printk(PrintkFn fn, void* user);
  // Replaces the source of clocks and random numbers for the following runs; null: the one of the options.
  // The caller keeps it alive.
  void set_inputs(image::Inputs* inputs);

  const Options& options() const;
  std::uint32_t possible_cpus() const;

  struct State;  // private to the module
  State& state() { return *state_; }

 private:
  explicit Runtime(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The Sys of this process: one task of a Runtime, which must outlive it.
class RuntimeSys final : public uapi::Sys {
 public:
  explicit RuntimeSys(Runtime& runtime);
  ~RuntimeSys() override;

  std::string_view side() const override { return "runtime"; }
  long bpf(uapi::Command command, void* attr, std::uint32_t size) override;
  long close(int fd) override;
  long dup(int fd) override;
  long read(int fd, MutableBytes into) override;
  long map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) override;
  long unmap(void* at, std::size_t length) override;
  long wait(std::span<uapi::WaitItem> items, int timeout_ms) override;
  Result<std::vector<uapi::BpffsEntry>> bpffs_list(const std::string& path) override;
  long bpffs_mkdir(const std::string& path) override;
  long bpffs_unlink(const std::string& path) override;
  Result<Buffer> kernel_btf(std::string_view module) override;
  Result<std::string> kallsyms() override;
  Result<std::string> kconfig() override;
  uapi::KernelVersion kernel_version() override;
  std::uint32_t possible_cpus() override;

  // What the last failing command of this thread had to say beyond its errno; empty if nothing.
  std::string last_error() const;
  // The fault that ended the last run of this task with -EFAULT: instruction, line, address, region.
  std::optional<std::string> take_fault();
  Runtime& runtime();

 private:
  Runtime& runtime_;
  std::unique_ptr<Task> task_;
};

}  // namespace skep::runtime
