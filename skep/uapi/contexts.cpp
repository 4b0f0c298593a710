// The contexts' rows. Offsets are the UAPI's on 64-bit machines; tests hold them against kernel BTF.
#include "skep/uapi/contexts.h"

#include <algorithm>
#include <array>

#include "skep/uapi/prog_types.h"

namespace skep::uapi {
namespace {

using Y = Yields;
using P = ProgType;
using A = AttachType;

template <class... Types>
constexpr std::uint64_t bits(Types... types) {
  return (bit(types) | ...);
}

constexpr Widths one{1, 1}, four{4, 4}, eight{8, 8};
constexpr Widths narrow{1, 4};   // a 32-bit number, in pieces too
constexpr Widths narrow8{1, 8};  // 64 bits, or two neighbours at once

constexpr std::uint64_t every = ~0ull;  // attach types

// --- __sk_buff ---

constexpr std::uint64_t tc = bits(P::sched_cls, P::sched_act);
constexpr std::uint64_t lwt = bits(P::lwt_in, P::lwt_out, P::lwt_xmit, P::lwt_seg6local);
constexpr std::uint64_t socket = bits(P::socket_filter);
constexpr std::uint64_t cgroup = bits(P::cgroup_skb);
constexpr std::uint64_t stream = bits(P::sk_skb);
constexpr std::uint64_t flow = bits(P::flow_dissector);
constexpr std::uint64_t skb = socket | tc | cgroup | lwt | stream;  // the flow dissector has rules of its own
constexpr std::uint64_t direct = tc | cgroup | lwt | stream | flow;
constexpr std::uint64_t with_addresses = cgroup | stream;

constexpr ContextField sk_buff[] = {
    {"len", 0, 4, Y::scalar, narrow, skb},
    {"pkt_type", 4, 4, Y::scalar, narrow, skb},
    {"mark", 8, 4, Y::scalar, narrow, skb & ~stream, four, tc | cgroup | lwt},
    {"queue_mapping", 12, 4, Y::scalar, narrow, skb, four, tc},
    {"protocol", 16, 4, Y::scalar, narrow, skb},
    {"vlan_present", 20, 4, Y::scalar, narrow, skb},
    {"vlan_tci", 24, 4, Y::scalar, narrow, skb},
    {"vlan_proto", 28, 4, Y::scalar, narrow, skb},
    {"priority", 32, 4, Y::scalar, narrow, skb, four, tc | cgroup | lwt | stream},
    {"ingress_ifindex", 36, 4, Y::scalar, narrow, skb},
    {"ifindex", 40, 4, Y::scalar, narrow, skb},
    {"tc_index", 44, 4, Y::scalar, narrow, skb, four, tc | stream},
    {"cb", 48, 20, Y::scalar, narrow8, skb, narrow8, socket | tc | cgroup | lwt},
    {"hash", 68, 4, Y::scalar, narrow, skb},
    {"tc_classid", 72, 4, Y::scalar, narrow, tc, four, tc},
    {"data", 76, 4, Y::packet, four, direct},
    {"data_end", 80, 4, Y::packet_end, four, direct},
    {"napi_id", 84, 4, Y::scalar, narrow, skb},
    {"family", 88, 4, Y::scalar, narrow, with_addresses},
    {"remote_ip4", 92, 4, Y::scalar, four, with_addresses},
    {"local_ip4", 96, 4, Y::scalar, four, with_addresses},
    {"remote_ip6", 100, 16, Y::scalar, four, with_addresses},
    {"local_ip6", 116, 16, Y::scalar, four, with_addresses},
    {"remote_port", 132, 4, Y::scalar, narrow, with_addresses},
    {"local_port", 136, 4, Y::scalar, narrow, with_addresses},
    {"data_meta", 140, 4, Y::packet_meta, four, tc},
    {"flow_keys", 144, 8, Y::flow_keys, eight, flow},
    {"tstamp", 152, 8, Y::scalar, eight, tc | cgroup, eight, tc | cgroup},
    {"wire_len", 160, 4, Y::scalar, narrow, tc},
    {"gso_segs", 164, 4, Y::scalar, narrow, skb},
    {"sk", 168, 8, Y::sock_common_or_null, eight, skb},
    {"gso_size", 176, 4, Y::scalar, narrow, skb},
    {"tstamp_type", 180, 1, Y::scalar, one, tc},
    {"hwtstamp", 184, 8, Y::scalar, eight, tc | cgroup, {}, 0, every, every, false, since(5, 16)},
};

// --- xdp_md ---

constexpr std::uint64_t xdp = bits(P::xdp);
constexpr ContextField xdp_md[] = {
    {"data", 0, 4, Y::packet, four, xdp},
    {"data_end", 4, 4, Y::packet_end, four, xdp},
    {"data_meta", 8, 4, Y::packet_meta, four, xdp},
    {"ingress_ifindex", 12, 4, Y::scalar, four, xdp},
    {"rx_queue_index", 16, 4, Y::scalar, four, xdp},
    {"egress_ifindex", 20, 4, Y::scalar, four, xdp, {}, 0, bits(A::xdp_devmap), every, false, since(5, 8)},
};

// --- bpf_sock ---

constexpr std::uint64_t sock = bits(P::cgroup_sock);
constexpr std::uint64_t life = bits(A::cgroup_inet_sock_create, A::cgroup_inet_sock_release);
constexpr std::uint64_t post4 = bits(A::cgroup_inet4_post_bind);
constexpr std::uint64_t post6 = bits(A::cgroup_inet6_post_bind);
constexpr bool at_start = true;
constexpr ContextField bpf_sock[] = {
    {"bound_dev_if", 0, 4, Y::scalar, four, sock, four, sock, life, life},
    {"family", 4, 4, Y::scalar, narrow, sock, {}, 0, every, every, at_start},
    {"type", 8, 4, Y::scalar, narrow, sock, {}, 0, every, every, at_start},
    {"protocol", 12, 4, Y::scalar, narrow, sock, {}, 0, every, every, at_start},
    {"mark", 16, 4, Y::scalar, four, sock, four, sock, life, life},
    {"priority", 20, 4, Y::scalar, four, sock, four, sock, life, life},
    {"src_ip4", 24, 4, Y::scalar, narrow, sock, {}, 0, post4},
    {"src_ip6", 28, 16, Y::scalar, narrow, sock, {}, 0, post6},
    {"src_port", 44, 4, Y::scalar, narrow, sock, {}, 0, post4 | post6, every, at_start},
    {"dst_port", 48, 2, Y::scalar, {1, 2}, sock},
    {"dst_port", 48, 4, Y::scalar, four, sock},  // with the padding behind it, as old programs do
    {"dst_ip4", 52, 4, Y::scalar, narrow, sock},
    {"dst_ip6", 56, 16, Y::scalar, narrow, sock},
    {"state", 72, 4, Y::scalar, narrow, sock, {}, 0, every, every, at_start},
    {"rx_queue_mapping", 76, 4, Y::scalar, narrow, sock, {}, 0, every, every, at_start},
};

// --- bpf_sock_addr ---

constexpr std::uint64_t addr = bits(P::cgroup_sock_addr);
constexpr std::uint64_t v4 =
    bits(A::cgroup_inet4_bind, A::cgroup_inet4_connect, A::cgroup_inet4_getpeername,
         A::cgroup_inet4_getsockname, A::cgroup_udp4_sendmsg, A::cgroup_udp4_recvmsg);
constexpr std::uint64_t v6 =
    bits(A::cgroup_inet6_bind, A::cgroup_inet6_connect, A::cgroup_inet6_getpeername,
         A::cgroup_inet6_getsockname, A::cgroup_udp6_sendmsg, A::cgroup_udp6_recvmsg);
constexpr std::uint64_t send4 = bits(A::cgroup_udp4_sendmsg);
constexpr std::uint64_t send6 = bits(A::cgroup_udp6_sendmsg);
constexpr Widths four_or_eight{4, 8};
constexpr ContextField bpf_sock_addr[] = {
    {"user_family", 0, 4, Y::scalar, four, addr},
    {"user_ip4", 4, 4, Y::scalar, narrow, addr, four, addr, v4, v4},
    {"user_ip6", 8, 16, Y::scalar, narrow8, addr, four_or_eight, addr, v6, v6},
    {"user_port", 24, 4, Y::scalar, narrow, addr, four, addr},
    {"family", 28, 4, Y::scalar, four, addr},
    {"type", 32, 4, Y::scalar, four, addr},
    {"protocol", 36, 4, Y::scalar, four, addr},
    {"msg_src_ip4", 40, 4, Y::scalar, narrow, addr, four, addr, send4, send4},
    {"msg_src_ip6", 44, 16, Y::scalar, narrow8, addr, four_or_eight, addr, send6, send6},
    {"sk", 64, 8, Y::sock, eight, addr},
};

// --- bpf_sock_ops ---

constexpr std::uint64_t ops = bits(P::sock_ops);
constexpr ContextField bpf_sock_ops[] = {
    {"op", 0, 4, Y::scalar, four, ops},
    {"reply", 4, 4, Y::scalar, four, ops, four, ops},  // args and replylong share its bytes
    {"args", 4, 16, Y::scalar, four, ops},
    {"family", 20, 4, Y::scalar, four, ops},
    {"remote_ip4", 24, 4, Y::scalar, four, ops},
    {"local_ip4", 28, 4, Y::scalar, four, ops},
    {"remote_ip6", 32, 16, Y::scalar, four, ops},
    {"local_ip6", 48, 16, Y::scalar, four, ops},
    {"remote_port", 64, 4, Y::scalar, four, ops},
    {"local_port", 68, 4, Y::scalar, four, ops},
    {"is_fullsock", 72, 4, Y::scalar, four, ops},
    {"snd_cwnd", 76, 4, Y::scalar, four, ops},
    {"srtt_us", 80, 4, Y::scalar, four, ops},
    {"bpf_sock_ops_cb_flags", 84, 4, Y::scalar, four, ops},
    {"state", 88, 4, Y::scalar, four, ops},
    {"rtt_min", 92, 4, Y::scalar, four, ops},
    {"snd_ssthresh", 96, 4, Y::scalar, four, ops},
    {"rcv_nxt", 100, 4, Y::scalar, four, ops},
    {"snd_nxt", 104, 4, Y::scalar, four, ops},
    {"snd_una", 108, 4, Y::scalar, four, ops},
    {"mss_cache", 112, 4, Y::scalar, four, ops},
    {"ecn_flags", 116, 4, Y::scalar, four, ops},
    {"rate_delivered", 120, 4, Y::scalar, four, ops},
    {"rate_interval_us", 124, 4, Y::scalar, four, ops},
    {"packets_out", 128, 4, Y::scalar, four, ops},
    {"retrans_out", 132, 4, Y::scalar, four, ops},
    {"total_retrans", 136, 4, Y::scalar, four, ops},
    {"segs_in", 140, 4, Y::scalar, four, ops},
    {"data_segs_in", 144, 4, Y::scalar, four, ops},
    {"segs_out", 148, 4, Y::scalar, four, ops},
    {"data_segs_out", 152, 4, Y::scalar, four, ops},
    {"lost_out", 156, 4, Y::scalar, four, ops},
    {"sacked_out", 160, 4, Y::scalar, four, ops},
    {"sk_txhash", 164, 4, Y::scalar, four, ops, four, ops},
    {"bytes_received", 168, 8, Y::scalar, eight, ops},
    {"bytes_acked", 176, 8, Y::scalar, eight, ops},
    {"sk", 184, 8, Y::sock_or_null, eight, ops},
    {"skb_data", 192, 8, Y::packet, eight, ops},
    {"skb_data_end", 200, 8, Y::packet_end, eight, ops},
    {"skb_len", 208, 4, Y::scalar, four, ops},
    {"skb_tcp_flags", 212, 4, Y::scalar, narrow, ops, {}, 0, every, every, at_start},
    {"skb_hwtstamp", 216, 8, Y::scalar, eight, ops, {}, 0, every, every, false, since(6, 2)},
};

// --- sk_msg_md, sk_reuseport_md, bpf_sk_lookup ---

constexpr std::uint64_t msg = bits(P::sk_msg);
constexpr ContextField sk_msg_md[] = {
    {"data", 0, 8, Y::packet, eight, msg},       {"data_end", 8, 8, Y::packet_end, eight, msg},
    {"family", 16, 4, Y::scalar, four, msg},     {"remote_ip4", 20, 4, Y::scalar, four, msg},
    {"local_ip4", 24, 4, Y::scalar, four, msg},  {"remote_ip6", 28, 16, Y::scalar, four, msg},
    {"local_ip6", 44, 16, Y::scalar, four, msg}, {"remote_port", 60, 4, Y::scalar, four, msg},
    {"local_port", 64, 4, Y::scalar, four, msg}, {"size", 68, 4, Y::scalar, four, msg},
    {"sk", 72, 8, Y::sock, eight, msg},
};

constexpr std::uint64_t reuseport = bits(P::sk_reuseport);
constexpr ContextField sk_reuseport_md[] = {
    {"data", 0, 8, Y::packet, eight, reuseport},
    {"data_end", 8, 8, Y::packet_end, eight, reuseport},
    {"len", 16, 4, Y::scalar, narrow, reuseport},
    {"eth_protocol", 20, 4, Y::scalar, {2, 4}, reuseport},
    {"ip_protocol", 24, 4, Y::scalar, narrow, reuseport},
    {"bind_inany", 28, 4, Y::scalar, narrow, reuseport},
    {"hash", 32, 4, Y::scalar, four, reuseport},
    {"sk", 40, 8, Y::sock, eight, reuseport},
    {"migrating_sk", 48, 8, Y::sock_common_or_null, eight, reuseport},
};

constexpr std::uint64_t lookup = bits(P::sk_lookup);
constexpr ContextField bpf_sk_lookup[] = {
    {"sk", 0, 8, Y::sock_or_null, eight, lookup},  // test runs hand back a cookie in its place
    {"family", 8, 4, Y::scalar, narrow, lookup},
    {"protocol", 12, 4, Y::scalar, narrow, lookup},
    {"remote_ip4", 16, 4, Y::scalar, narrow, lookup},
    {"remote_ip6", 20, 16, Y::scalar, narrow, lookup},
    {"remote_port", 36, 2, Y::scalar, {1, 2}, lookup},
    {"remote_port", 36, 4, Y::scalar, four, lookup},    // with the padding behind it, as old programs do
    {"remote_port", 38, 2, Y::scalar, {1, 2}, lookup},  // the padding alone: reads 0
    {"local_ip4", 40, 4, Y::scalar, narrow, lookup},
    {"local_ip6", 44, 16, Y::scalar, narrow, lookup},
    {"local_port", 60, 4, Y::scalar, narrow, lookup},
    {"ingress_ifindex", 64, 4, Y::scalar, narrow, lookup},
};

// --- control groups' others ---

constexpr std::uint64_t sysctl = bits(P::cgroup_sysctl);
constexpr ContextField bpf_sysctl[] = {
    {"write", 0, 4, Y::scalar, narrow, sysctl},
    {"file_pos", 4, 4, Y::scalar, narrow, sysctl, four, sysctl},
};

constexpr std::uint64_t sockopt = bits(P::cgroup_sockopt);
constexpr std::uint64_t get = bits(A::cgroup_getsockopt);
constexpr std::uint64_t set = bits(A::cgroup_setsockopt);
constexpr ContextField bpf_sockopt[] = {
    {"sk", 0, 8, Y::sock, eight, sockopt},
    {"optval", 8, 8, Y::mem, eight, sockopt},
    {"optval_end", 16, 8, Y::mem_end, eight, sockopt},
    {"level", 24, 4, Y::scalar, four, sockopt, four, sockopt, every, set},
    {"optname", 28, 4, Y::scalar, four, sockopt, four, sockopt, every, set},
    {"optlen", 32, 4, Y::scalar, four, sockopt, four, sockopt},
    {"retval", 36, 4, Y::scalar, four, sockopt, four, sockopt, get, get},
};

constexpr std::uint64_t device = bits(P::cgroup_device);
constexpr ContextField bpf_cgroup_dev_ctx[] = {
    {"access_type", 0, 4, Y::scalar, narrow, device},
    {"major", 4, 4, Y::scalar, four, device},
    {"minor", 8, 4, Y::scalar, four, device},
};

// --- tracing ---

constexpr std::uint64_t probe = bits(P::kprobe);
constexpr std::uint64_t perf = bits(P::perf_event);
constexpr std::uint64_t raw = bits(P::raw_tracepoint);
constexpr std::uint64_t raw_writable = bits(P::raw_tracepoint_writable);

#if defined(__x86_64__)
constexpr std::uint16_t pt_regs_size = 168;
constexpr std::uint16_t user_regs_size = 168;
#elif defined(__aarch64__)
constexpr std::uint16_t pt_regs_size = 336;    // the kernel's own, behind the user's 272 bytes
constexpr std::uint16_t user_regs_size = 272;  // struct user_pt_regs
#else
#error "pt_regs of this machine are not known"
#endif
// Which register stands where is the machine's affair; the verifier lets all of them be read.
constexpr ContextField pt_regs[] = {{"regs", 0, pt_regs_size, Y::scalar, narrow8, probe}};
constexpr ContextField bpf_perf_event_data[] = {
    {"regs", 0, user_regs_size, Y::scalar, eight, perf},
    {"sample_period", user_regs_size, 8, Y::scalar, narrow8, perf},
    {"addr", user_regs_size + 8, 8, Y::scalar, narrow8, perf},
};
// The first 8 bytes of a tracepoint's record are the kernel's.
constexpr std::uint16_t record_max = 8192;
constexpr ContextField tracepoint[] = {
    {"record", 8, record_max - 8, Y::scalar, narrow8, bits(P::tracepoint)}};
constexpr std::uint16_t most_arguments = 12;
constexpr ContextField raw_tracepoint_args[] = {
    {"args", 0, most_arguments * 8, Y::scalar, narrow8, raw},
    {"buffer", 0, 8, Y::tp_buffer, eight, raw_writable},
    {"args", 1, most_arguments * 8 - 1, Y::scalar, narrow8,
     raw_writable},  // the verifier looks at offset 0 alone
};

// --- the rest ---

constexpr std::uint64_t netfilter = bits(P::netfilter);
constexpr ContextField bpf_nf_ctx[] = {
    {"state", 0, 8, Y::btf_ptr, eight, netfilter},
    {"skb", 8, 8, Y::btf_ptr, eight, netfilter},
};
constexpr ContextField lirc_mode2[] = {{"sample", 0, 4, Y::scalar, four, bits(P::lirc_mode2)}};
// What the caller of BPF_PROG_TEST_RUN passes; its size is checked when the program runs.
constexpr std::uint16_t syscall_max = 65535;
constexpr ContextField syscall[] = {
    {"arguments", 0, syscall_max, Y::scalar, narrow8, bits(P::syscall), narrow8, bits(P::syscall)}};

constexpr std::array rows = std::to_array<Context>({
    {"__sk_buff", "struct __sk_buff", 192, sk_buff},
    {"xdp_md", "struct xdp_md", 24, xdp_md},
    {"bpf_sock", "struct bpf_sock", 80, bpf_sock},
    {"bpf_sock_addr", "struct bpf_sock_addr", 72, bpf_sock_addr},
    {"bpf_sock_ops", "struct bpf_sock_ops", 224, bpf_sock_ops},
    {"sk_msg_md", "struct sk_msg_md", 80, sk_msg_md},
    {"sk_reuseport_md", "struct sk_reuseport_md", 56, sk_reuseport_md},
    {"bpf_sk_lookup", "struct bpf_sk_lookup", 72, bpf_sk_lookup},
    {"bpf_sysctl", "struct bpf_sysctl", 8, bpf_sysctl},
    {"bpf_sockopt", "struct bpf_sockopt", 40, bpf_sockopt},
    {"bpf_cgroup_dev_ctx", "struct bpf_cgroup_dev_ctx", 12, bpf_cgroup_dev_ctx},
    {"pt_regs", "struct pt_regs", pt_regs_size, pt_regs},
    {"bpf_perf_event_data", "struct bpf_perf_event_data", user_regs_size + 16, bpf_perf_event_data},
    {"tracepoint", "void", record_max, tracepoint},
    {"bpf_raw_tracepoint_args", "struct bpf_raw_tracepoint_args", 0, raw_tracepoint_args},
    {"bpf_nf_ctx", "struct bpf_nf_ctx", 16, bpf_nf_ctx},
    {"lirc_mode2", "unsigned int", 4, lirc_mode2},
    {"syscall", "void", 0, syscall},
});

constexpr bool within() {
  for (const Context& context : rows)
    for (const ContextField& field : context.fields) {
      if (context.size && field.offset + field.size > context.size) return false;
      if (field.load.min == 0 || field.load.min > field.load.max || field.readable == 0) return false;
      if ((field.store.max == 0) != (field.writable == 0)) return false;
    }
  return true;
}
static_assert(within());

bool is_width(std::uint32_t size, Widths widths) {
  return size >= widths.min && size <= widths.max && (size & (size - 1)) == 0;
}

bool has(std::uint64_t mask, std::uint32_t number) { return number < 64 && (mask >> number & 1); }

}  // namespace

std::span<const Context> contexts() { return rows; }

const Context* find_context(std::string_view name) {
  auto at = std::ranges::find_if(rows, [name](const Context& row) { return row.name == name; });
  return at == rows.end() || name.empty() ? nullptr : &*at;
}

const Context* context_of(ProgType type) {
  const ProgTypeRow* row = find_prog_type(type);
  return row ? find_context(row->context) : nullptr;
}

const ContextField* find_field(const Context& context, std::uint32_t offset) {
  for (const ContextField& field : context.fields)
    if (offset >= field.offset && offset < std::uint32_t{field.offset} + field.size) return &field;
  return nullptr;
}

ContextAccess check_context_access(ProgType type, AttachType attach_type, std::int64_t offset,
                                   std::uint32_t size, bool write) {
  const Context* context = context_of(type);
  if (!context || size == 0 || offset < 0 || offset % size != 0) return {};
  attach_type = fixed_attach_type(type, attach_type);
  auto type_number = static_cast<std::uint32_t>(type),
       attach_number = static_cast<std::uint32_t>(attach_type);
  for (const ContextField& field : context->fields) {
    std::int64_t end = std::int64_t{field.offset} + field.size;
    if (offset < field.offset || offset + size > end) continue;
    if (write) {
      if (!is_width(size, field.store) || !has(field.writable, type_number) ||
          !has(field.write_attach, attach_number))
        continue;
    } else {
      if (!is_width(size, field.load) || !has(field.readable, type_number) ||
          !has(field.read_attach, attach_number))
        continue;
      if (field.narrow_at_start && size < field.load.max && offset != field.offset) continue;
    }
    return {true, field.yields, &field};
  }
  return {};
}

}  // namespace skep::uapi
