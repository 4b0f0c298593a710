// RunContext: everything that one run of a program has besides its instructions. Engines and helpers share
// it; neither vm nor jit knows what stands behind the pointers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "skep/image/maps.h"
#include "skep/image/regions.h"
#include "skep/uapi/numbers.h"

namespace skep::image {

struct Image;

// Every nondeterministic input of a run. An implementation may read the machine, a seed, or a recording.
class Inputs {
 public:
  virtual ~Inputs() = default;
  virtual std::uint64_t ktime_ns() = 0;   // CLOCK_MONOTONIC
  virtual std::uint64_t boot_ns() = 0;    // CLOCK_BOOTTIME
  virtual std::uint64_t tai_ns() = 0;     // CLOCK_TAI
  virtual std::uint64_t coarse_ns() = 0;  // CLOCK_MONOTONIC_COARSE
  virtual std::uint64_t jiffies() = 0;
  virtual std::uint32_t prandom() = 0;
  virtual std::uint64_t pid_tgid() = 0;
  virtual std::uint64_t uid_gid() = 0;
  virtual std::string_view comm() = 0;  // at most 15 bytes
};

// What a program says to the outside besides maps.
class Sink {
 public:
  virtual ~Sink() = default;
  // One finished line of bpf_trace_printk or bpf_trace_vprintk, without its newline.
  virtual void printk(std::string_view line) = 0;
};

// A packet: data..data_end is what the program sees; the buffer around it is room for adjust_head and
// adjust_tail. All addresses lie below 4 GiB, so that the 32-bit fields of the contexts are true pointers.
struct Packet {
  std::uint8_t* head = nullptr;   // first byte of the buffer
  std::uint8_t* limit = nullptr;  // first byte beyond what data_end may reach
  std::uint8_t* meta = nullptr;   // == data: no metadata
  std::uint8_t* data = nullptr;
  std::uint8_t* data_end = nullptr;  // end of the linear part
  // Where LD_ABS and LD_IND with offsets from SKF_LL_OFF and SKF_NET_OFF begin; null: such a load ends the
  // program.
  std::uint8_t* mac_header = nullptr;
  std::uint8_t* network_header = nullptr;
};

// Where bpf_redirect and bpf_redirect_map sent the packet.
struct Redirect {
  MapDescriptor* map = nullptr;  // null: `target` is an ifindex
  std::uint64_t target = 0;
  std::uint64_t flags = 0;
  bool set = false;
};

// Called by a helper to run a function of the program (a callback); returns its r0. Set by the engine.
using CallFunction = std::uint64_t (*)(RunContext*, FunctionValue function, std::uint64_t a1,
                                       std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
                                       std::uint64_t a5);

struct RunContext {
  const Image* image = nullptr;  // what runs now (changes with a tail call)
  std::uint32_t cpu = 0;         // leased for this run
  std::uint32_t tail_calls = 0;
  std::uint64_t budget = 0;  // instructions left before the run is stopped; checked mode

  void* context = nullptr;  // what r1 points at: xdp_md, __sk_buff … in UAPI layout
  std::uint32_t context_size = 0;
  Packet packet;
  void* extra = nullptr;  // the runtime's own state for this run (frags, skb fields)

  Inputs* inputs = nullptr;
  Sink* sink = nullptr;
  Regions* regions = nullptr;  // null: unchecked
  Redirect redirect;
  const Image* tail_target = nullptr;  // set by bpf_tail_call: the engine goes on there

  // Ends the run when it becomes true: looked at on back edges and callbacks by engines that were asked to
  // (jit::Options::cancellable; vm::run_cancellable). Null: never.
  const std::atomic<bool>* cancel = nullptr;
  // A copy that meets memory which is not there and says so by false; the interpreter's way to do accesses
  // that may fault (image::Access). Null: such an access is like any other.
  bool (*copy_guarded)(void* to, const void* from, std::size_t bytes) = nullptr;

  CallFunction call_function = nullptr;
  void* engine = nullptr;

  // A helper that finds the program at fault (checked mode) points here at a text; the engine turns it into a
  // Fault.
  const char* fault = nullptr;
  // Set when data, data_end or the context's pointers moved.
  bool packet_moved = false;
};

}  // namespace skep::image
