// The SEC() names in libbpf's order, and the reading of what follows them.
#include "skep/uapi/sections.h"

#include <array>
#include <charconv>

#include "skep/base/check.h"

namespace skep::uapi {
namespace {

using P = ProgType;
using A = AttachType;
using E = Extras;

constexpr std::uint8_t attachable = sec_attachable;
constexpr std::uint8_t attachable_opt = sec_attachable | sec_attach_type_optional;
constexpr std::uint8_t sleepable = sec_sleepable;
constexpr std::uint8_t frags = sec_frags;
constexpr std::uint8_t btf_target = sec_btf_target;
constexpr std::uint8_t usdt = sec_usdt;

constexpr std::array rows = std::to_array<Section>({
    {"socket", P::socket_filter, {}, 0, false, E::none},
    {"sk_reuseport/migrate", P::sk_reuseport, A::sk_reuseport_select_or_migrate, attachable, false, E::none},
    {"sk_reuseport", P::sk_reuseport, A::sk_reuseport_select, attachable, false, E::none},
    {"kprobe", P::kprobe, {}, 0, true, E::function_offset},
    {"uprobe", P::kprobe, {}, 0, true, E::path_function},
    {"uprobe.s", P::kprobe, {}, sleepable, true, E::path_function},
    {"kretprobe", P::kprobe, {}, 0, true, E::function_offset},
    {"uretprobe", P::kprobe, {}, 0, true, E::path_function},
    {"uretprobe.s", P::kprobe, {}, sleepable, true, E::path_function},
    {"kprobe.multi", P::kprobe, A::trace_kprobe_multi, 0, true, E::glob},
    {"kretprobe.multi", P::kprobe, A::trace_kprobe_multi, 0, true, E::glob},
    {"kprobe.session", P::kprobe, A::trace_kprobe_session, 0, true, E::glob},
    {"uprobe.multi", P::kprobe, A::trace_uprobe_multi, 0, true, E::path_glob},
    {"uretprobe.multi", P::kprobe, A::trace_uprobe_multi, 0, true, E::path_glob},
    {"uprobe.session", P::kprobe, A::trace_uprobe_session, 0, true, E::path_glob},
    {"uprobe.multi.s", P::kprobe, A::trace_uprobe_multi, sleepable, true, E::path_glob},
    {"uretprobe.multi.s", P::kprobe, A::trace_uprobe_multi, sleepable, true, E::path_glob},
    {"uprobe.session.s", P::kprobe, A::trace_uprobe_session, sleepable, true, E::path_glob},
    {"ksyscall", P::kprobe, {}, 0, true, E::syscall},
    {"kretsyscall", P::kprobe, {}, 0, true, E::syscall},
    {"usdt", P::kprobe, {}, usdt, true, E::usdt},
    {"usdt.s", P::kprobe, {}, usdt | sleepable, true, E::usdt},
    {"tc/ingress", P::sched_cls, A::tcx_ingress, 0, false, E::none},
    {"tc/egress", P::sched_cls, A::tcx_egress, 0, false, E::none},
    {"tcx/ingress", P::sched_cls, A::tcx_ingress, 0, false, E::none},
    {"tcx/egress", P::sched_cls, A::tcx_egress, 0, false, E::none},
    {"tc", P::sched_cls, {}, 0, false, E::none},
    {"classifier", P::sched_cls, {}, 0, false, E::none},
    {"action", P::sched_act, {}, 0, false, E::none},
    {"netkit/primary", P::sched_cls, A::netkit_primary, 0, false, E::none},
    {"netkit/peer", P::sched_cls, A::netkit_peer, 0, false, E::none},
    {"tracepoint", P::tracepoint, {}, 0, true, E::category_name},
    {"tp", P::tracepoint, {}, 0, true, E::category_name},
    {"tracepoint.s", P::tracepoint, {}, sleepable, true, E::category_name},
    {"tp.s", P::tracepoint, {}, sleepable, true, E::category_name},
    {"raw_tracepoint", P::raw_tracepoint, {}, 0, true, E::name},
    {"raw_tp", P::raw_tracepoint, {}, 0, true, E::name},
    {"raw_tracepoint.s", P::raw_tracepoint, {}, sleepable, true, E::name},
    {"raw_tp.s", P::raw_tracepoint, {}, sleepable, true, E::name},
    {"raw_tracepoint.w", P::raw_tracepoint_writable, {}, 0, true, E::name},
    {"raw_tp.w", P::raw_tracepoint_writable, {}, 0, true, E::name},
    {"tp_btf", P::tracing, A::trace_raw_tp, btf_target, true, E::name},
    {"tp_btf.s", P::tracing, A::trace_raw_tp, btf_target | sleepable, true, E::name},
    {"fentry", P::tracing, A::trace_fentry, btf_target, true, E::module_function},
    {"fmod_ret", P::tracing, A::modify_return, btf_target, true, E::module_function},
    {"fexit", P::tracing, A::trace_fexit, btf_target, true, E::module_function},
    {"fentry.s", P::tracing, A::trace_fentry, btf_target | sleepable, true, E::module_function},
    {"fmod_ret.s", P::tracing, A::modify_return, btf_target | sleepable, true, E::module_function},
    {"fexit.s", P::tracing, A::trace_fexit, btf_target | sleepable, true, E::module_function},
    {"fsession", P::tracing, A::trace_fsession, btf_target, true, E::module_function},
    {"fsession.s", P::tracing, A::trace_fsession, btf_target | sleepable, true, E::module_function},
    {"fsession.multi", P::tracing, A::trace_fsession_multi, 0, true, E::module_glob},
    {"fsession.multi.s", P::tracing, A::trace_fsession_multi, sleepable, true, E::module_glob},
    {"fentry.multi", P::tracing, A::trace_fentry_multi, 0, true, E::module_glob},
    {"fexit.multi", P::tracing, A::trace_fexit_multi, 0, true, E::module_glob},
    {"fentry.multi.s", P::tracing, A::trace_fentry_multi, sleepable, true, E::module_glob},
    {"fexit.multi.s", P::tracing, A::trace_fexit_multi, sleepable, true, E::module_glob},
    {"freplace", P::ext, {}, btf_target, true, E::name},
    {"lsm", P::lsm, A::lsm_mac, btf_target, true, E::name},
    {"lsm.s", P::lsm, A::lsm_mac, btf_target | sleepable, true, E::name},
    {"lsm_cgroup", P::lsm, A::lsm_cgroup, btf_target, false, E::name},
    {"iter", P::tracing, A::trace_iter, btf_target, true, E::name},
    {"iter.s", P::tracing, A::trace_iter, btf_target | sleepable, true, E::name},
    {"syscall", P::syscall, {}, sleepable, false, E::none},
    {"xdp.frags/devmap", P::xdp, A::xdp_devmap, frags, false, E::none},
    {"xdp/devmap", P::xdp, A::xdp_devmap, attachable, false, E::none},
    {"xdp.frags/cpumap", P::xdp, A::xdp_cpumap, frags, false, E::none},
    {"xdp/cpumap", P::xdp, A::xdp_cpumap, attachable, false, E::none},
    {"xdp.frags", P::xdp, A::xdp, frags, false, E::none},
    {"xdp", P::xdp, A::xdp, attachable_opt, false, E::none},
    {"perf_event", P::perf_event, {}, 0, false, E::none},
    {"lwt_in", P::lwt_in, {}, 0, false, E::none},
    {"lwt_out", P::lwt_out, {}, 0, false, E::none},
    {"lwt_xmit", P::lwt_xmit, {}, 0, false, E::none},
    {"lwt_seg6local", P::lwt_seg6local, {}, 0, false, E::none},
    {"sockops", P::sock_ops, A::cgroup_sock_ops, attachable_opt, false, E::none},
    {"sk_skb/stream_parser", P::sk_skb, A::sk_skb_stream_parser, attachable_opt, false, E::none},
    {"sk_skb/stream_verdict", P::sk_skb, A::sk_skb_stream_verdict, attachable_opt, false, E::none},
    {"sk_skb/verdict", P::sk_skb, A::sk_skb_verdict, attachable_opt, false, E::none},
    {"sk_skb", P::sk_skb, {}, 0, false, E::none},
    {"sk_msg", P::sk_msg, A::sk_msg_verdict, attachable_opt, false, E::none},
    {"lirc_mode2", P::lirc_mode2, A::lirc_mode2, attachable_opt, false, E::none},
    {"flow_dissector", P::flow_dissector, A::flow_dissector, attachable_opt, false, E::none},
    {"cgroup_skb/ingress", P::cgroup_skb, A::cgroup_inet_ingress, attachable_opt, false, E::none},
    {"cgroup_skb/egress", P::cgroup_skb, A::cgroup_inet_egress, attachable_opt, false, E::none},
    {"cgroup/skb", P::cgroup_skb, {}, 0, false, E::none},
    {"cgroup/sock_create", P::cgroup_sock, A::cgroup_inet_sock_create, attachable, false, E::none},
    {"cgroup/sock_release", P::cgroup_sock, A::cgroup_inet_sock_release, attachable, false, E::none},
    {"cgroup/sock", P::cgroup_sock, A::cgroup_inet_sock_create, attachable_opt, false, E::none},
    {"cgroup/post_bind4", P::cgroup_sock, A::cgroup_inet4_post_bind, attachable, false, E::none},
    {"cgroup/post_bind6", P::cgroup_sock, A::cgroup_inet6_post_bind, attachable, false, E::none},
    {"cgroup/bind4", P::cgroup_sock_addr, A::cgroup_inet4_bind, attachable, false, E::none},
    {"cgroup/bind6", P::cgroup_sock_addr, A::cgroup_inet6_bind, attachable, false, E::none},
    {"cgroup/connect4", P::cgroup_sock_addr, A::cgroup_inet4_connect, attachable, false, E::none},
    {"cgroup/connect6", P::cgroup_sock_addr, A::cgroup_inet6_connect, attachable, false, E::none},
    {"cgroup/connect_unix", P::cgroup_sock_addr, A::cgroup_unix_connect, attachable, false, E::none},
    {"cgroup/sendmsg4", P::cgroup_sock_addr, A::cgroup_udp4_sendmsg, attachable, false, E::none},
    {"cgroup/sendmsg6", P::cgroup_sock_addr, A::cgroup_udp6_sendmsg, attachable, false, E::none},
    {"cgroup/sendmsg_unix", P::cgroup_sock_addr, A::cgroup_unix_sendmsg, attachable, false, E::none},
    {"cgroup/recvmsg4", P::cgroup_sock_addr, A::cgroup_udp4_recvmsg, attachable, false, E::none},
    {"cgroup/recvmsg6", P::cgroup_sock_addr, A::cgroup_udp6_recvmsg, attachable, false, E::none},
    {"cgroup/recvmsg_unix", P::cgroup_sock_addr, A::cgroup_unix_recvmsg, attachable, false, E::none},
    {"cgroup/getpeername4", P::cgroup_sock_addr, A::cgroup_inet4_getpeername, attachable, false, E::none},
    {"cgroup/getpeername6", P::cgroup_sock_addr, A::cgroup_inet6_getpeername, attachable, false, E::none},
    {"cgroup/getpeername_unix", P::cgroup_sock_addr, A::cgroup_unix_getpeername, attachable, false, E::none},
    {"cgroup/getsockname4", P::cgroup_sock_addr, A::cgroup_inet4_getsockname, attachable, false, E::none},
    {"cgroup/getsockname6", P::cgroup_sock_addr, A::cgroup_inet6_getsockname, attachable, false, E::none},
    {"cgroup/getsockname_unix", P::cgroup_sock_addr, A::cgroup_unix_getsockname, attachable, false, E::none},
    {"cgroup/sysctl", P::cgroup_sysctl, A::cgroup_sysctl, attachable, false, E::none},
    {"cgroup/getsockopt", P::cgroup_sockopt, A::cgroup_getsockopt, attachable, false, E::none},
    {"cgroup/setsockopt", P::cgroup_sockopt, A::cgroup_setsockopt, attachable, false, E::none},
    {"cgroup/dev", P::cgroup_device, A::cgroup_device, attachable_opt, false, E::none},
    {"struct_ops", P::struct_ops, {}, 0, false, E::free},
    {"struct_ops.s", P::struct_ops, {}, sleepable, false, E::free},
    {"sk_lookup", P::sk_lookup, A::sk_lookup, attachable, false, E::none},
    {"netfilter", P::netfilter, A::netfilter, 0, false, E::none},
});

static_assert(rows.size() == 116);

constexpr bool matches(const Section& row, std::string_view sec) {
  if (!sec.starts_with(row.name)) return false;
  if (sec.size() == row.name.size()) return true;
  return row.extras != Extras::none && sec[row.name.size()] == '/';
}

// A row must not stand behind one that matches everything it matches.
constexpr bool reachable() {
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (matches(rows[j], rows[i].name)) return false;
  return true;
}
static_assert(reachable());

bool is_return_probe(const Section& row) {
  return row.name.starts_with("kret") || row.name.starts_with("uret");
}

bool in_function_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}
bool in_glob(char c) { return in_function_name(c) || c == '*' || c == '?'; }

bool all_of(std::string_view text, bool (*allowed)(char)) {
  if (text.empty()) return false;
  for (char c : text)
    if (!allowed(c)) return false;
  return true;
}

// Decimal, 0x… or 0… (octal), all of the text.
std::optional<std::uint64_t> number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

// Splits at the first `separator`; false if there is none.
bool split(std::string_view text, char separator, std::string& front, std::string& back) {
  std::size_t at = text.find(separator);
  if (at == text.npos) return false;
  front = text.substr(0, at);
  back = text.substr(at + 1);
  return true;
}

std::string_view grammar(Extras extras) {
  switch (extras) {
    case E::none: return "nothing";
    case E::function_offset: return "<function>[+<offset>]";
    case E::path_function: return "<path>:<function>[+<offset>]";
    case E::path_glob: return "<path>:<function pattern>";
    case E::glob: return "<function pattern>";
    case E::module_glob: return "[<module>:]<function pattern>";
    case E::syscall: return "<system call>";
    case E::usdt: return "<path>:<provider>:<name>";
    case E::category_name: return "<category>/<tracepoint>";
    case E::name: return "<name>";
    case E::module_function: return "[<module>:]<function>";
    case E::free: return "anything";
  }
  check(false);
  return {};
}

Failure malformed(const SectionMatch& match) {
  return fail(EINVAL, "section '{}/{}': expected {} after '{}/'", match.row->name, match.extras,
              grammar(match.row->extras), match.row->name);
}

// `name[+offset]` into target; a last '+' that no number follows belongs to the name.
void take_offset(std::string_view text, SectionTarget& target) {
  std::size_t plus = text.rfind('+');
  if (plus != text.npos)
    if (auto offset = number(text.substr(plus + 1))) {
      target.offset = *offset;
      text = text.substr(0, plus);
    }
  target.name = text;
}

}  // namespace

