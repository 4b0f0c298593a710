// The link types' rows.
#include "skep/uapi/link_types.h"

#include <algorithm>
#include <array>

#include "skep/uapi/rows.h"

namespace skep::uapi {
namespace {

using L = LinkType;

// type, kernel name, name, update, detach, since, evidence
constexpr std::array rows = std::to_array<LinkTypeRow>({
    {L::unspec, "BPF_LINK_TYPE_UNSPEC", "unspec", false, false, since(5, 8), seen_6_1},
    {L::raw_tracepoint, "BPF_LINK_TYPE_RAW_TRACEPOINT", "raw_tracepoint", false, false, since(5, 8),
     seen_6_1},
    {L::tracing, "BPF_LINK_TYPE_TRACING", "tracing", false, false, since(5, 8), seen_6_1},
    {L::cgroup, "BPF_LINK_TYPE_CGROUP", "cgroup", true, true, since(5, 8), seen_6_1},
    {L::iter, "BPF_LINK_TYPE_ITER", "iter", true, false, since(5, 8), seen_6_1},
    {L::netns, "BPF_LINK_TYPE_NETNS", "netns", true, true, since(5, 8), seen_6_1},
    {L::xdp, "BPF_LINK_TYPE_XDP", "xdp", true, true, since(5, 9), seen_6_1},
    {L::perf_event, "BPF_LINK_TYPE_PERF_EVENT", "perf_event", false, false, since(5, 15), seen_6_1},
    {L::kprobe_multi, "BPF_LINK_TYPE_KPROBE_MULTI", "kprobe_multi", false, false, since(5, 18), seen_6_1},
    {L::struct_ops, "BPF_LINK_TYPE_STRUCT_OPS", "struct_ops", true, true, since(5, 19), seen_6_1},
    {L::netfilter, "BPF_LINK_TYPE_NETFILTER", "netfilter", false, true, since(6, 4), seen_6_12},
    {L::tcx, "BPF_LINK_TYPE_TCX", "tcx", true, true, since(6, 6), seen_6_12},
    {L::uprobe_multi, "BPF_LINK_TYPE_UPROBE_MULTI", "uprobe_multi", false, false, since(6, 6), seen_6_12},
    {L::netkit, "BPF_LINK_TYPE_NETKIT", "netkit", true, true, since(6, 7), seen_6_12},
    {L::sockmap, "BPF_LINK_TYPE_SOCKMAP", "sockmap", true, true, since(6, 10), seen_6_12},
    {L::tracing_multi, "BPF_LINK_TYPE_TRACING_MULTI", "tracing_multi", false, false, since(7, 1), unseen},
});

static_assert(rows.size() == 16);
static_assert(in_order(rows, &LinkTypeRow::type));

}  // namespace

std::span<const LinkTypeRow> link_types() { return rows; }

const LinkTypeRow* find_link_type(LinkType type) { return row_of(rows, type); }

const LinkTypeRow* find_link_type(std::string_view name) {
  auto at = std::ranges::find_if(
      rows, [name](const LinkTypeRow& row) { return row.name == name || row.kernel_name == name; });
  return at == rows.end() ? nullptr : &*at;
}

}  // namespace skep::uapi
