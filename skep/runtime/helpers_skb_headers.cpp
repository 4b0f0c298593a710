// Helpers that move the ends and the headers of a struct sk_buff: head, tail, room for tunnels, VLAN tags,
// IPv4 to IPv6 and back. Facts: net/core/filter.c, net/core/skbuff.c, include/linux/if_vlan.h.
#include <cstring>

#include "skep/base/bytes.h"
#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::Packet;
using image::RunContext;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

namespace {

constexpr long not_supported = 524;  // ENOTSUPP
constexpr uint32_t tag_bytes = 4, addresses_bytes = 12, ipv4_bytes = 20, ipv6_bytes = 40;

uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }

// One helper's work on the packet of a run.
struct Edit {
  Cpu& cpu;
  Skb& skb = cpu.skb;
  Packet& packet = cpu.ctx.packet;

  uint32_t length() const { return static_cast<uint32_t>(packet.data_end - packet.data); }
  uint32_t network_offset() const { return static_cast<uint32_t>(packet.network_header - packet.data); }
  uint32_t mac_header_bytes() const {
    return static_cast<uint32_t>(packet.network_header - packet.mac_header);
  }
  void reset_mac_len() { skb.mac_len = static_cast<uint16_t>(mac_header_bytes()); }
  // The end of a helper: the program gets its pointers anew.
  uint64_t done(long result) const {
    skb.pointers = true;
    cpu.packet_changed();
    return r0(result);
  }
  void forget_hash() {
    skb.md.hash = 0;
    skb.hash_known = false;
  }

  // Opens `count` zero bytes at `offset`; the headers before it move to the front. Room is there.
  void open(uint32_t offset, uint32_t count) {
    packet.data -= count;
    std::memmove(packet.data, packet.data + count, offset);
    std::memset(packet.data + offset, 0, count);
    bool transport_is_network = skb.transport == skb.offset_of(packet.network_header);
    packet.mac_header -= count;
    packet.network_header -= count;
    if (transport_is_network) skb.transport = skb.offset_of(packet.network_header);
  }
  // Takes `count` bytes out at `offset`.
  long close(uint32_t offset, uint32_t count) {
    if (std::uint64_t{offset} + count > length()) return -ENOMEM;
    checksum_pulled(skb, packet.data + offset, count);
    std::memmove(packet.data + count, packet.data, offset);
    packet.data += count;
    bool transport_is_network = skb.transport == skb.offset_of(packet.network_header);
    packet.mac_header += count;
    packet.network_header += count;
    if (transport_is_network) skb.transport = skb.offset_of(packet.network_header);
    return 0;
  }

  // --- VLAN tags: one stands in the fields, as if the device had taken it; the others in the packet ---

  void set_tag(uint32_t protocol, uint32_t tci) {
    skb.md.vlan_proto = protocol;
    skb.md.vlan_tci = tci;
    skb.md.vlan_present = 1;
  }

  long push_tag(uint32_t protocol, uint32_t tci) {
    if (skb.md.vlan_present) {
      if (packet.data != packet.mac_header) return -EINVAL;
      if (length() < ethernet_bytes) return -EINVAL;
      if (!make_room(skb, packet, tag_bytes, 0)) return -ENOMEM;
      packet.data -= tag_bytes;
      std::memmove(packet.data, packet.data + tag_bytes, addresses_bytes);
      packet.mac_header -= tag_bytes;
      packet.network_header -= tag_bytes;
      uint8_t* tag = packet.data + addresses_bytes;
      auto type = static_cast<uint16_t>(skb.md.vlan_proto);
      uint16_t value = network_order(static_cast<uint16_t>(skb.md.vlan_tci));
      std::memcpy(tag, &type, 2);
      std::memcpy(tag + 2, &value, 2);
      skb.md.protocol = skb.md.vlan_proto;
      checksum_pushed(skb, tag, tag_bytes);
    }
    set_tag(protocol, tci);
    return 0;
  }

  // Takes the first tag out of the packet.
  long take_tag(uint32_t& tci) {
    constexpr uint32_t first_type = 0x600;
    if (packet.data != packet.mac_header) return -EINVAL;
    if (length() < ethernet_bytes + tag_bytes) return -ENOMEM;
    uint8_t* tag = packet.data + addresses_bytes;
    checksum_pulled(skb, tag, tag_bytes);
    const uint8_t* inner = tag + 4;  // the type under the tag
    tci = uint32_t{tag[2]} << 8 | tag[3];
    if ((uint32_t{inner[0]} << 8 | inner[1]) >= first_type)
      skb.md.protocol = base::load<uint16_t>(inner);
    else  // raw 802.3 or an LLC header
      skb.md.protocol = network_order(inner[2] == 0xff && inner[3] == 0xff ? 1 : 4);
    std::memmove(packet.data + tag_bytes, packet.data, addresses_bytes);
    packet.data += tag_bytes;
    packet.mac_header += tag_bytes;
    if (packet.network_header - packet.data < static_cast<std::ptrdiff_t>(ethernet_bytes))
      packet.network_header = packet.data + ethernet_bytes;
    reset_mac_len();
    return 0;
  }

