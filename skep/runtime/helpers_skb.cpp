// Helpers on struct sk_buff that leave its headers where they are: bytes, type, hash, socket, redirects.
// Facts: net/core/filter.c, net/core/sock_diag.c.
#include <algorithm>
#include <cstring>

#include "skep/runtime/checksum.h"
#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::Packet;
using image::RunContext;
using std::uint32_t;
using std::uint64_t;

namespace {

constexpr uint64_t act_shot = 2, act_redirect = 7;  // TC_ACT_*
constexpr uint64_t to_ingress = 1;                  // BPF_F_INGRESS
constexpr uint32_t the_device = 1;                  // the loopback

uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }
std::ptrdiff_t length(const Packet& packet) { return packet.data_end - packet.data; }

uint64_t cleared(uint64_t to, uint64_t size) {
  std::memset(at<void>(to), 0, low(size));
  return r0(-EFAULT);
}

uint64_t skb_store_bytes(uint64_t, uint64_t offset_, uint64_t from, uint64_t size_, uint64_t flags,
                         RunContext* ctx) {
  constexpr uint64_t recompute = 1, invalidate_hash = 2;  // BPF_F_RECOMPUTE_CSUM, BPF_F_INVALIDATE_HASH
  uint32_t offset = low(offset_), size = low(size_);
  if (flags & ~(recompute | invalidate_hash)) return r0(-EINVAL);
  if (offset > INT32_MAX) return r0(-EFAULT);
  Cpu& cpu = cpu_of(ctx);
  Packet& packet = ctx->packet;
  cpu.skb.pointers = true;
  cpu.packet_changed();
  if (std::ptrdiff_t{offset} + size > length(packet)) return r0(-EFAULT);
  std::uint8_t* to = packet.data + offset;
  if (flags & recompute) checksum_pulled(cpu.skb, to, size, offset);
  std::memmove(to, at<void>(from), size);
  if (flags & recompute) checksum_pushed(cpu.skb, to, size, offset);
  if (flags & invalidate_hash) {
    cpu.skb.md.hash = 0;
    cpu.skb.hash_known = false;
  }
  return 0;
}

uint64_t skb_load_bytes(uint64_t, uint64_t offset_, uint64_t to, uint64_t size_, uint64_t, RunContext* ctx) {
  uint32_t offset = low(offset_), size = low(size_);
  const Packet& packet = ctx->packet;
  if (offset > INT32_MAX || std::ptrdiff_t{offset} + size > length(packet)) return cleared(to, size);
  std::memmove(at<void>(to), packet.data + offset, size);
  return 0;
}

uint64_t skb_load_bytes_relative(uint64_t, uint64_t offset_, uint64_t to, uint64_t size_, uint64_t start,
                                 RunContext* ctx) {
  constexpr uint32_t from_mac = 0, from_net = 1;  // BPF_HDR_START_*
  uint32_t offset = low(offset_), size = low(size_);
  const Packet& packet = ctx->packet;
  if (offset > 0xffff || low(start) > from_net) return cleared(to, size);
  const std::uint8_t* from = low(start) == from_mac ? packet.mac_header : packet.network_header;
  if (!from || packet.data_end - from < std::ptrdiff_t{offset} + size) return cleared(to, size);
  std::memmove(at<void>(to), from + offset, size);
  return 0;
}

// A test run of a flow dissector has no struct sk_buff behind its context: nothing can be loaded.
uint64_t flow_load_bytes(uint64_t, uint64_t, uint64_t to, uint64_t size, uint64_t, RunContext*) {
  return cleared(to, size);
}

uint64_t skb_pull_data(uint64_t, uint64_t size, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Cpu& cpu = cpu_of(ctx);
  cpu.skb.pointers = true;
  cpu.packet_changed();
  return low(size) > length(ctx->packet) ? r0(-ENOMEM) : 0;
}

uint64_t skb_change_type(uint64_t, uint64_t type, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  constexpr uint32_t last = 3;  // PACKET_OTHERHOST
  SkBuff& md = cpu_of(ctx).skb.md;
  if (md.pkt_type > last || low(type) > last) return r0(-EINVAL);
  md.pkt_type = low(type);
  return 0;
}

uint64_t get_hash_recalc(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Skb& skb = cpu_of(ctx).skb;
  if (!skb.hash_known) {
    skb.md.hash = flow_hash(skb, ctx->packet);
    skb.hash_known = true;
  }
  return skb.md.hash;
}
uint64_t set_hash_invalid(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Skb& skb = cpu_of(ctx).skb;
  skb.md.hash = 0;
  skb.hash_known = false;
  return 0;
}
uint64_t set_hash(uint64_t, uint64_t hash, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Skb& skb = cpu_of(ctx).skb;
  skb.md.hash = low(hash);
  skb.hash_known = true;
  return 0;
}

uint64_t skb_set_tstamp(uint64_t, uint64_t tstamp, uint64_t type_, uint64_t, uint64_t, RunContext* ctx) {
  constexpr uint32_t realtime = 0, tai = 2;  // BPF_SKB_CLOCK_*
  uint32_t type = low(type_);
  SkBuff& md = cpu_of(ctx).skb.md;
  if (md.protocol != ether_ip && md.protocol != ether_ipv6) return r0(-EOPNOTSUPP);
  if (type > tai || (type != realtime && !tstamp)) return r0(-EINVAL);
  md.tstamp = tstamp;
  md.tstamp_type = static_cast<std::uint8_t>(type);
  return 0;
}

