// The table of helpers (its rows: helpers_rows.inc), the groups of program types, the lookups.
//
// Where the columns come from:
//   id, name      enum bpf_func_id in the BTF of Linux 6.1 (1 to 209), 6.12 and 6.18 (all)
//   result, args  the kernel's checks of a call: struct bpf_func_proto in Linux 6.12. Memory that a helper
//                 both reads and writes, or that older kernels want initialised although it is only
//                 written, is inout_mem
//   prog_types    Linux 6.18 (x86-64), asked with one program per helper, program type and attach type;
//                 tests/unit/uapi asks again. Evidence `by_sources`: nothing here could ask (another
//                 configuration is needed), so the 6.12 sources speak. The same goes for every lsm and
//                 lirc_mode2 bit and for tracing programs other than raw tracepoints and iterators
//   gpl_only      the same sources, agreed to by the same questions under a licence that is not the GPL's
//   since         the first release that had the id; 6.1's BTF confirms that 210 and 211 came later
//   prototype     the declaration that user space knows (comments of include/uapi/linux/bpf.h)
#include <algorithm>
#include <array>
#include <cstddef>

#include "skep/uapi/helpers.h"

namespace skep::uapi {
namespace {

using A = Arg;
using P = ProgType;
using R = Ret;

template <typename... Types>
constexpr std::uint64_t types(Types... type) {
  return ((std::uint64_t{1} << static_cast<unsigned>(type)) | ...);
}
constexpr std::uint64_t all_types =
    ((std::uint64_t{1} << (static_cast<unsigned>(P::netfilter) + 1)) - 1) & ~types(P::unspec, P::ext);

// Who may call: groups of program types that share helpers, from the widest to the narrowest.
constexpr std::uint64_t every = all_types;
constexpr std::uint64_t all_but_lirc = all_types & ~types(P::lirc_mode2);
constexpr std::uint64_t event_sources =
    all_types & ~types(P::lirc_mode2, P::sk_reuseport, P::flow_dissector, P::struct_ops, P::netfilter);
constexpr std::uint64_t socket_family =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::xdp, P::cgroup_skb, P::cgroup_sock, P::lwt_in,
          P::lwt_out, P::lwt_xmit, P::sock_ops, P::sk_skb, P::sk_msg, P::cgroup_sock_addr, P::lwt_seg6local,
          P::sk_reuseport, P::flow_dissector, P::cgroup_sysctl, P::struct_ops, P::sk_lookup);
constexpr std::uint64_t sock_casts =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::xdp, P::cgroup_skb, P::lwt_in, P::lwt_out,
          P::lwt_xmit, P::sock_ops, P::sk_skb, P::sk_msg, P::cgroup_sock_addr, P::lwt_seg6local,
          P::flow_dissector, P::tracing, P::lsm, P::sk_lookup, P::syscall);
constexpr std::uint64_t cookies =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::cgroup_skb, P::cgroup_sock, P::sock_ops, P::sk_skb,
          P::cgroup_sock_addr, P::sk_reuseport, P::tracing, P::lsm, P::syscall);
constexpr std::uint64_t sk_storage =
    types(P::sched_cls, P::sched_act, P::cgroup_skb, P::cgroup_sock, P::sock_ops, P::sk_msg,
          P::cgroup_sock_addr, P::cgroup_sockopt, P::tracing, P::struct_ops, P::lsm, P::syscall);
constexpr std::uint64_t skb_readers =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::cgroup_skb, P::lwt_in, P::lwt_out, P::lwt_xmit,
          P::sk_skb, P::lwt_seg6local, P::sk_reuseport, P::flow_dissector);
constexpr std::uint64_t sk_storage_no_create =
    types(P::sched_cls, P::sched_act, P::cgroup_skb, P::sock_ops, P::sk_msg, P::cgroup_sock_addr,
          P::cgroup_sockopt, P::tracing, P::struct_ops, P::lsm, P::syscall);