  long pop_tag() {
    uint32_t tci = 0;
    if (skb.md.vlan_present) {
      skb.md.vlan_present = skb.md.vlan_proto = skb.md.vlan_tci = 0;
    } else {
      if (!is_vlan(skb.md.protocol)) return 0;
      if (long error = take_tag(tci)) return error;
    }
    if (!is_vlan(skb.md.protocol)) return 0;
    uint32_t protocol = skb.md.protocol;
    if (long error = take_tag(tci)) return error;
    set_tag(protocol, tci);
    return 0;
  }

  // --- IPv4 and IPv6 ---

  long change_protocol(uint32_t to) {
    constexpr uint32_t more = ipv6_bytes - ipv4_bytes;
    constexpr uint32_t dodgy = 2;  // SKB_GSO_DODGY
    uint32_t from = skb.md.protocol;
    if (from == ether_ip && to == ether_ipv6) {
      if (!make_room(skb, packet, more, 0)) return -ENOMEM;
      open(mac_header_bytes(), more);
    } else if (from == ether_ipv6 && to == ether_ip) {
      if (long error = close(mac_header_bytes(), more)) return error;
    } else {
      return -not_supported;
    }
    if (skb.is_gso()) skb.gso_type |= dodgy;
    skb.md.protocol = to;
    forget_hash();
    return 0;
  }

  long grow(uint32_t offset, uint32_t count, uint64_t flags);
  long shrink(uint32_t offset, uint32_t count, uint64_t flags);
};

// BPF_F_ADJ_ROOM_*
constexpr uint64_t fixed_gso = 1 << 0, encap_ipv4 = 1 << 1, encap_ipv6 = 1 << 2, encap_gre = 1 << 3,
                   encap_udp = 1 << 4, no_csum_reset = 1 << 5, encap_eth = 1 << 6, decap_ipv4 = 1 << 7,
                   decap_ipv6 = 1 << 8;
constexpr unsigned encap_l2_shift = 56;
constexpr uint64_t encap_ip = encap_ipv4 | encap_ipv6, decap_ip = decap_ipv4 | decap_ipv6;
constexpr uint64_t room_flags = fixed_gso | encap_ip | encap_gre | encap_udp | no_csum_reset | encap_eth |
                                decap_ip | std::uint64_t{0xff} << encap_l2_shift;

long Edit::grow(uint32_t offset, uint32_t count, uint64_t flags) {
  bool encap = flags & encap_ip;
  if (skb.is_gso()) return -not_supported;  // a test run's packet is never TCP segments
  if (!make_room(skb, packet, count, 0)) return -ENOMEM;
  auto inner_mac_bytes = static_cast<uint32_t>(flags >> encap_l2_shift);
  auto mac_bytes = static_cast<uint16_t>(mac_header_bytes());
  if (encap) {
    if ((flags & encap_ip) == encap_ip) return -EINVAL;
    if ((flags & encap_gre) && (flags & encap_udp)) return -EINVAL;
    if ((flags & encap_eth) && inner_mac_bytes < ethernet_bytes) return -EINVAL;
    if (skb.encapsulation) return -EALREADY;
    if (inner_mac_bytes > count) return -EINVAL;
  }
  open(offset, count);
  if (!encap) return 0;
  skb.encapsulation = true;
  packet.network_header = packet.data + mac_bytes;
  if (flags & (encap_gre | encap_udp))
    skb.transport = skb.offset_of(packet.network_header + (flags & encap_ipv6 ? ipv6_bytes : ipv4_bytes));
  skb.md.protocol = flags & encap_ipv6 ? ether_ipv6 : ether_ip;
  return 0;
}

long Edit::shrink(uint32_t offset, uint32_t count, uint64_t flags) {
  if (flags & ~(fixed_gso | decap_ip | no_csum_reset)) return -EINVAL;
  if (skb.is_gso()) return -not_supported;
  if (long error = close(offset, count)) return error;
  if (flags & decap_ipv6) skb.md.protocol = ether_ipv6;
  if (flags & decap_ipv4) skb.md.protocol = ether_ip;
  return 0;
}

