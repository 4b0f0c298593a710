// The attach types' rows.
#include "skep/uapi/attach_types.h"

#include <algorithm>
#include <array>

#include "skep/uapi/rows.h"

namespace skep::uapi {
namespace {

using A = AttachType;
using P = ProgType;

constexpr std::array rows = std::to_array<AttachTypeRow>({
    {A::cgroup_inet_ingress, "BPF_CGROUP_INET_INGRESS", "cgroup_inet_ingress", "ingress", P::cgroup_skb,
     since(4, 10), seen_6_1},
    {A::cgroup_inet_egress, "BPF_CGROUP_INET_EGRESS", "cgroup_inet_egress", "egress", P::cgroup_skb,
     since(4, 10), seen_6_1},
    {A::cgroup_inet_sock_create, "BPF_CGROUP_INET_SOCK_CREATE", "cgroup_inet_sock_create", "sock_create",
     P::cgroup_sock, since(4, 10), seen_6_1},
    {A::cgroup_sock_ops, "BPF_CGROUP_SOCK_OPS", "cgroup_sock_ops", "sock_ops", P::sock_ops, since(4, 13),
     seen_6_1},
    {A::sk_skb_stream_parser, "BPF_SK_SKB_STREAM_PARSER", "sk_skb_stream_parser", "", P::sk_skb, since(4, 14),
     seen_6_1},
    {A::sk_skb_stream_verdict, "BPF_SK_SKB_STREAM_VERDICT", "sk_skb_stream_verdict", "", P::sk_skb,
     since(4, 14), seen_6_1},
    {A::cgroup_device, "BPF_CGROUP_DEVICE", "cgroup_device", "device", P::cgroup_device, since(4, 15),
     seen_6_1},
    {A::sk_msg_verdict, "BPF_SK_MSG_VERDICT", "sk_msg_verdict", "", P::sk_msg, since(4, 17), seen_6_1},
    {A::cgroup_inet4_bind, "BPF_CGROUP_INET4_BIND", "cgroup_inet4_bind", "bind4", P::cgroup_sock_addr,
     since(4, 17), seen_6_1},
    {A::cgroup_inet6_bind, "BPF_CGROUP_INET6_BIND", "cgroup_inet6_bind", "bind6", P::cgroup_sock_addr,
     since(4, 17), seen_6_1},
    {A::cgroup_inet4_connect, "BPF_CGROUP_INET4_CONNECT", "cgroup_inet4_connect", "connect4",
     P::cgroup_sock_addr, since(4, 17), seen_6_1},
    {A::cgroup_inet6_connect, "BPF_CGROUP_INET6_CONNECT", "cgroup_inet6_connect", "connect6",
     P::cgroup_sock_addr, since(4, 17), seen_6_1},
    {A::cgroup_inet4_post_bind, "BPF_CGROUP_INET4_POST_BIND", "cgroup_inet4_post_bind", "post_bind4",
     P::cgroup_sock, since(4, 17), seen_6_1},
    {A::cgroup_inet6_post_bind, "BPF_CGROUP_INET6_POST_BIND", "cgroup_inet6_post_bind", "post_bind6",
     P::cgroup_sock, since(4, 17), seen_6_1},
    {A::cgroup_udp4_sendmsg, "BPF_CGROUP_UDP4_SENDMSG", "cgroup_udp4_sendmsg", "sendmsg4",
     P::cgroup_sock_addr, since(4, 18), seen_6_1},
    {A::cgroup_udp6_sendmsg, "BPF_CGROUP_UDP6_SENDMSG", "cgroup_udp6_sendmsg", "sendmsg6",
     P::cgroup_sock_addr, since(4, 18), seen_6_1},
    {A::lirc_mode2, "BPF_LIRC_MODE2", "lirc_mode2", "", P::lirc_mode2, since(4, 18), seen_6_1},
    {A::flow_dissector, "BPF_FLOW_DISSECTOR", "flow_dissector", "", P::flow_dissector, since(4, 20),
     seen_6_1},
    {A::cgroup_sysctl, "BPF_CGROUP_SYSCTL", "cgroup_sysctl", "sysctl", P::cgroup_sysctl, since(5, 2),
     seen_6_1},
    {A::cgroup_udp4_recvmsg, "BPF_CGROUP_UDP4_RECVMSG", "cgroup_udp4_recvmsg", "recvmsg4",
     P::cgroup_sock_addr, since(5, 2), seen_6_1},
    {A::cgroup_udp6_recvmsg, "BPF_CGROUP_UDP6_RECVMSG", "cgroup_udp6_recvmsg", "recvmsg6",
     P::cgroup_sock_addr, since(5, 2), seen_6_1},
    {A::cgroup_getsockopt, "BPF_CGROUP_GETSOCKOPT", "cgroup_getsockopt", "getsockopt", P::cgroup_sockopt,
     since(5, 3), seen_6_1},
    {A::cgroup_setsockopt, "BPF_CGROUP_SETSOCKOPT", "cgroup_setsockopt", "setsockopt", P::cgroup_sockopt,
     since(5, 3), seen_6_1},
    {A::trace_raw_tp, "BPF_TRACE_RAW_TP", "trace_raw_tp", "raw_tp", P::tracing, since(5, 5), seen_6_1},
    {A::trace_fentry, "BPF_TRACE_FENTRY", "trace_fentry", "fentry", P::tracing, since(5, 5), seen_6_1},
    {A::trace_fexit, "BPF_TRACE_FEXIT", "trace_fexit", "fexit", P::tracing, since(5, 5), seen_6_1},
    {A::modify_return, "BPF_MODIFY_RETURN", "modify_return", "mod_ret", P::tracing, since(5, 7), seen_6_1},
    {A::lsm_mac, "BPF_LSM_MAC", "lsm_mac", "", P::lsm, since(5, 7), seen_6_1},
    {A::trace_iter, "BPF_TRACE_ITER", "trace_iter", "", P::tracing, since(5, 8), seen_6_1},
    {A::cgroup_inet4_getpeername, "BPF_CGROUP_INET4_GETPEERNAME", "cgroup_inet4_getpeername", "getpeername4",
     P::cgroup_sock_addr, since(5, 8), seen_6_1},
    {A::cgroup_inet6_getpeername, "BPF_CGROUP_INET6_GETPEERNAME", "cgroup_inet6_getpeername", "getpeername6",
     P::cgroup_sock_addr, since(5, 8), seen_6_1},
    {A::cgroup_inet4_getsockname, "BPF_CGROUP_INET4_GETSOCKNAME", "cgroup_inet4_getsockname", "getsockname4",
     P::cgroup_sock_addr, since(5, 8), seen_6_1},
    {A::cgroup_inet6_getsockname, "BPF_CGROUP_INET6_GETSOCKNAME", "cgroup_inet6_getsockname", "getsockname6",
     P::cgroup_sock_addr, since(5, 8), seen_6_1},
    {A::xdp_devmap, "BPF_XDP_DEVMAP", "xdp_devmap", "", P::xdp, since(5, 8), seen_6_1},
    {A::cgroup_inet_sock_release, "BPF_CGROUP_INET_SOCK_RELEASE", "cgroup_inet_sock_release", "sock_release",
     P::cgroup_sock, since(5, 9), seen_6_1},
    {A::xdp_cpumap, "BPF_XDP_CPUMAP", "xdp_cpumap", "", P::xdp, since(5, 9), seen_6_1},
    {A::sk_lookup, "BPF_SK_LOOKUP", "sk_lookup", "", P::sk_lookup, since(5, 9), seen_6_1},
    {A::xdp, "BPF_XDP", "xdp", "", P::xdp, since(5, 9), seen_6_1},
    {A::sk_skb_verdict, "BPF_SK_SKB_VERDICT", "sk_skb_verdict", "", P::sk_skb, since(5, 13), seen_6_1},
    {A::sk_reuseport_select, "BPF_SK_REUSEPORT_SELECT", "sk_reuseport_select", "sk_skb_reuseport_select",
     P::sk_reuseport, since(5, 14), seen_6_1},
    {A::sk_reuseport_select_or_migrate, "BPF_SK_REUSEPORT_SELECT_OR_MIGRATE",
     "sk_reuseport_select_or_migrate", "sk_skb_reuseport_select_or_migrate", P::sk_reuseport, since(5, 14),
     seen_6_1},
    {A::perf_event, "BPF_PERF_EVENT", "perf_event", "", P::perf_event, since(5, 15), seen_6_1},
    {A::trace_kprobe_multi, "BPF_TRACE_KPROBE_MULTI", "trace_kprobe_multi", "", P::kprobe, since(5, 18),
     seen_6_1},
    {A::lsm_cgroup, "BPF_LSM_CGROUP", "lsm_cgroup", "", P::lsm, since(6, 0), seen_6_1},
    {A::struct_ops, "BPF_STRUCT_OPS", "struct_ops", "", P::struct_ops, since(6, 4), seen_6_12},
    {A::netfilter, "BPF_NETFILTER", "netfilter", "", P::netfilter, since(6, 4), seen_6_12},
    {A::tcx_ingress, "BPF_TCX_INGRESS", "tcx_ingress", "", P::sched_cls, since(6, 6), seen_6_12},
    {A::tcx_egress, "BPF_TCX_EGRESS", "tcx_egress", "", P::sched_cls, since(6, 6), seen_6_12},
    {A::trace_uprobe_multi, "BPF_TRACE_UPROBE_MULTI", "trace_uprobe_multi", "", P::kprobe, since(6, 6),
     seen_6_12},
    {A::cgroup_unix_connect, "BPF_CGROUP_UNIX_CONNECT", "cgroup_unix_connect", "connect_unix",
     P::cgroup_sock_addr, since(6, 7), seen_6_12},
    {A::cgroup_unix_sendmsg, "BPF_CGROUP_UNIX_SENDMSG", "cgroup_unix_sendmsg", "sendmsg_unix",
     P::cgroup_sock_addr, since(6, 7), seen_6_12},
    {A::cgroup_unix_recvmsg, "BPF_CGROUP_UNIX_RECVMSG", "cgroup_unix_recvmsg", "recvmsg_unix",
     P::cgroup_sock_addr, since(6, 7), seen_6_12},
    {A::cgroup_unix_getpeername, "BPF_CGROUP_UNIX_GETPEERNAME", "cgroup_unix_getpeername", "getpeername_unix",
     P::cgroup_sock_addr, since(6, 7), seen_6_12},
    {A::cgroup_unix_getsockname, "BPF_CGROUP_UNIX_GETSOCKNAME", "cgroup_unix_getsockname", "getsockname_unix",
     P::cgroup_sock_addr, since(6, 7), seen_6_12},
    {A::netkit_primary, "BPF_NETKIT_PRIMARY", "netkit_primary", "", P::sched_cls, since(6, 7), seen_6_12},
    {A::netkit_peer, "BPF_NETKIT_PEER", "netkit_peer", "", P::sched_cls, since(6, 7), seen_6_12},
    {A::trace_kprobe_session, "BPF_TRACE_KPROBE_SESSION", "trace_kprobe_session", "", P::kprobe, since(6, 10),
     seen_6_12},
    {A::trace_uprobe_session, "BPF_TRACE_UPROBE_SESSION", "trace_uprobe_session", "", P::kprobe, since(6, 13),
     seen_6_18},
    {A::trace_fsession, "BPF_TRACE_FSESSION", "trace_fsession", "", P::tracing, since(7, 0), unseen},
    {A::trace_fentry_multi, "BPF_TRACE_FENTRY_MULTI", "trace_fentry_multi", "", P::tracing, since(7, 1),
     unseen},
    {A::trace_fexit_multi, "BPF_TRACE_FEXIT_MULTI", "trace_fexit_multi", "", P::tracing, since(7, 1), unseen},
    {A::trace_fsession_multi, "BPF_TRACE_FSESSION_MULTI", "trace_fsession_multi", "", P::tracing, since(7, 1),
     unseen},
});

static_assert(rows.size() == 62);
static_assert(in_order(rows, &AttachTypeRow::type));

}  // namespace

std::span<const AttachTypeRow> attach_types() { return rows; }

const AttachTypeRow* find_attach_type(AttachType type) { return row_of(rows, type); }

const AttachTypeRow* find_attach_type(std::string_view name) {
  if (name.empty()) return nullptr;
  // libbpf's names first: "lirc_mode2" and the like are nobody's second name.
  auto at = std::ranges::find_if(
      rows, [name](const AttachTypeRow& row) { return row.name == name || row.kernel_name == name; });
  if (at == rows.end()) at = std::ranges::find(rows, name, &AttachTypeRow::bpftool_name);
  return at == rows.end() ? nullptr : &*at;
}

}  // namespace skep::uapi
