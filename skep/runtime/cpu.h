// Cpu: what one run needs, prepared once and reused: interpreter, packet buffers, regions, context. A run
// leases one, so no two runs are ever on the same CPU and per-CPU values need no locks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "skep/image/run.h"
#include "skep/jit/jit.h"
#include "skep/runtime/objects.h"
#include "skep/runtime/runtime.h"
#include "skep/runtime/skb.h"
#include "skep/vm/machine.h"

namespace skep::runtime {

// The numbers of the kernel's packet buffers in BPF_PROG_TEST_RUN, with pages of 4096 bytes.
inline constexpr std::uint32_t frame_bytes = 4096;    // linear part with its surroundings
inline constexpr std::uint32_t xdp_headroom = 256;    // XDP_PACKET_HEADROOM
inline constexpr std::uint32_t xdp_frame_bytes = 40;  // struct xdp_frame, kept free at the front
inline constexpr std::uint32_t frame_tailroom = 320;  // struct skb_shared_info, rounded up to a cache line
inline constexpr std::uint32_t ethernet_bytes = 14;   // ETH_HLEN
inline constexpr std::uint32_t max_frags = 17;        // MAX_SKB_FRAGS
inline constexpr std::uint32_t linear_limit = frame_bytes - xdp_headroom - frame_tailroom;  // 3520

// What lies behind data_end of a packet that does not fit into the linear part.
struct Frag {
  std::uint8_t* at = nullptr;  // a page of its own
  std::uint32_t size = 0;
};

// struct xdp_md of the UAPI, with true 32-bit pointers.
struct XdpMd {
  std::uint32_t data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
static_assert(sizeof(XdpMd) == 24);

struct Cpu final : image::Sink {
  Cpu(Runtime::State& s, std::uint32_t n);
  ~Cpu() override;

  // 0 or -ENOMEM: maps the packet buffers below 4 GiB on first use.
  long prepare();
  // For programs without a verdict, the values of all maps that they name become regions that stay until
  // another such program runs here. Verified ones are checked by nobody: they run without regions.
  void enter(const ProgObject& prog);
  // Adds the regions of a map that turned up while running (an inner map, a program reached by tail call).
  void admit(const image::MapDescriptor& map);
  // Stops what runs under that number (see `runs`), from another thread. A run that begins meanwhile waits
  // until it is sure not to be meant.
  void stop_run(std::uint64_t which);
  // After data, data_end or data_meta changed: context, regions and the engine hear of it.
  void packet_changed();
  std::uint32_t buffer_bytes() const;  // linear part and frags

  void printk(std::string_view line) override;

  Runtime::State& state;
  std::uint32_t number;
  std::atomic<bool> busy{false};
  std::atomic<std::uint64_t> runs{0};      // odd while a run is under way
  std::atomic<std::uint64_t> progress{0};  // changes with each repeat of a run
  std::atomic<bool> cancel{false};         // the run under way shall end
  std::atomic<bool> stopping{false};       // stop_run() is deciding
  vm::Machine machine;
  jit::Machine native;
  image::Regions regions;
  image::RunContext ctx;
  std::uint32_t entered = 0;  // id of the program whose maps `regions` holds

  std::uint8_t* memory = nullptr;  // frame, then a page for each frag, then the skb's buffer
  std::array<Frag, max_frags> frags;
  std::uint32_t frag_count = 0, frags_bytes = 0;
  bool is_xdp = false;  // `xdp` is the context; otherwise `skb.md`
  XdpMd xdp{};
  Skb skb;
  std::uint64_t packet_region = 0;  // base of the packet's region; 0: none
  // The bpf_spin_lock that the run holds; a run that ends with it gives it back.
  std::uint32_t* held_lock = nullptr;
  void release_lock() {
    if (held_lock) __atomic_store_n(held_lock, 0u, __ATOMIC_RELEASE);
    held_lock = nullptr;
  }
};

inline Cpu& cpu_of(image::RunContext* ctx) { return *static_cast<Cpu*>(ctx->extra); }

// A CPU for the time of a run. Waits when all are taken.
class Lease {
 public:
  // `wanted`: a CPU number that must be the one, or -1 for any (the thread's last one if it is free).
  Lease(Runtime::State& state, std::int64_t wanted = -1);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Cpu* operator->() const { return cpu_; }
  Cpu& operator*() const { return *cpu_; }

 private:
  Cpu* cpu_;
};

}  // namespace skep::runtime
