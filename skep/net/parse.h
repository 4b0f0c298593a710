// A packet's layers, from the link up to the transport header: where each header lies and what it is. Pure,
// without allocation, never outside the bytes. Tunnels (IP in IP, GRE, MPLS, PPPoE, VXLAN, GTP-U) are walked
// through.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "skep/base/bytes.h"
#include "skep/net/headers.h"
#include "skep/net/link_type.h"

namespace skep::net {

enum class Protocol : std::uint8_t {
  unknown,  // the layer below names something that no row of the table knows
  ethernet,
  ieee802_3,
  linux_sll,
  linux_sll2,
  null_loopback,
  loop,
  raw_ip,
  vlan,
  arp,
  mpls,
  pppoe,
  pppoe_discovery,
  ppp,
  lldp,
  eapol,
  ipv4,
  ipv6,
  ipv6_hop_by_hop,
  ipv6_routing,
  ipv6_fragment,
  ipv6_destination,
  ah,
  esp,
  ipv6_extension,
  fragment,  // the data of a fragment that is not the first: no header of an upper layer
  tcp,
  udp,
  udplite,
  sctp,
  icmp,
  icmpv6,
  igmp,
  gre,
  ospf,
  pim,
  vrrp,
  vxlan,
  gtpu,
};

std::string_view print(Protocol protocol);  // "tcp"

struct Layer {
  Protocol protocol = Protocol::unknown;
  std::uint32_t offset = 0;         // of its header in the packet
  std::uint32_t header_length = 0;  // 0 of unknown and fragment
};

struct ParsedPacket {
  static constexpr std::size_t max_layers = 24;
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  std::uint32_t layer_count = 0;
  // Of the outermost network header and what it carries; `none` when there is none.
  std::uint32_t l3_offset = none, l4_offset = none;
  Protocol l3 = Protocol::unknown, l4 = Protocol::unknown;
  std::uint8_t ip_protocol = 0;  // of the outermost IP packet, behind extension headers
  std::uint8_t vlan_count = 0;   // tags before the outermost network header
  bool fragment = false;         // some IP packet here is a fragment, first ones included
  bool truncated = false;        // a header or a length reaches beyond the bytes that are there
  bool malformed = false;        // a header contradicts itself (a length below the minimum, a wrong version)
  bool too_deep = false;         // more layers than max_layers
  // What follows the last header, without the padding of the link layer.
  std::uint32_t payload_offset = 0, payload_length = 0;

  std::span<const Layer> layers() const { return {layers_.data(), layer_count}; }
  // The first layer of that protocol, or nullptr.
  const Layer* find(Protocol protocol) const;

  std::array<Layer, max_layers> layers_;  // read through layers(): the rest is not initialised
};

// Parses `packet`, which begins with a header of `link`. Never fails: what cannot be parsed is flagged and
// the layers before it stand.
void parse(LinkType link, Bytes packet, ParsedPacket& parsed);

inline ParsedPacket parse(LinkType link, Bytes packet) {
  ParsedPacket parsed;
  parse(link, packet, parsed);
  return parsed;
}

// The header that lies at `offset`, read as T; the caller knows from a Layer that it is there.
template <class T>
T header_at(Bytes packet, std::uint32_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  T header;
  std::memcpy(&header, packet.data() + offset, sizeof header);
  return header;
}

}  // namespace skep::net