constexpr std::uint64_t netns_aware =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::cgroup_skb, P::cgroup_sock, P::sock_ops, P::sk_msg,
          P::cgroup_sock_addr, P::cgroup_sockopt);
constexpr std::uint64_t tracers = types(P::kprobe, P::tracepoint, P::perf_event, P::raw_tracepoint,
                                        P::raw_tracepoint_writable, P::tracing, P::lsm, P::syscall);
constexpr std::uint64_t cgroup_storage =
    types(P::cgroup_skb, P::cgroup_sock, P::sock_ops, P::cgroup_device, P::cgroup_sock_addr, P::cgroup_sysctl,
          P::cgroup_sockopt, P::lsm);
constexpr std::uint64_t csum_users =
    types(P::sched_cls, P::sched_act, P::xdp, P::lwt_in, P::lwt_out, P::lwt_xmit, P::lwt_seg6local);
constexpr std::uint64_t skb_pullers =
    types(P::sched_cls, P::sched_act, P::lwt_in, P::lwt_out, P::lwt_xmit, P::sk_skb, P::lwt_seg6local);
constexpr std::uint64_t sock_holders =
    types(P::sched_cls, P::sched_act, P::xdp, P::cgroup_skb, P::sk_skb, P::cgroup_sock_addr, P::sk_lookup);
constexpr std::uint64_t attached_tracers = types(P::kprobe, P::tracepoint, P::perf_event, P::raw_tracepoint,
                                                 P::raw_tracepoint_writable, P::tracing, P::lsm);
constexpr std::uint64_t routed =
    types(P::sched_cls, P::sched_act, P::lwt_in, P::lwt_out, P::lwt_xmit, P::lwt_seg6local);
constexpr std::uint64_t sockopt_setters =
    types(P::sock_ops, P::cgroup_sock_addr, P::cgroup_sockopt, P::tracing, P::struct_ops, P::lsm);
constexpr std::uint64_t sock_lookers =
    types(P::sched_cls, P::sched_act, P::xdp, P::cgroup_skb, P::sk_skb, P::cgroup_sock_addr);
constexpr std::uint64_t skb_with_socket =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::cgroup_skb, P::sk_skb);
constexpr std::uint64_t skb_relative =
    types(P::socket_filter, P::sched_cls, P::sched_act, P::cgroup_skb, P::sk_reuseport);
constexpr std::uint64_t tcp_aware =
    types(P::sched_cls, P::sched_act, P::cgroup_skb, P::sock_ops, P::cgroup_sockopt);
constexpr std::uint64_t skb_resizers = types(P::sched_cls, P::sched_act, P::lwt_xmit, P::sk_skb);
constexpr std::uint64_t redirectors = types(P::sched_cls, P::sched_act, P::xdp, P::lwt_xmit);
constexpr std::uint64_t retval = types(P::cgroup_sock, P::cgroup_sock_addr, P::cgroup_sockopt, P::lsm);
constexpr std::uint64_t xdp_and_tracing = types(P::xdp, P::tracing, P::lsm, P::syscall);
constexpr std::uint64_t skb_writers = types(P::sched_cls, P::sched_act, P::lwt_xmit);
constexpr std::uint64_t tc_and_sk_skb = types(P::sched_cls, P::sched_act, P::sk_skb);
constexpr std::uint64_t tc_and_xdp = types(P::sched_cls, P::sched_act, P::xdp);
constexpr std::uint64_t tc_and_cgroup_skb = types(P::sched_cls, P::sched_act, P::cgroup_skb);
constexpr std::uint64_t kernel_walkers = types(P::tracing, P::lsm, P::syscall);
constexpr std::uint64_t sk_assigners = types(P::sched_cls, P::sched_act, P::sk_lookup);
constexpr std::uint64_t tc = types(P::sched_cls, P::sched_act);
constexpr std::uint64_t lwt_encap = types(P::lwt_in, P::lwt_xmit);
constexpr std::uint64_t trampolines = types(P::tracing, P::lsm);
constexpr std::uint64_t only_xdp = types(P::xdp);
constexpr std::uint64_t only_sk_skb = types(P::sk_skb);
constexpr std::uint64_t only_sock_ops = types(P::sock_ops);
constexpr std::uint64_t only_perf_event = types(P::perf_event);
constexpr std::uint64_t only_kprobe = types(P::kprobe);
constexpr std::uint64_t only_sk_msg = types(P::sk_msg);
constexpr std::uint64_t only_cgroup_sock_addr = types(P::cgroup_sock_addr);
constexpr std::uint64_t only_lwt_seg6local = types(P::lwt_seg6local);
constexpr std::uint64_t only_lirc_mode2 = types(P::lirc_mode2);
constexpr std::uint64_t only_sk_reuseport = types(P::sk_reuseport);
constexpr std::uint64_t only_cgroup_sysctl = types(P::cgroup_sysctl);
constexpr std::uint64_t only_struct_ops = types(P::struct_ops);
constexpr std::uint64_t only_tracing = types(P::tracing);
constexpr std::uint64_t only_cgroup_skb = types(P::cgroup_skb);
constexpr std::uint64_t only_lsm = types(P::lsm);
constexpr std::uint64_t only_syscall = types(P::syscall);
constexpr bool gpl = true, any_licence = false;

