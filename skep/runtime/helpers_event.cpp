// Helpers that hand data to perf events. Programs may write to a perf event array as in the kernel; its slots
// take descriptors of perf_event_open(2), which this runtime does not have, so every slot is empty and the
// kernel's answer to that comes back. Facts: man 7 bpf-helpers.
#include <algorithm>

#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::MapDescriptor;
using image::RunContext;
using std::uint64_t;

namespace {

constexpr uint64_t index_mask = 0xffffffff;                // BPF_F_INDEX_MASK
constexpr uint64_t current_cpu = index_mask;               // BPF_F_CURRENT_CPU
constexpr uint64_t packet_mask = uint64_t{0xfffff} << 32;  // BPF_F_CTXLEN_MASK: bytes of the packet to add

bool has_packet(uapi::ProgType type) {
  using enum uapi::ProgType;
  constexpr uapi::ProgType types[] = {xdp,    sched_cls, sched_act, socket_filter, cgroup_skb,
                                      lwt_in, lwt_out,   lwt_xmit,  lwt_seg6local, sk_skb};
  return std::ranges::find(types, type) != std::end(types);
}

uint64_t perf_event_output(uint64_t, uint64_t map, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  const auto* events = at<MapDescriptor>(map);
  if (events->type != uapi::MapType::perf_event_array) {
    ctx->fault = "bpf_perf_event_output takes a perf event array";
    return r0(-EINVAL);
  }
  bool packet = has_packet(ctx->image->type);
  if (flags & ~(index_mask | (packet ? packet_mask : 0))) return r0(-EINVAL);
  if (packet && (flags & packet_mask) >> 32 > cpu_of(ctx).buffer_bytes()) return r0(-EFAULT);
  uint64_t index = (flags & index_mask) == current_cpu ? ctx->cpu : flags & index_mask;
  return r0(index >= events->max_entries ? -E2BIG : -ENOENT);
}

constexpr HelperEntry table[] = {
    {25, "perf_event_output", perf_event_output},
};

}  // namespace

std::span<const HelperEntry> event_helpers() { return table; }

}  // namespace skep::runtime