std::span<const Section> sections() { return rows; }

SectionMatch find_section(std::string_view sec) {
  SectionMatch match;
  if (sec.starts_with('?')) {
    match.autoload = false;
    sec.remove_prefix(1);
  }
  for (const Section& row : rows) {
    if (!matches(row, sec)) continue;
    match.row = &row;
    match.has_extras = sec.size() > row.name.size();
    if (match.has_extras) match.extras = sec.substr(row.name.size() + 1);
    break;
  }
  return match;
}

Result<SectionTarget> parse_target(const SectionMatch& match) {
  check(match.row != nullptr, "parse_target() needs a match");
  const Section& row = *match.row;
  std::string_view text = match.extras;
  SectionTarget target;
  if (row.extras == E::none) return target;
  if (!match.has_extras && row.extras != E::free)
    return fail(EINVAL, "section '{}': names no target, expected '{}/{}'", row.name, row.name,
                grammar(row.extras));

  switch (row.extras) {
    case E::none: break;
    case E::free: target.name = text; break;
    case E::function_offset:
      take_offset(text, target);
      if (!all_of(target.name, in_function_name)) return malformed(match);
      break;
    case E::path_function: {
      std::string function;
      if (!split(text, ':', target.path, function) || target.path.empty() || function.empty())
        return malformed(match);
      take_offset(function, target);
      if (target.name.empty()) return malformed(match);
      break;
    }
    case E::path_glob:
      if (!split(text, ':', target.path, target.name) || target.path.empty() || target.name.empty())
        return malformed(match);
      break;
    case E::glob:
      target.name = text;
      if (!all_of(target.name, in_glob)) return malformed(match);
      break;
    case E::module_glob:
      if (!split(text, ':', target.module, target.name))
        target.name = text;
      else if (target.module.empty())
        return malformed(match);
      if (!all_of(target.name, in_glob)) return malformed(match);
      break;
    case E::module_function:
      if (!split(text, ':', target.module, target.name))
        target.name = text;
      else if (target.module.empty())
        return malformed(match);
      if (target.name.empty()) return malformed(match);
      break;
    case E::syscall:
    case E::name:
      target.name = text;
      if (target.name.empty()) return malformed(match);
      break;
    case E::usdt: {
      std::string rest;
      if (!split(text, ':', target.path, rest) || !split(rest, ':', target.provider, target.name) ||
          target.path.empty() || target.provider.empty() || target.name.empty() ||
          target.name.find(':') != target.name.npos)
        return malformed(match);
      break;
    }
    case E::category_name:
      if (!split(text, '/', target.category, target.name) || target.category.empty() || target.name.empty())
        return malformed(match);
      break;
  }
  if (is_return_probe(row) && target.offset != 0)
    return fail(EINVAL, "section '{}/{}': a return probe takes no offset", row.name, text);
  return target;
}

}  // namespace skep::uapi
