// The program types' rows.
#include "skep/uapi/prog_types.h"

#include <algorithm>
#include <array>

#include "skep/uapi/rows.h"

namespace skep::uapi {
namespace {

using P = ProgType;
using A = AttachType;
using T = TestRunKind;

constexpr bool yes = true, no = false;

// type, kernel name, name, context, test run, packet read, packet write, GPL only, sleepable, attach type
// checked, BTF target checked, since, evidence
constexpr std::array rows = std::to_array<ProgTypeRow>({
    {P::socket_filter, "BPF_PROG_TYPE_SOCKET_FILTER", "socket_filter", "__sk_buff", T::skb, no, no, no, no,
     no, no, since(3, 19), seen_6_1},
    {P::kprobe, "BPF_PROG_TYPE_KPROBE", "kprobe", "pt_regs", T::none, no, no, no, yes, no, no, since(4, 1),
     seen_6_1},
    {P::sched_cls, "BPF_PROG_TYPE_SCHED_CLS", "sched_cls", "__sk_buff", T::skb, yes, yes, no, no, no, no,
     since(4, 1), seen_6_1},
    {P::sched_act, "BPF_PROG_TYPE_SCHED_ACT", "sched_act", "__sk_buff", T::skb, yes, yes, no, no, no, no,
     since(4, 1), seen_6_1},
    {P::tracepoint, "BPF_PROG_TYPE_TRACEPOINT", "tracepoint", "tracepoint", T::none, no, no, no, no, no, no,
     since(4, 7), seen_6_1},
    {P::xdp, "BPF_PROG_TYPE_XDP", "xdp", "xdp_md", T::xdp, yes, yes, no, no, no, no, since(4, 8), seen_6_1},
    {P::perf_event, "BPF_PROG_TYPE_PERF_EVENT", "perf_event", "bpf_perf_event_data", T::none, no, no, no, no,
     no, no, since(4, 9), seen_6_1},
    {P::cgroup_skb, "BPF_PROG_TYPE_CGROUP_SKB", "cgroup_skb", "__sk_buff", T::skb, yes, no, no, no, yes, no,
     since(4, 10), seen_6_1},
    {P::cgroup_sock, "BPF_PROG_TYPE_CGROUP_SOCK", "cgroup_sock", "bpf_sock", T::none, no, no, no, no, yes, no,
     since(4, 10), seen_6_1},
    {P::lwt_in, "BPF_PROG_TYPE_LWT_IN", "lwt_in", "__sk_buff", T::skb, yes, no, no, no, no, no, since(4, 10),
     seen_6_1},
    {P::lwt_out, "BPF_PROG_TYPE_LWT_OUT", "lwt_out", "__sk_buff", T::skb, yes, no, no, no, no, no,
     since(4, 10), seen_6_1},
    {P::lwt_xmit, "BPF_PROG_TYPE_LWT_XMIT", "lwt_xmit", "__sk_buff", T::skb, yes, yes, no, no, no, no,
     since(4, 10), seen_6_1},
    {P::sock_ops, "BPF_PROG_TYPE_SOCK_OPS", "sock_ops", "bpf_sock_ops", T::none, no, no, no, no, no, no,
     since(4, 13), seen_6_1},
    {P::sk_skb, "BPF_PROG_TYPE_SK_SKB", "sk_skb", "__sk_buff", T::none, yes, yes, no, no, no, no,
     since(4, 14), seen_6_1},
    {P::cgroup_device, "BPF_PROG_TYPE_CGROUP_DEVICE", "cgroup_device", "bpf_cgroup_dev_ctx", T::none, no, no,
     no, no, no, no, since(4, 15), seen_6_1},
    {P::sk_msg, "BPF_PROG_TYPE_SK_MSG", "sk_msg", "sk_msg_md", T::none, yes, yes, no, no, no, no,
     since(4, 17), seen_6_1},
    {P::raw_tracepoint, "BPF_PROG_TYPE_RAW_TRACEPOINT", "raw_tracepoint", "bpf_raw_tracepoint_args", T::ctx,
     no, no, no, no, no, no, since(4, 17), seen_6_1},
    {P::cgroup_sock_addr, "BPF_PROG_TYPE_CGROUP_SOCK_ADDR", "cgroup_sock_addr", "bpf_sock_addr", T::none, no,
     no, no, no, yes, no, since(4, 17), seen_6_1},
    {P::lwt_seg6local, "BPF_PROG_TYPE_LWT_SEG6LOCAL", "lwt_seg6local", "__sk_buff", T::none, yes, no, no, no,
     no, no, since(4, 18), seen_6_1},
    {P::lirc_mode2, "BPF_PROG_TYPE_LIRC_MODE2", "lirc_mode2", "lirc_mode2", T::none, no, no, no, no, no, no,
     since(4, 18), seen_6_1},
    {P::sk_reuseport, "BPF_PROG_TYPE_SK_REUSEPORT", "sk_reuseport", "sk_reuseport_md", T::none, yes, no, no,
     no, yes, no, since(4, 19), seen_6_1},
    {P::flow_dissector, "BPF_PROG_TYPE_FLOW_DISSECTOR", "flow_dissector", "__sk_buff", T::flow, yes, no, no,
     no, no, no, since(4, 20), seen_6_1},
    {P::cgroup_sysctl, "BPF_PROG_TYPE_CGROUP_SYSCTL", "cgroup_sysctl", "bpf_sysctl", T::none, no, no, no, no,
     no, no, since(5, 2), seen_6_1},
    {P::raw_tracepoint_writable, "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE", "raw_tracepoint_writable",
     "bpf_raw_tracepoint_args", T::none, no, no, no, no, no, no, since(5, 2), seen_6_1},
    {P::cgroup_sockopt, "BPF_PROG_TYPE_CGROUP_SOCKOPT", "cgroup_sockopt", "bpf_sockopt", T::none, yes, yes,
     no, no, yes, no, since(5, 3), seen_6_1},
    {P::tracing, "BPF_PROG_TYPE_TRACING", "tracing", "", T::tracing, no, no, no, yes, no, yes, since(5, 5),
     seen_6_1},
    {P::struct_ops, "BPF_PROG_TYPE_STRUCT_OPS", "struct_ops", "", T::struct_ops, no, no, yes, yes, no, yes,
     since(5, 6), seen_6_1},
    {P::ext, "BPF_PROG_TYPE_EXT", "ext", "", T::none, no, no, no, no, yes, yes, since(5, 6), seen_6_1},
    {P::lsm, "BPF_PROG_TYPE_LSM", "lsm", "", T::none, no, no, yes, yes, no, yes, since(5, 7), seen_6_1},
    {P::sk_lookup, "BPF_PROG_TYPE_SK_LOOKUP", "sk_lookup", "bpf_sk_lookup", T::ctx, no, no, no, no, yes, no,
     since(5, 9), seen_6_1},
    {P::syscall, "BPF_PROG_TYPE_SYSCALL", "syscall", "syscall", T::ctx, no, no, no, yes, yes, no,
     since(5, 14), seen_6_1},
    {P::netfilter, "BPF_PROG_TYPE_NETFILTER", "netfilter", "bpf_nf_ctx", T::netfilter, no, no, no, no, yes,
     no, since(6, 4), seen_6_12},
});

static_assert(rows.size() == 32);
static_assert(in_order(rows, &ProgTypeRow::type, 1));

// The attach types that a checked program type takes; types without a row take any.
struct Takes {
  ProgType type;
  std::uint64_t attach_types;
};
template <class... Types>
constexpr std::uint64_t bits(Types... types) {
  return (bit(types) | ... | 0);
}
constexpr std::uint64_t bind = bits(A::cgroup_inet4_bind, A::cgroup_inet6_bind);
constexpr std::uint64_t receive =
    bits(A::cgroup_udp4_recvmsg, A::cgroup_udp6_recvmsg, A::cgroup_unix_recvmsg, A::cgroup_inet4_getpeername,
         A::cgroup_inet6_getpeername, A::cgroup_unix_getpeername, A::cgroup_inet4_getsockname,
         A::cgroup_inet6_getsockname, A::cgroup_unix_getsockname);
constexpr std::uint64_t send = bits(A::cgroup_inet4_connect, A::cgroup_inet6_connect, A::cgroup_unix_connect,
                                    A::cgroup_udp4_sendmsg, A::cgroup_udp6_sendmsg, A::cgroup_unix_sendmsg);
constexpr std::uint64_t only_zero = 1;
constexpr Takes takes[] = {
    {P::cgroup_skb, bits(A::cgroup_inet_ingress, A::cgroup_inet_egress)},
    {P::cgroup_sock, bits(A::cgroup_inet_sock_create, A::cgroup_inet_sock_release, A::cgroup_inet4_post_bind,
                          A::cgroup_inet6_post_bind)},
    {P::cgroup_sock_addr, bind | receive | send},
    {P::cgroup_sockopt, bits(A::cgroup_getsockopt, A::cgroup_setsockopt)},
    {P::sk_reuseport, bits(A::sk_reuseport_select, A::sk_reuseport_select_or_migrate)},
    {P::sk_lookup, bits(A::sk_lookup)},
    {P::netfilter, bits(A::netfilter)},
    {P::syscall, only_zero},
    {P::ext, only_zero},
};

// First row that fits counts.
struct Range {
  ProgType type;
  std::uint64_t attach_types;
  ReturnRange range;
};
constexpr std::uint64_t every = ~0ull;
constexpr Range ranges[] = {
    {P::cgroup_sock_addr, bind, {0, 3, true}},
    {P::cgroup_sock_addr, receive, {1, 1, true}},
    {P::cgroup_sock_addr, every, {0, 1, true}},
    {P::cgroup_skb, bits(A::cgroup_inet_egress), {0, 3, true}},
    {P::cgroup_skb, every, {0, 1, true}},
    {P::cgroup_sock, every, {0, 1, true}},
    {P::sock_ops, every, {0, 1, true}},
    {P::cgroup_device, every, {0, 1, true}},
    {P::cgroup_sysctl, every, {0, 1, true}},
    {P::cgroup_sockopt, every, {0, 1, true}},
    {P::tracing, bits(A::trace_fentry, A::trace_fexit), {0, 0, true}},
    {P::tracing, bits(A::trace_iter), {0, 1, true}},
    {P::kprobe, bits(A::trace_kprobe_session, A::trace_uprobe_session), {0, 1, true}},
    {P::sk_lookup, every, {0, 1, true}},
    {P::netfilter, every, {0, 1, true}},
    {P::lsm, bits(A::lsm_cgroup), {0, 1, true}},
};

}  // namespace

std::span<const ProgTypeRow> prog_types() { return rows; }

const ProgTypeRow* find_prog_type(ProgType type) { return row_of(rows, type, 1); }

const ProgTypeRow* find_prog_type(std::string_view name) {
  auto at = std::ranges::find_if(
      rows, [name](const ProgTypeRow& row) { return row.name == name || row.kernel_name == name; });
  return at == rows.end() ? nullptr : &*at;
}

AttachType fixed_attach_type(ProgType type, AttachType attach_type) {
  if (attach_type != AttachType{}) return attach_type;
  if (type == P::cgroup_sock) return A::cgroup_inet_sock_create;
  if (type == P::sk_reuseport) return A::sk_reuseport_select;
  return attach_type;
}

bool takes_attach_type(ProgType type, AttachType attach_type) {
  attach_type = fixed_attach_type(type, attach_type);
  auto number = static_cast<std::uint32_t>(attach_type);
  for (const Takes& row : takes)
    if (row.type == type) return number < 64 && (row.attach_types >> number & 1);
  return number <= static_cast<std::uint32_t>(A::trace_fsession_multi);
}

std::optional<ReturnRange> return_range(ProgType type, AttachType attach_type) {
  attach_type = fixed_attach_type(type, attach_type);
  auto number = static_cast<std::uint32_t>(attach_type);
  if (number >= 64) return {};
  for (const Range& row : ranges)
    if (row.type == type && (row.attach_types >> number & 1)) return row.range;
  return {};
}

}  // namespace skep::uapi
