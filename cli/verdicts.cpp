// The verdict rows: enum xdp_action, TC_ACT_*, enum bpf_ret_code and the socket filter's
// length, as include/uapi/linux/{bpf,pkt_cls}.h define them.
#include "cli/verdicts.h"

#include <fmt/core.h>

#include <span>

namespace skep::cli {

namespace {

using uapi::ProgType;

struct Verdict {
  std::uint32_t result;
  std::string_view name;
  bool through;
};

constexpr Verdict xdp[] = {
    {0, "ABORTED", false}, {1, "DROP", false}, {2, "PASS", true}, {3, "TX", true}, {4, "REDIRECT", true}};
constexpr Verdict tc[] = {{0xffffffff, "UNSPEC", true},
                          {0, "OK", true},
                          {1, "RECLASSIFY", true},
                          {2, "SHOT", false},
                          {3, "PIPE", true},
                          {4, "STOLEN", false},
                          {5, "QUEUED", false},
                          {6, "REPEAT", true},
                          {7, "REDIRECT", true},
                          {8, "TRAP", false}};
constexpr Verdict cgroup[] = {
    {0, "DROP", false}, {1, "PASS", true}, {2, "DROP_CN", false}, {3, "PASS_CN", true}};
constexpr Verdict lwt[] = {
    {0, "OK", true}, {2, "DROP", false}, {7, "REDIRECT", true}, {128, "REROUTE", true}};
constexpr Verdict flow[] = {{0, "OK", true}, {2, "DROP", false}, {129, "CONTINUE", true}};
constexpr Verdict filter[] = {{0, "DROP", false}};  // any other result is the length to keep

struct Row {
  ProgType type;
  std::span<const Verdict> verdicts;
};
constexpr Row rows[] = {
    {ProgType::xdp, xdp},
    {ProgType::sched_cls, tc},
    {ProgType::sched_act, tc},
    {ProgType::cgroup_skb, cgroup},
    {ProgType::lwt_in, lwt},
    {ProgType::lwt_out, lwt},
    {ProgType::lwt_xmit, lwt},
    {ProgType::lwt_seg6local, lwt},
    {ProgType::flow_dissector, flow},
    {ProgType::socket_filter, filter},
};

const Row* find_row(ProgType type) {
  for (const Row& row : rows)
    if (row.type == type) return &row;
  return nullptr;
}

const Verdict* find_verdict(ProgType type, std::uint32_t result) {
  if (const Row* row = find_row(type))
    for (const Verdict& v : row->verdicts)
      if (v.result == result) return &v;
  return nullptr;
}

}  // namespace

bool takes_packets(ProgType type) { return find_row(type) != nullptr; }

std::string verdict_name(ProgType type, std::uint32_t result) {
  if (const Verdict* v = find_verdict(type, result)) return std::string(v->name);
  if (type == ProgType::socket_filter) return "KEEP";
  return fmt::format("{}", result);
}

bool lets_through(ProgType type, std::uint32_t result) {
  if (const Verdict* v = find_verdict(type, result)) return v->through;
  return type == ProgType::socket_filter;
}

}  // namespace skep::cli
