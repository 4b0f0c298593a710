// Helpers that send a packet elsewhere: they record where in RunContext::redirect and return XDP_REDIRECT;
// whoever runs the program acts on it. Facts: Documentation/bpf/redirect.rst, map_devmap.rst.
#include "skep/maps/targets.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::MapDescriptor;
using image::RunContext;
using std::uint64_t;

namespace {

constexpr uint64_t xdp_aborted = 0, xdp_redirect = 4;
// The lowest bits of the flags are the verdict when there is no target: XDP_ABORTED to XDP_TX.
constexpr uint64_t verdict_bits = 3;
constexpr uint64_t broadcast = 1 << 3, exclude_ingress = 1 << 4;  // BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS

uint64_t redirect(uint64_t ifindex, uint64_t flags, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  if (flags) return xdp_aborted;
  ctx->redirect = {nullptr, static_cast<std::uint32_t>(ifindex), 0, true};
  return xdp_redirect;
}

uint64_t redirect_map(uint64_t map, uint64_t key, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  auto* descriptor = at<MapDescriptor>(map);
  if (!uapi::map_allows_helper(descriptor->type, 51)) {
    ctx->fault = "bpf_redirect_map takes a devmap, devmap_hash, cpumap or xskmap";
    return xdp_aborted;
  }
  const auto* targets = static_cast<const maps::Targets*>(static_cast<maps::Map*>(descriptor->map));
  uint64_t allowed = verdict_bits | (targets->may_broadcast() ? broadcast | exclude_ingress : 0);
  if (flags & ~allowed) return xdp_aborted;
  // With BPF_F_BROADCAST the packet goes to whatever the map holds later, be it nothing.
  if (!(flags & broadcast) && !targets->holds(static_cast<std::uint32_t>(key))) {
    ctx->redirect = {};
    return flags & verdict_bits;
  }
  ctx->redirect = {descriptor, key, flags & broadcast ? flags : 0, true};
  return xdp_redirect;
}

constexpr HelperEntry table[] = {
    {23, "redirect", redirect},
    {51, "redirect_map", redirect_map},
};

}  // namespace

std::span<const HelperEntry> redirect_helpers() { return table; }

}  // namespace skep::runtime
