// The walk through a packet's layers. Two tables hold the knowledge: how each protocol's header is read, and
// which (space, key) of a lower layer means which protocol. A decoder knows only its own header and says in
// which number space the next protocol is named, so lower layers never name upper ones.
#include "skep/net/parse.h"

#include <algorithm>

namespace skep::net {

namespace {

// The number spaces in which a header names what follows it.
enum class Space : std::uint8_t {
  link,
  ethertype,
  ip_protocol,
  ip_version,
  family,
  udp_port,
  ppp,
  llc,
  nothing
};

struct Walk {
  const std::uint8_t* bytes;
  std::uint32_t at;   // of the header being decoded
  std::uint32_t end;  // of what belongs to the layer below: lengths in headers pull it in
  ParsedPacket& parsed;
  Space space;
  std::uint32_t key;
  std::uint32_t header_length = 0;
  std::uint32_t ip_depth = 0;

  bool has(std::uint32_t count) {
    if (end - at >= count) return true;
    parsed.truncated = true;
    return false;
  }
  template <class T>
  T header(std::uint32_t skip = 0) const {
    T value;
    std::memcpy(&value, bytes + at + skip, sizeof value);
    return value;
  }
  // The header is whole and `length` long, `next_key` in `next_space` follows.
  bool then(std::uint32_t length, Space next_space, std::uint32_t next_key = 0) {
    header_length = length;
    space = next_space;
    key = next_key;
    return true;
  }
  bool last(std::uint32_t length) { return then(length, Space::nothing); }
  bool malformed() {
    parsed.malformed = true;
    return false;
  }
  // This header's packet has `length` bytes from at on.
  void limit(std::uint32_t length) {
    if (length > end - at)
      parsed.truncated = true;
    else
      end = at + length;
  }
  bool ip_payload(std::uint32_t length, std::uint8_t protocol) {
    if (ip_depth == 1) parsed.ip_protocol = protocol;
    return then(length, Space::ip_protocol, protocol);
  }
  bool later_fragment(std::uint32_t length) {
    return then(length, Space::ip_protocol, 256);  // beyond the octet: the row of Protocol::fragment
  }
  // Raw IP behind a header: the version nibble tells.
  bool then_ip(std::uint32_t length) {
    if (end - at <= length) return last(length);
    return then(length, Space::ip_version, bytes[at + length] >> 4);
  }
};

bool decode_ethernet(Walk& walk) {
  if (!walk.has(sizeof(EthernetHeader))) return false;
  std::uint16_t type = walk.header<EthernetHeader>().type;
  if (type >= 0x600) return walk.then(sizeof(EthernetHeader), Space::ethertype, type);
  walk.limit(std::uint32_t{sizeof(EthernetHeader)} + type);
  return walk.then(sizeof(EthernetHeader), Space::llc);
}

// IEEE 802.2 with SNAP (RFC 1042) when both service access points are 0xaa.
bool decode_llc(Walk& walk) {
  if (!walk.has(3)) return false;
  bool snap = walk.bytes[walk.at] == 0xaa && walk.bytes[walk.at + 1] == 0xaa;
  if (!snap) return walk.last(3);
  if (!walk.has(8)) return false;
  return walk.then(8, Space::ethertype, walk.header<be16>(6));
}

bool decode_sll(Walk& walk) {
  if (!walk.has(sizeof(LinuxSllHeader))) return false;
  return walk.then(sizeof(LinuxSllHeader), Space::ethertype, walk.header<LinuxSllHeader>().protocol);
}

bool decode_sll2(Walk& walk) {
  if (!walk.has(sizeof(LinuxSll2Header))) return false;
  return walk.then(sizeof(LinuxSll2Header), Space::ethertype, walk.header<LinuxSll2Header>().protocol);
}

// The family is a small number in the byte order of the capturing host, whichever that was.
bool decode_null(Walk& walk) {
  if (!walk.has(4)) return false;
  std::uint32_t family = walk.header<be32>();
  if (family & 0xffff0000) family = std::byteswap(family);
  return walk.then(4, Space::family, family);
}

bool decode_raw_ip(Walk& walk) { return walk.has(1) && walk.then_ip(0); }

bool decode_vlan(Walk& walk) {
  if (!walk.has(sizeof(VlanTag))) return false;
  if (walk.parsed.l3_offset == ParsedPacket::none) ++walk.parsed.vlan_count;
  std::uint16_t type = walk.header<VlanTag>().type;
  return type >= 0x600 ? walk.then(sizeof(VlanTag), Space::ethertype, type)
                       : walk.then(sizeof(VlanTag), Space::llc);
}

bool decode_mpls(Walk& walk) {
  if (!walk.has(sizeof(MplsLabel))) return false;
  bool bottom = (walk.header<MplsLabel>().entry & 0x100) != 0;
  return bottom ? walk.then_ip(sizeof(MplsLabel))
                : walk.then(sizeof(MplsLabel), Space::ethertype, ethertype::mpls);
}

bool decode_pppoe(Walk& walk) {
  if (!walk.has(sizeof(PppoeHeader))) return false;
  auto header = walk.header<PppoeHeader>();
  if (header.version_type != 0x11) return walk.malformed();
  walk.limit(std::uint32_t{sizeof header} + header.length);
  return walk.then(sizeof header, Space::ppp, 0);
}

bool decode_pppoe_discovery(Walk& walk) {
  return walk.has(sizeof(PppoeHeader)) && walk.last(sizeof(PppoeHeader));
}

// RFC 1661, with the address and control bytes of RFC 1662 and the compressed protocol field where they
// stand.
bool decode_ppp(Walk& walk) {
  if (!walk.has(2)) return false;
  std::uint32_t length = walk.header<be16>() == 0xff03 ? 2 : 0;
  if (!walk.has(length + 1)) return false;
  std::uint32_t protocol = walk.bytes[walk.at + length];
  ++length;
  if (!(protocol & 1)) {
    if (!walk.has(length + 1)) return false;
    protocol = protocol << 8 | walk.bytes[walk.at + length];
    ++length;
  }
  return walk.then(length, Space::ppp, protocol);
}

bool decode_arp(Walk& walk) {
  if (!walk.has(sizeof(ArpHeader))) return false;
  auto header = walk.header<ArpHeader>();
  std::uint32_t length =
      std::uint32_t{sizeof header} + 2u * header.hardware_length + 2u * header.protocol_length;
  return walk.has(length) && walk.last(length);
}

bool decode_ipv4(Walk& walk) {
  if (!walk.has(sizeof(Ipv4Header))) return false;
  auto header = walk.header<Ipv4Header>();
  std::uint32_t length = (header.version_ihl & 0xfu) * 4;
  std::uint32_t total = header.total_length;
  if (header.version_ihl >> 4 != 4 || length < sizeof header) return walk.malformed();
  // 0: captured before segmentation offload filled it in; the packet is what there is.
  if (total != 0 && total < length) return walk.malformed();
  if (total != 0) walk.limit(total);
  if (!walk.has(length)) return false;
  ++walk.ip_depth;
  std::uint16_t fragment = header.fragment;
  if (fragment & 0x3fff) walk.parsed.fragment = true;
  if (fragment & 0x1fff) {
    if (walk.ip_depth == 1) walk.parsed.ip_protocol = header.protocol;
    return walk.later_fragment(length);
  }
  return walk.ip_payload(length, header.protocol);
}

bool decode_ipv6(Walk& walk) {
  if (!walk.has(sizeof(Ipv6Header))) return false;
  auto header = walk.header<Ipv6Header>();
  if (header.version_class_flow >> 28 != 6) return walk.malformed();
  // 0 with a hop-by-hop header is a jumbogram (RFC 2675), with anything else offload as in IPv4.
  if (header.payload_length != 0) walk.limit(std::uint32_t{sizeof header} + header.payload_length);
  ++walk.ip_depth;
  return walk.ip_payload(sizeof header, header.next_header);
}

bool decode_extension(Walk& walk) {
  if (!walk.has(sizeof(Ipv6Extension))) return false;
  auto header = walk.header<Ipv6Extension>();
  std::uint32_t length = (header.length + 1u) * 8;
  return walk.has(length) && walk.ip_payload(length, header.next_header);
}

bool decode_ipv6_fragment(Walk& walk) {
  if (!walk.has(sizeof(Ipv6Fragment))) return false;
  auto header = walk.header<Ipv6Fragment>();
  walk.parsed.fragment = true;
  if (!(header.offset & 0xfff8)) return walk.ip_payload(sizeof header, header.next_header);
  if (walk.ip_depth == 1) walk.parsed.ip_protocol = header.next_header;
  return walk.later_fragment(sizeof header);
}

bool decode_ah(Walk& walk) {
  if (!walk.has(12)) return false;
  auto header = walk.header<Ipv6Extension>();
  std::uint32_t length = (header.length + 2u) * 4;
  if (length < 12) return walk.malformed();
  return walk.has(length) && walk.ip_payload(length, header.next_header);
}

bool decode_tcp(Walk& walk) {
  if (!walk.has(sizeof(TcpHeader))) return false;
  std::uint32_t length = (walk.header<TcpHeader>().offset >> 4) * 4u;
  if (length < sizeof(TcpHeader)) return walk.malformed();
  return walk.has(length) && walk.last(length);
}

bool decode_udp(Walk& walk) {
  if (!walk.has(sizeof(UdpHeader))) return false;
  auto header = walk.header<UdpHeader>();
  if (header.length != 0) {  // 0: a jumbogram, or offload
    if (header.length < sizeof header) return walk.malformed();
    // The first fragment has the length of the whole datagram.
    if (!walk.parsed.fragment) walk.limit(header.length);
  }
  return walk.then(sizeof header, Space::udp_port, header.destination);
}

template <class Header>
bool decode_last(Walk& walk) {
  return walk.has(sizeof(Header)) && walk.last(sizeof(Header));
}

bool decode_gre(Walk& walk) {
  if (!walk.has(sizeof(GreHeader))) return false;
  auto header = walk.header<GreHeader>();
  std::uint16_t flags = header.flags;
  std::uint32_t length = sizeof header;
  for (unsigned optional : {0x2000u, 0x1000u, 0x0080u})
    if (flags & optional) length += 4;
  if (flags & 0xc000) length += 4;  // checksum or routing: both fields are there
  if (!walk.has(length)) return false;
  return walk.then(length, Space::ethertype, header.protocol);
}

bool decode_vxlan(Walk& walk) {
  return walk.has(sizeof(VxlanHeader)) &&
         walk.then(sizeof(VxlanHeader), Space::link, static_cast<std::uint32_t>(LinkType::ethernet));
}

// Only G-PDUs (type 255) carry a packet; extension headers are chained through their last byte.
bool decode_gtpu(Walk& walk) {
  if (!walk.has(sizeof(GtpuHeader))) return false;
  auto header = walk.header<GtpuHeader>();
  if (header.flags >> 5 != 1) return walk.malformed();
  std::uint32_t length = sizeof header;
  if (header.flags & 7) {
    if (!walk.has(length + 4)) return false;
    std::uint8_t next = header.flags & 4 ? walk.bytes[walk.at + length + 3] : 0;
    length += 4;
    while (next) {
      if (!walk.has(length + 1)) return false;
      std::uint32_t extension = walk.bytes[walk.at + length] * 4u;
      if (extension == 0) return walk.malformed();
      if (!walk.has(length + extension)) return false;
      next = walk.bytes[walk.at + length + extension - 1];
      length += extension;
    }
  }
  return header.type == 255 ? walk.then_ip(length) : walk.last(length);
}

bool decode_nothing(Walk& walk) { return walk.last(0); }
bool decode_esp(Walk& walk) { return walk.has(8) && walk.last(8); }

// Where a protocol stands: link headers and tags before the network, the network header, what IP carries, and
// what stands above that.
enum class Level : std::uint8_t { link, network, extension, transport, above };

struct ProtocolRow {
  Protocol protocol;
  std::string_view name;
  Level level;
  bool (*decode)(Walk&);
};
constexpr ProtocolRow protocols[] = {
    {Protocol::unknown, "unknown", Level::above, decode_nothing},
    {Protocol::ethernet, "ethernet", Level::link, decode_ethernet},
    {Protocol::ieee802_3, "802.3", Level::link, decode_llc},
    {Protocol::linux_sll, "linux_sll", Level::link, decode_sll},
    {Protocol::linux_sll2, "linux_sll2", Level::link, decode_sll2},
    {Protocol::null_loopback, "null", Level::link, decode_null},
    {Protocol::loop, "loop", Level::link, decode_null},
    {Protocol::raw_ip, "raw_ip", Level::link, decode_raw_ip},
    {Protocol::vlan, "vlan", Level::link, decode_vlan},
    {Protocol::arp, "arp", Level::network, decode_arp},
    {Protocol::mpls, "mpls", Level::link, decode_mpls},
    {Protocol::pppoe, "pppoe", Level::link, decode_pppoe},
    {Protocol::pppoe_discovery, "pppoe_discovery", Level::network, decode_pppoe_discovery},
    {Protocol::ppp, "ppp", Level::link, decode_ppp},
    {Protocol::lldp, "lldp", Level::network, decode_nothing},
    {Protocol::eapol, "eapol", Level::network, decode_nothing},
    {Protocol::ipv4, "ipv4", Level::network, decode_ipv4},
    {Protocol::ipv6, "ipv6", Level::network, decode_ipv6},
    {Protocol::ipv6_hop_by_hop, "ipv6_hop_by_hop", Level::extension, decode_extension},
    {Protocol::ipv6_routing, "ipv6_routing", Level::extension, decode_extension},
    {Protocol::ipv6_fragment, "ipv6_fragment", Level::extension, decode_ipv6_fragment},
    {Protocol::ipv6_destination, "ipv6_destination", Level::extension, decode_extension},
    {Protocol::ah, "ah", Level::extension, decode_ah},
    {Protocol::esp, "esp", Level::transport, decode_esp},
    {Protocol::ipv6_extension, "ipv6_extension", Level::extension, decode_extension},
    {Protocol::fragment, "fragment", Level::above, decode_nothing},
    {Protocol::tcp, "tcp", Level::transport, decode_tcp},
    {Protocol::udp, "udp", Level::transport, decode_udp},
    {Protocol::udplite, "udplite", Level::transport, decode_last<UdpHeader>},
    {Protocol::sctp, "sctp", Level::transport, decode_last<SctpHeader>},
    {Protocol::icmp, "icmp", Level::transport, decode_last<IcmpHeader>},
    {Protocol::icmpv6, "icmpv6", Level::transport, decode_last<IcmpHeader>},
    {Protocol::igmp, "igmp", Level::transport, decode_last<IgmpHeader>},
    {Protocol::gre, "gre", Level::transport, decode_gre},
    {Protocol::ospf, "ospf", Level::transport, decode_nothing},
    {Protocol::pim, "pim", Level::transport, decode_nothing},
    {Protocol::vrrp, "vrrp", Level::transport, decode_nothing},
    {Protocol::vxlan, "vxlan", Level::above, decode_vxlan},
    {Protocol::gtpu, "gtpu", Level::above, decode_gtpu},
};
consteval bool in_order() {
  for (std::size_t i = 0; i < std::size(protocols); ++i)
    if (static_cast<std::size_t>(protocols[i].protocol) != i) return false;
  return true;
}
static_assert(in_order(), "a protocol's row is found by its number");
static_assert(std::size(protocols) == static_cast<std::size_t>(Protocol::gtpu) + 1);

struct KeyRow {
  Space space;
  std::uint32_t key;
  Protocol protocol;
};
constexpr KeyRow link_key(LinkType link, Protocol protocol) {
  return {Space::link, static_cast<std::uint32_t>(link), protocol};
}
// Grouped by space, the frequent ones first: they are searched in this order.
constexpr KeyRow keys[] = {
    link_key(LinkType::ethernet, Protocol::ethernet),
    link_key(LinkType::raw_ip, Protocol::raw_ip),
    link_key(LinkType::linux_sll, Protocol::linux_sll),
    link_key(LinkType::linux_sll2, Protocol::linux_sll2),
    link_key(LinkType::null_loopback, Protocol::null_loopback),
    link_key(LinkType::loop, Protocol::loop),
    link_key(LinkType::ipv4, Protocol::raw_ip),
    link_key(LinkType::ipv6, Protocol::raw_ip),
    link_key(LinkType::raw_bsd, Protocol::raw_ip),
    link_key(LinkType::raw_bsd2, Protocol::raw_ip),
    {Space::ethertype, ethertype::ipv4, Protocol::ipv4},
    {Space::ethertype, ethertype::ipv6, Protocol::ipv6},
    {Space::ethertype, ethertype::vlan, Protocol::vlan},
    {Space::ethertype, ethertype::arp, Protocol::arp},
    {Space::ethertype, ethertype::rarp, Protocol::arp},
    {Space::ethertype, ethertype::qinq, Protocol::vlan},
    {Space::ethertype, ethertype::old_qinq, Protocol::vlan},
    {Space::ethertype, ethertype::mpls, Protocol::mpls},
    {Space::ethertype, ethertype::mpls_multicast, Protocol::mpls},
    {Space::ethertype, ethertype::pppoe_session, Protocol::pppoe},
    {Space::ethertype, ethertype::pppoe_discovery, Protocol::pppoe_discovery},
    {Space::ethertype, ethertype::teb, Protocol::ethernet},
    {Space::ethertype, 0x880b, Protocol::ppp},
    {Space::ethertype, ethertype::lldp, Protocol::lldp},
    {Space::ethertype, ethertype::eapol, Protocol::eapol},
    {Space::ip_protocol, ipproto::tcp, Protocol::tcp},
    {Space::ip_protocol, ipproto::udp, Protocol::udp},
    {Space::ip_protocol, ipproto::icmp, Protocol::icmp},
    {Space::ip_protocol, ipproto::icmpv6, Protocol::icmpv6},
    {Space::ip_protocol, ipproto::igmp, Protocol::igmp},
    {Space::ip_protocol, ipproto::sctp, Protocol::sctp},
    {Space::ip_protocol, ipproto::udplite, Protocol::udplite},
    {Space::ip_protocol, ipproto::ipip, Protocol::ipv4},
    {Space::ip_protocol, ipproto::ipv6, Protocol::ipv6},
    {Space::ip_protocol, ipproto::gre, Protocol::gre},
    {Space::ip_protocol, ipproto::esp, Protocol::esp},
    {Space::ip_protocol, ipproto::ah, Protocol::ah},
    {Space::ip_protocol, ipproto::hop_by_hop, Protocol::ipv6_hop_by_hop},
    {Space::ip_protocol, ipproto::routing, Protocol::ipv6_routing},
    {Space::ip_protocol, ipproto::fragment, Protocol::ipv6_fragment},
    {Space::ip_protocol, ipproto::destination, Protocol::ipv6_destination},
    {Space::ip_protocol, ipproto::mobility, Protocol::ipv6_extension},
    {Space::ip_protocol, ipproto::hip, Protocol::ipv6_extension},
    {Space::ip_protocol, ipproto::shim6, Protocol::ipv6_extension},
    {Space::ip_protocol, ipproto::ospf, Protocol::ospf},
    {Space::ip_protocol, ipproto::pim, Protocol::pim},
    {Space::ip_protocol, ipproto::vrrp, Protocol::vrrp},
    {Space::ip_protocol, 256, Protocol::fragment},
    {Space::ip_version, 4, Protocol::ipv4},
    {Space::ip_version, 6, Protocol::ipv6},
    {Space::family, 2, Protocol::ipv4},
    {Space::family, 10, Protocol::ipv6},  // Linux
    {Space::family, 24, Protocol::ipv6},  // NetBSD, OpenBSD
    {Space::family, 28, Protocol::ipv6},  // FreeBSD
    {Space::family, 30, Protocol::ipv6},  // macOS
    {Space::udp_port, 4789, Protocol::vxlan},
    {Space::udp_port, 2152, Protocol::gtpu},
    {Space::ppp, 0, Protocol::ppp},  // behind PPPoE: the PPP header itself
    {Space::ppp, 0x21, Protocol::ipv4},
    {Space::ppp, 0x57, Protocol::ipv6},
    {Space::llc, 0, Protocol::ieee802_3},
};
constexpr std::size_t spaces = static_cast<std::size_t>(Space::nothing);

struct Range {
  std::uint8_t first = 0, last = 0;
};
consteval std::array<Range, spaces> ranges_of_spaces() {
  std::array<Range, spaces> ranges{};
  for (std::size_t i = 0; i < std::size(keys); ++i) {
    Range& range = ranges[static_cast<std::size_t>(keys[i].space)];
    if (range.last == 0) range.first = static_cast<std::uint8_t>(i);
    range.last = static_cast<std::uint8_t>(i + 1);
  }
  return ranges;
}
constexpr std::array<Range, spaces> ranges = ranges_of_spaces();
consteval bool grouped() {
  std::size_t covered = 0;
  for (const Range& range : ranges) covered += range.last - range.first;
  return covered == std::size(keys);
}
static_assert(grouped(), "the keys of a space stand together");

Protocol find_protocol(Space space, std::uint32_t key) {
  Range range = ranges[static_cast<std::size_t>(space)];
  for (std::size_t i = range.first; i < range.last; ++i)
    if (keys[i].key == key) return keys[i].protocol;
  return Protocol::unknown;
}

void note_level(ParsedPacket& parsed, const ProtocolRow& row, std::uint32_t at) {
  bool below_l3 = parsed.l3_offset == ParsedPacket::none;
  if (row.level == Level::network && below_l3) {
    parsed.l3_offset = at;
    parsed.l3 = row.protocol;
  } else if ((row.level == Level::transport || row.level == Level::network) && !below_l3 &&
             parsed.l4_offset == ParsedPacket::none) {
    parsed.l4_offset = at;
    parsed.l4 = row.protocol;
  }
}

}  // namespace

void parse(LinkType link, Bytes packet, ParsedPacket& parsed) {
  parsed.layer_count = 0;
  parsed.l3_offset = parsed.l4_offset = ParsedPacket::none;
  parsed.l3 = parsed.l4 = Protocol::unknown;
  parsed.ip_protocol = parsed.vlan_count = 0;
  parsed.fragment = parsed.truncated = parsed.malformed = parsed.too_deep = false;
  // Offsets have 32 bits; no capture holds more, and nothing beyond is looked at.
  auto end = static_cast<std::uint32_t>(std::min<std::size_t>(packet.size(), 1u << 30));
  Walk walk{packet.data(), 0, end, parsed, Space::link, static_cast<std::uint32_t>(link)};
  while (walk.space != Space::nothing) {
    Protocol protocol = find_protocol(walk.space, walk.key);
    // Only some ports mean a tunnel; any other is no layer of its own.
    if (protocol == Protocol::unknown && walk.space == Space::udp_port) break;
    if (parsed.layer_count == ParsedPacket::max_layers) {
      parsed.too_deep = true;
      break;
    }
    const ProtocolRow& row = protocols[static_cast<std::size_t>(protocol)];
    walk.header_length = 0;
    if (!row.decode(walk)) break;
    parsed.layers_[parsed.layer_count++] = {protocol, walk.at, walk.header_length};
    note_level(parsed, row, walk.at);
    walk.at += walk.header_length;
  }
  parsed.payload_offset = walk.at;
  parsed.payload_length = walk.end - walk.at;
}

const Layer* ParsedPacket::find(Protocol protocol) const {
  for (const Layer& layer : layers())
    if (layer.protocol == protocol) return &layer;
  return nullptr;
}

std::string_view print(Protocol protocol) { return protocols[static_cast<std::size_t>(protocol)].name; }

}  // namespace skep::net
