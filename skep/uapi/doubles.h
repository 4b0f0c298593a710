// Two Sys that wrap another, for tests: Recorder keeps what was asked, Faulty lets the nth call fail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skep/uapi/sys.h"

namespace skep::uapi {

// Hands every call on unchanged.
class Forwarding : public Sys {
 public:
  explicit Forwarding(Sys& inner) : inner_(inner) {}

  std::string_view side() const override { return inner_.side(); }
  long bpf(Command command, void* attr, std::uint32_t size) override;
  long close(int fd) override;
  long dup(int fd) override;
  long read(int fd, MutableBytes into) override;
  long map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) override;
  long unmap(void* at, std::size_t length) override;
  long wait(std::span<WaitItem> items, int timeout_ms) override;
  long perf_event_open(Bytes attr, int pid, int cpu, int group_fd, std::uint64_t flags) override;
  long perf_event_ioctl(int fd, std::uint64_t request, std::uint64_t argument) override;
  long xdp_attach(int ifindex, int prog_fd, XdpMode mode, int expected_fd) override;
  long tc_qdisc_clsact(int ifindex, bool create) override;
  long tc_attach(int ifindex, TcDirection direction, int prog_fd, std::uint32_t priority,
                 std::uint32_t handle) override;
  long tc_detach(int ifindex, TcDirection direction, std::uint32_t priority, std::uint32_t handle) override;
  long socket_attach(int socket, int prog_fd) override;
  Result<std::vector<BpffsEntry>> bpffs_list(const std::string& path) override;
  long bpffs_mkdir(const std::string& path) override;
  long bpffs_unlink(const std::string& path) override;
  Result<Buffer> kernel_btf(std::string_view module) override;
  Result<std::string> kallsyms() override;
  Result<std::string> kconfig() override;
  KernelVersion kernel_version() override;
  std::uint32_t possible_cpus() override;

 protected:
  // Called before each call that can fail, with its name. Not 0: the call does not happen and fails with this
  // errno (negative). close and unmap are announced too, but always happen: a refused close would leak.
  virtual long before(std::string_view call) = 0;

  Sys& inner_;
};

// Keeps each call as a line: "bpf map_create", "close", … in order.
class Recorder final : public Forwarding {
 public:
  using Forwarding::Forwarding;
  long bpf(Command command, void* attr, std::uint32_t size) override;

  // One bpf(2) call: what was given and what came back.
  struct Call {
    Command command;
    Buffer attr;  // as it was given
    long result;
  };
  const std::vector<std::string>& lines() const { return lines_; }
  const std::vector<Call>& calls() const { return calls_; }
  void clear() {
    lines_.clear();
    calls_.clear();
  }

 protected:
  long before(std::string_view call) override;

 private:
  std::vector<std::string> lines_;
  std::vector<Call> calls_;
};

// Lets call number `nth` (from 1) fail with `code`; every other call goes through. Failing each call in turn
// must leak nothing: opened() says how many descriptors that came through here are still open.
class Faulty final : public Forwarding {
 public:
  Faulty(Sys& inner, std::uint64_t nth, int code) : Forwarding(inner), nth_(nth), code_(code) {}
  long bpf(Command command, void* attr, std::uint32_t size) override;
  long close(int fd) override;
  long dup(int fd) override;

  std::uint64_t seen() const { return seen_; }     // calls so far
  bool failed() const { return seen_ >= nth_; }    // the nth call was reached
  std::int64_t opened() const { return opened_; }  // descriptors given out minus closed

 protected:
  long before(std::string_view call) override;

 private:
  std::uint64_t nth_, seen_ = 0;
  int code_;
  std::int64_t opened_ = 0;
};

}  // namespace skep::uapi