constexpr std::uint16_t v(unsigned major, unsigned minor) {
  return static_cast<std::uint16_t>(major << 8 | minor);
}

constexpr std::string_view asked = "program types asked of Linux 6.18";
constexpr std::string_view by_sources = "program types from the sources of Linux 6.12";

constexpr Helper table[] = {
#include "skep/uapi/helpers_rows.inc"
};

constexpr std::size_t count = std::size(table);

constexpr bool is_fixed(Arg arg) {
  return arg == A::fixed_mem || arg == A::fixed_uninit_mem || arg == A::fixed_inout_mem;
}
constexpr bool has_size(Arg arg) {
  return arg == A::mem || arg == A::mem_or_null || arg == A::uninit_mem || arg == A::uninit_mem_or_null ||
         arg == A::inout_mem || arg == A::inout_mem_or_null;
}
constexpr bool is_size(Arg arg) { return arg == A::size || arg == A::size_or_zero; }

// The position of the name in "type bpf_name(arguments)".
constexpr bool prototype_names(const Helper& helper) {
  const std::size_t open = helper.prototype.find('(');
  if (open == std::string_view::npos || !helper.prototype.ends_with(')')) return false;
  const std::string_view left = helper.prototype.substr(0, open);
  return left.ends_with(helper.name) && left.substr(0, left.size() - helper.name.size()).ends_with("bpf_");
}

constexpr bool well_formed(const Helper& helper) {
  unsigned fixed = 0;
  for (std::size_t i = 0; i < helper.args.size(); ++i) {
    const Arg arg = helper.args[i];
    const Arg before = i == 0 ? A::anything : helper.args[i - 1];
    if (arg != A::none && before == A::none) return false;  // a hole
    if (is_size(arg) != (i > 0 && has_size(before))) return false;
    if (i + 1 == helper.args.size() && has_size(arg)) return false;
    fixed += is_fixed(arg);
  }
  return (fixed > 0) == (helper.fixed_size > 0) && (helper.second_fixed_size == 0 || fixed == 2) &&
         helper.prog_types != 0 && (helper.prog_types & ~all_types) == 0 && prototype_names(helper);
}

constexpr std::array<std::uint8_t, count> sorted_by_name() {
  std::array<std::uint8_t, count> order{};
  for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint8_t>(i);
  std::sort(order.begin(), order.end(), [](auto a, auto b) { return table[a].name < table[b].name; });
  return order;
}
constexpr auto by_name = sorted_by_name();

static_assert(count == 211 && count <= 256);
static_assert(
    [] {
      for (std::size_t i = 0; i < count; ++i) {
        if (table[i].id != i + 1) return false;
      }
      return true;
    }(),
    "ids are 1, 2, 3, ...");
