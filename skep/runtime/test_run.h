// What the test runs of all program types share: the call, its packet and context in and out, the repeats.
// Facts: net/bpf/test_run.c.
#pragma once

#include <algorithm>

#include "skep/runtime/cpu.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

using uapi::ProgTestRunAttr;

inline constexpr std::uint32_t loopback_ifindex = 1;  // the one device of this runtime

// One test run: what was asked, where it happens.
struct TestRun {
  Call& call;
  ProgObject& prog;
  Cpu& cpu;
  const ProgTestRunAttr& attr = call.attr<ProgTestRunAttr>();
  std::uint32_t retval = 0, duration_ns = 0;

  bool has_context() const { return attr.ctx_in || attr.ctx_out; }

  // The caller's context, zero beyond what was given; 0 or -errno.
  template <class T>
  long read_context(T& into) const {
    into = {};
    if (!attr.ctx_in) return 0;
    if (attr.ctx_size_in > sizeof into) {
      if (attr.ctx_size_in > 4096) return -E2BIG;
      int zero = call.task.memory.all_zero(attr.ctx_in + sizeof into, attr.ctx_size_in - sizeof into);
      if (zero <= 0) return zero < 0 ? zero : -E2BIG;
    }
    std::size_t size = std::min<std::size_t>(attr.ctx_size_in, sizeof into);
    return call.task.memory.read(&into, attr.ctx_in, size) ? 0 : -EFAULT;
  }

  template <class T>
  long write_context(const T& from) const {
    if (!has_context() || !attr.ctx_out) return 0;
    auto size = static_cast<std::uint32_t>(sizeof from);
    std::uint32_t copied = std::min(size, attr.ctx_size_out);
    if (!call.task.memory.write(attr.ctx_out, &from, copied)) return -EFAULT;
    if (!call.put(offsetof(ProgTestRunAttr, ctx_size_out), size)) return -EFAULT;
    return copied < size ? -ENOSPC : 0;
  }

  // Runs the program as often as asked, `before` each and `after` each; the caller set up packet and context.
  template <class Before, class After>
  long run(Before before, After after) {
    begin_runs();
    std::uint32_t repeat = attr.repeat ? attr.repeat : 1;
    std::uint64_t start = call.state.own_inputs->ktime_ns();
    for (std::uint32_t i = 0; i < repeat; i++) {
      before();
      if (long error = run_once()) return error;
      after();
    }
    end_runs(start, repeat);
    return 0;
  }
  long run() {
    return run([] {}, [] {});
  }

  // Packet, length, verdict and time to the caller. ENOSPC when the packet was cut.
  long finish(const std::uint8_t* linear, std::uint32_t linear_bytes) const;
  // The bytes of the packet that do not fit into the linear part, a page each.
  long read_frags(std::uint32_t from);

 private:
  void begin_runs();
  long run_once();
  void end_runs(std::uint64_t start, std::uint32_t repeat);
};

inline constexpr int not_supported = 524;  // ENOTSUPP, the kernel's own

// Types whose test run makes a struct sk_buff.
bool runs_on_skb(uapi::ProgType type);

// One per kind of context; the answer to the command: 0 or -errno.
long test_run_skb(TestRun& test);
long test_run_flow_dissector(TestRun& test);

}  // namespace skep::runtime