uint64_t skb_adjust_room(uint64_t, uint64_t by_, uint64_t mode, uint64_t flags, uint64_t, RunContext* ctx) {
  constexpr uint32_t room_net = 0, room_mac = 1, most = 0xfff;
  Edit edit{cpu_of(ctx)};
  Skb& skb = edit.skb;
  auto by = static_cast<std::int32_t>(by_);
  uint32_t count = by < 0 ? 0 - static_cast<uint32_t>(by) : static_cast<uint32_t>(by);
  if (flags & ~room_flags) return r0(-EINVAL);
  if (count > most) return r0(-EFAULT);
  if (skb.md.protocol != ether_ip && skb.md.protocol != ether_ipv6) return r0(-not_supported);
  uint32_t least = skb.md.protocol == ether_ip ? ipv4_bytes : ipv6_bytes;
  uint32_t offset = edit.mac_header_bytes();
  if (low(mode) == room_net)
    offset += least;
  else if (low(mode) != room_mac)
    return r0(-not_supported);
  if (flags & decap_ip) {
    if (by >= 0 || (flags & decap_ip) == decap_ip) return r0(-EINVAL);
    least = flags & decap_ipv4 ? ipv4_bytes : ipv6_bytes;
  }
  uint32_t length = edit.length(), from_network = length - edit.network_offset();
  if (by < 0 ? count >= from_network || from_network - count < least
             : length + count > skb_length_limit && !skb.is_gso())
    return r0(-not_supported);
  long result = by < 0 ? edit.shrink(offset, count, flags) : edit.grow(offset, count, flags);
  if (!result && !(flags & no_csum_reset) && skb.checksum == ChecksumState::unnecessary) {
    skb.checksum = ChecksumState::none;
    skb.csum_level = 0;
  }
  return edit.done(result);
}

uint64_t skb_change_tail(uint64_t, uint64_t length_, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  Edit edit{cpu_of(ctx)};
  Skb& skb = edit.skb;
  Packet& packet = edit.packet;
  auto least = packet.network_header - packet.data;
  if (skb.transport != Skb::no_transport)
    if (auto before = skb.first + skb.transport - packet.data; before > 0) least = before;
  if (least < 0) least = 0;
  uint32_t length = low(length_), length_before = edit.length();
  if (flags || length > skb_length_limit || length < least) return edit.done(-EINVAL);
  if (skb.encapsulation) return edit.done(-not_supported);
  if (length > length_before) {
    if (!make_room(skb, packet, 0, length - length_before)) return edit.done(-ENOMEM);
    std::memset(packet.data_end, 0, length - length_before);
  }
  packet.data_end = packet.data + length;
  // What was summed is no more, or was never there.
  if (length != length_before && skb.checksum == ChecksumState::complete) skb.checksum = ChecksumState::none;
  if (skb.is_gso()) skb.md.gso_size = skb.md.gso_segs = skb.gso_type = 0;
  return edit.done(0);
}

uint64_t skb_change_head(uint64_t, uint64_t count_, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  Edit edit{cpu_of(ctx)};
  Packet& packet = edit.packet;
  uint32_t count = low(count_);
  std::uint64_t length = std::uint64_t{edit.length()} + count;
  if (flags || (!edit.skb.is_gso() && length > skb_length_limit) || length > UINT32_MAX)
    return edit.done(-EINVAL);
  if (!make_room(edit.skb, packet, count, 0)) return edit.done(-ENOMEM);
  packet.data -= count;
  std::memset(packet.data, 0, count);
  packet.mac_header = packet.data;
  edit.reset_mac_len();
  return edit.done(0);
}

uint64_t skb_change_proto(uint64_t, uint64_t to, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  Edit edit{cpu_of(ctx)};
  if (flags) return r0(-EINVAL);
  return edit.done(edit.change_protocol(static_cast<uint16_t>(to)));
}

uint64_t skb_vlan_push(uint64_t, uint64_t protocol, uint64_t tci, uint64_t, uint64_t, RunContext* ctx) {
  Edit edit{cpu_of(ctx)};
  auto type = static_cast<uint16_t>(protocol);
  long result = edit.push_tag(is_vlan(type) ? type : ether_8021q, static_cast<uint16_t>(tci));
  edit.reset_mac_len();
  return edit.done(result);
}
uint64_t skb_vlan_pop(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Edit edit{cpu_of(ctx)};
  return edit.done(edit.pop_tag());
}

constexpr HelperEntry table[] = {
    {18, "skb_vlan_push", skb_vlan_push},       {19, "skb_vlan_pop", skb_vlan_pop},
    {31, "skb_change_proto", skb_change_proto}, {38, "skb_change_tail", skb_change_tail},
    {43, "skb_change_head", skb_change_head},   {50, "skb_adjust_room", skb_adjust_room},
};

}  // namespace

std::span<const HelperEntry> skb_header_helpers() { return table; }

}  // namespace skep::runtime