// The type under the VLAN tags; 0 if they run over the end of the packet.
uint32_t inner_protocol(const Skb& skb, const Packet& packet) {
  constexpr unsigned most_tags = 8;  // VLAN_MAX_DEPTH
  constexpr uint32_t tag_bytes = 4;
  uint32_t type = skb.md.protocol;
  uint32_t at = skb.mac_len ? skb.mac_len - tag_bytes : ethernet_bytes;
  for (unsigned tags = 1; is_vlan(type); tags++, at += tag_bytes) {
    if (skb.mac_len && skb.mac_len < tag_bytes) return 0;
    if (tags == most_tags || std::ptrdiff_t{at} + tag_bytes > length(packet)) return 0;
    type = base::load<std::uint16_t>(packet.data + at + 2);
  }
  return type;
}

// RFC 3168: a packet that can say so says that it met congestion. 1 if it does now.
uint64_t skb_ecn_set_ce(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  const Packet& packet = ctx->packet;
  Skb& skb = cpu_of(ctx).skb;
  uint32_t protocol = inner_protocol(skb, packet);
  if (protocol != ether_ip && protocol != ether_ipv6) return 0;
  std::ptrdiff_t header = protocol == ether_ip ? 20 : 40;
  std::uint8_t* ip = packet.network_header;
  if (length(packet) < header || packet.data_end - ip < header) return 0;
  if (protocol == ether_ipv6) {
    if ((ip[1] & 0x30) == 0) return 0;
    checksum_pulled(skb, ip, 4);
    ip[1] |= 0x30;
    checksum_pushed(skb, ip, 4);
    return 1;
  }
  unsigned codepoint = ip[1] & 3u;
  if (codepoint == 0 || codepoint == 3) return codepoint == 3;
  // The field's word grows by 1 or 2, so its checksum shrinks by that. Of the two zeros, the kernel keeps 0.
  auto shrink = network_order(static_cast<std::uint16_t>(codepoint == 1 ? 0xfffd : 0xfffe));
  uint32_t sum = uint32_t{base::load<std::uint16_t>(ip + 10)} + shrink;
  auto check = static_cast<std::uint16_t>(sum + (sum >= 0xffff));
  std::memcpy(ip + 10, &check, sizeof check);
  ip[1] |= 3;
  return 1;
}

uint64_t get_socket_cookie(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Cpu& cpu = cpu_of(ctx);
  // Each run has a socket of its own; the number of the run on its CPU makes it one of a kind.
  if (!cpu.skb.cookie) cpu.skb.cookie = (cpu.runs.load(std::memory_order_relaxed) << 16) + cpu.number + 1;
  return cpu.skb.cookie;
}
// The test run's socket belongs to root, to no class of a control group, and no route has a realm.
uint64_t nothing(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext*) { return 0; }
// It is a full socket: neither a request nor one that only waits.
uint64_t sk_fullsock(uint64_t sock, uint64_t, uint64_t, uint64_t, uint64_t, RunContext*) { return sock; }

uint64_t redirect(uint64_t ifindex, uint64_t flags, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  if (flags & ~to_ingress) return act_shot;
  ctx->redirect = {nullptr, low(ifindex), flags, true};
  return act_redirect;
}
uint64_t redirect_peer(uint64_t ifindex, uint64_t flags, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  if (flags) return act_shot;
  ctx->redirect = {nullptr, low(ifindex), 0, true};
  return act_redirect;
}
uint64_t redirect_neigh(uint64_t ifindex, uint64_t, uint64_t size, uint64_t flags, uint64_t,
                        RunContext* ctx) {
  constexpr std::int32_t parameters_bytes = 20;  // struct bpf_redir_neigh
  auto given = static_cast<std::int32_t>(size);
  // The kernel compares with an unsigned size: a negative one passes there.
  if ((given > 0 && given < parameters_bytes) || flags) return act_shot;
  ctx->redirect = {nullptr, low(ifindex), 0, true};
  return act_redirect;
}

uint64_t clone_redirect(uint64_t, uint64_t ifindex, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  Cpu& cpu = cpu_of(ctx);
  const Packet& packet = ctx->packet;
  if (flags & ~to_ingress) return r0(-EINVAL);
  if (cpu.skb.is_gso() && !cpu.skb.gso_type) return r0(-EBADMSG);
  if (low(ifindex) != the_device) return r0(-EINVAL);
  cpu.skb.pointers = true;
  cpu.packet_changed();
  if (packet.mac_header >= packet.network_header || length(packet) == 0) return r0(-ERANGE);
  cpu.skb.clones++;
  return 0;
}

constexpr HelperEntry table[] = {
    {9, "skb_store_bytes", skb_store_bytes},
    {13, "clone_redirect", clone_redirect},
    {17, "get_cgroup_classid", nothing},
    {23, "redirect", redirect},
    {24, "get_route_realm", nothing},
    {26, "skb_load_bytes", skb_load_bytes},
    {32, "skb_change_type", skb_change_type},
    {34, "get_hash_recalc", get_hash_recalc},
    {39, "skb_pull_data", skb_pull_data},
    {41, "set_hash_invalid", set_hash_invalid},
    {46, "get_socket_cookie", get_socket_cookie},
    {47, "get_socket_uid", nothing},
    {48, "set_hash", set_hash},
    {68, "skb_load_bytes_relative", skb_load_bytes_relative},
    {95, "sk_fullsock", sk_fullsock},
    {97, "skb_ecn_set_ce", skb_ecn_set_ce},
    {151, "skb_cgroup_classid", nothing},
    {152, "redirect_neigh", redirect_neigh},
    {155, "redirect_peer", redirect_peer},
    {192, "skb_set_tstamp", skb_set_tstamp},
};
constexpr HelperEntry flow_table[] = {{26, "skb_load_bytes", flow_load_bytes}};

}  // namespace

std::span<const HelperEntry> skb_helpers() { return table; }
std::span<const HelperEntry> flow_dissector_helpers() { return flow_table; }

}  // namespace skep::runtime
