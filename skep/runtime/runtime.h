// The user-space side of the seam: a Runtime answers bpf(2) inside this process, without privileges. Errnos,
// sizes and effects are the kernel's (net/bpf/test_run.c, kernel/bpf/syscall.c describe them); what the
// runtime does not have is refused by name, never skipped.
//
//   auto runtime = TRY(runtime::Runtime::create({}));
//   runtime::RuntimeSys sys(*runtime);           // a uapi::Sys with its own descriptor table
//
// BPF_PROG_LOAD verifies; what is accepted runs as machine code where the JIT has a back end. With
// Options::verify off nothing is refused for what it does, and each access of a run is checked instead. A run
// that faults, or takes too long, ends BPF_PROG_TEST_RUN with -EFAULT; RuntimeSys::take_fault() tells where.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skep/base/result.h"
#include "skep/image/run.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/numbers.h"
#include "skep/uapi/sys.h"

namespace skep::runtime {

class Task;
struct Judged;

// A network device as far as the runtime has one: a number that redirects and devmaps may name.
struct Device {
  std::uint32_t ifindex = 0;  // from 1
  std::string name;
};

// An IPv4 address is the first 4 bytes, in the order of the wire.
using IpAddress = std::array<std::uint8_t, 16>;

// One line of what bpf_fib_lookup looks into; the longest prefix wins, the first of equals.
struct Route {
  bool ipv6 = false;
  IpAddress prefix{};
  std::uint8_t prefix_bits = 0;
  std::uint32_t ifindex = 0;  // where it leads
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;  // for BPF_FIB_LOOKUP_SRC; none: BPF_FIB_LKUP_RET_NO_SRC_ADDR
  // Source and destination of the next hop's frame; none: the neighbour is not known (RET_NO_NEIGH).
  std::optional<std::pair<std::array<std::uint8_t, 6>, std::array<std::uint8_t, 6>>> macs;
  std::uint16_t mtu = 1500;
  std::uint32_t metric = 0;
};

// One socket that bpf_sk_lookup_tcp and its kind may find.
struct SocketEntry {
  bool ipv6 = false;
  std::uint8_t protocol = 6;  // 6: TCP, 17: UDP
  IpAddress local{};          // all zero: any
  std::uint16_t local_port = 0;
  IpAddress remote{};
  std::uint16_t remote_port = 0;  // 0: not connected
  std::uint32_t state = 10;       // BPF_TCP_ESTABLISHED 1, BPF_TCP_LISTEN 10 …
  std::uint32_t mark = 0, priority = 0, bound_ifindex = 0;
};

struct Options {
  std::uint32_t possible_cpus = 0;  // 0: as many as this machine has
  // The same inputs give the same bytes: virtual clock, seeded random numbers, fixed hash seeds.
  bool deterministic = false;
  std::uint64_t seed = 1;
  // Programs are verified when they are loaded, as by the kernel of `version`; what the verifier refuses or
  // cannot decide is not loaded. False, for experiments: nobody asks it, and every access of a run is
  // checked.
  bool verify = true;
  // Verified programs are compiled when they are loaded, on machines that the JIT knows. False: they run in
  // the interpreter.
  bool jit = true;
  // What one run may take before it is stopped: nanoseconds of a verified program (0: any time), instructions
  // of another one.
  std::uint64_t time_limit_ns = 10'000'000'000;
  std::uint64_t budget = 1'000'000'000;
  std::string perf_map;  // file that gets the names of compiled programs (perf_map_path()); empty: none
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

  // What the lookup helpers find from the next run on; both tables are empty at first.
  void set_routes(std::span<const Route> routes);
  void set_sockets(std::span<const SocketEntry> sockets);

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
  // The verdict because of which the last BPF_PROG_LOAD of this task failed; null when it did not, or for
  // another reason. (struct Judged: skep/runtime/judged.h)
  std::shared_ptr<const Judged> refusal() const;
  Runtime& runtime();

 private:
  Runtime& runtime_;
  std::unique_ptr<Task> task_;
};

}  // namespace skep::runtime