static_assert(std::all_of(std::begin(table), std::end(table), well_formed),
              "a size follows each memory argument and nothing else; masks, sizes and prototypes fit");
static_assert(
    [] {
      for (std::size_t i = 1; i < count; ++i) {
        if (table[by_name[i - 1]].name == table[by_name[i]].name) return false;
      }
      return true;
    }(),
    "names are unique");

// The same id with other arguments or another licence rule.
struct Variant {
  std::uint32_t id;
  std::uint64_t prog_types;
  HelperForm form;
};

constexpr Variant variants[] = {
    // The classid of the current task instead of the packet's.
    {17,
     all_but_lirc & ~types(P::sched_cls, P::sched_act, P::lwt_in, P::lwt_out, P::lwt_xmit, P::lwt_seg6local),
     {{}, any_licence}},
    {27, types(P::perf_event), {{A::context, A::map, A::anything}, any_licence}},
    // Programs that hold a socket name it; the others have it in their context.
    {46, types(P::tracing, P::lsm, P::syscall), {{A::sock_or_null}, any_licence}},
    {46, types(P::sk_reuseport), {{A::sock}, any_licence}},
    {49,
     types(P::cgroup_sockopt, P::tracing, P::struct_ops, P::lsm),
     {{A::sock, A::anything, A::anything, A::mem, A::size}, any_licence}},
    {57,
     types(P::cgroup_sockopt, P::tracing, P::struct_ops, P::lsm),
     {{A::sock, A::anything, A::anything, A::uninit_mem, A::size}, any_licence}},
    {107, types(P::cgroup_sock), {{A::map, A::context, A::map_value_or_null, A::anything}, any_licence}},
    {107,
     types(P::tracing, P::syscall),
     {{A::map, A::btf_ptr_or_null, A::map_value_or_null, A::anything}, any_licence}},
    {108, types(P::tracing, P::syscall), {{A::map, A::btf_ptr_or_null}, any_licence}},
    {124, types(P::sk_lookup), {{A::context, A::sock_or_null, A::anything}, any_licence}},
    {188, types(P::tracing, P::lsm, P::syscall), {{A::btf_ptr}, any_licence}},
};

static_assert(std::all_of(std::begin(variants), std::end(variants), [](const Variant& variant) {
  Helper row = table[variant.id - 1];
  if ((variant.prog_types & ~row.prog_types) != 0) return false;
  row.args = variant.form.args;
  return well_formed(row);
}));

}  // namespace

std::span<const Helper> helpers() { return table; }

const Helper* find_helper(std::uint32_t id) { return id - 1 < count ? &table[id - 1] : nullptr; }

const Helper* find_helper(std::string_view name) {
  if (name.starts_with("bpf_")) name.remove_prefix(4);
  const auto* at =
      std::lower_bound(by_name.begin(), by_name.end(), name,
                       [](std::uint8_t i, std::string_view wanted) { return table[i].name < wanted; });
  return at != by_name.end() && table[*at].name == name ? &table[*at] : nullptr;
}

bool may_call(const Helper& helper, ProgType type) {
  const auto bit = static_cast<std::uint32_t>(type);
  return bit < 64 && (helper.prog_types >> bit & 1) != 0;
}

HelperForm helper_form(const Helper& helper, ProgType type) {
  const auto bit = static_cast<std::uint32_t>(type);
  for (const Variant& variant : variants) {
    if (variant.id == helper.id && bit < 64 && (variant.prog_types >> bit & 1) != 0) return variant.form;
  }
  return {helper.args, helper.gpl_only};
}

std::uint32_t fixed_size_of(const Helper& helper, unsigned index) {
  if (index >= helper.args.size() || !is_fixed(helper.args[index])) return 0;
  const bool second = std::any_of(helper.args.begin(), helper.args.begin() + index, is_fixed);
  return second && helper.second_fixed_size != 0 ? helper.second_fixed_size : helper.fixed_size;
}

}  // namespace skep::uapi
