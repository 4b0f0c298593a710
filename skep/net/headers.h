// Wire headers as plain structs: every field in network byte order and with alignment 1, so that a struct may
// be laid over any bytes. Field names are the RFCs' or, where those are long, the kernel's.
#pragma once

#include <array>
#include <cstdint>

#include "skep/base/endian.h"

namespace skep::net {

using base::be16;
using base::be32;
using base::be64;

using MacAddress = std::array<std::uint8_t, 6>;
using Ipv4Address = std::array<std::uint8_t, 4>;
using Ipv6Address = std::array<std::uint8_t, 16>;

// Ethertypes (IEEE 802 numbers; linux/if_ether.h).
namespace ethertype {
inline constexpr std::uint16_t ipv4 = 0x0800, arp = 0x0806, teb = 0x6558, rarp = 0x8035, vlan = 0x8100,
                               ipv6 = 0x86dd, mpls = 0x8847, mpls_multicast = 0x8848,
                               pppoe_discovery = 0x8863, pppoe_session = 0x8864, eapol = 0x888e,
                               qinq = 0x88a8, lldp = 0x88cc, old_qinq = 0x9100;
}  // namespace ethertype

// Internet protocol numbers (IANA; linux/in.h, linux/in6.h).
namespace ipproto {
inline constexpr std::uint8_t hop_by_hop = 0, icmp = 1, igmp = 2, ipip = 4, tcp = 6, udp = 17, dccp = 33,
                              ipv6 = 41, routing = 43, fragment = 44, gre = 47, esp = 50, ah = 51,
                              icmpv6 = 58, no_next = 59, destination = 60, ospf = 89, pim = 103, vrrp = 112,
                              sctp = 132, mobility = 135, udplite = 136, hip = 139, shim6 = 140;
}  // namespace ipproto

struct EthernetHeader {
  MacAddress destination, source;
  be16 type;  // below 1536: the length of an IEEE 802.3 frame
};
struct VlanTag {  // after the ethertype 0x8100 or 0x88a8
  be16 tci;       // priority 3, drop eligible 1, VLAN id 12 bits
  be16 type;
};
struct LinuxSllHeader {  // link type 113
  be16 packet_type, arphrd, address_length;
  std::array<std::uint8_t, 8> address;
  be16 protocol;
};
struct LinuxSll2Header {  // link type 276
  be16 protocol, reserved;
  be32 interface;
  be16 arphrd;
  std::uint8_t packet_type, address_length;
  std::array<std::uint8_t, 8> address;
};
struct ArpHeader {  // RFC 826; the addresses follow, with the lengths given here
  be16 hardware, protocol;
  std::uint8_t hardware_length, protocol_length;
  be16 operation;
};
struct MplsLabel {  // RFC 3032
  be32 entry;       // label 20, traffic class 3, bottom of stack 1, TTL 8 bits
};
struct PppoeHeader {  // RFC 2516
  std::uint8_t version_type, code;
  be16 session, length;
};
struct Ipv4Header {  // RFC 791
  std::uint8_t version_ihl, tos;
  be16 total_length, id;
  be16 fragment;  // flags 3 (0x2000: more fragments), offset 13 bits in units of 8 bytes
  std::uint8_t ttl, protocol;
  be16 checksum;
  Ipv4Address source, destination;
};
struct Ipv6Header {  // RFC 8200
  be32 version_class_flow;
  be16 payload_length;
  std::uint8_t next_header, hop_limit;
  Ipv6Address source, destination;
};
struct Ipv6Extension {  // hop-by-hop, routing, destination options, mobility, HIP, shim6
  std::uint8_t next_header,
      length;  // in units of 8 bytes, the first 8 not counted; of AH in units of 4, less 2
};
struct Ipv6Fragment {
  std::uint8_t next_header, reserved;
  be16 offset;  // 13 bits in units of 8 bytes, 2 reserved, 0x0001: more fragments
  be32 id;
};
struct TcpHeader {  // RFC 9293
  be16 source, destination;
  be32 seq, ack;
  std::uint8_t offset;  // data offset in 32-bit words in the upper four bits
  std::uint8_t flags;
  be16 window, checksum, urgent;
};
namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10, urg = 0x20,
                              ece = 0x40, cwr = 0x80;
}  // namespace tcp_flag
struct UdpHeader {  // RFC 768
  be16 source, destination, length, checksum;
};
struct SctpHeader {  // RFC 9260
  be16 source, destination;
  be32 tag, checksum;
};
struct IcmpHeader {  // RFC 792, RFC 4443
  std::uint8_t type, code;
  be16 checksum;
};
struct IcmpEcho {  // after IcmpHeader in echo request and reply
  be16 id, seq;
};
struct IgmpHeader {  // RFC 2236
  std::uint8_t type, max_response;
  be16 checksum;
  Ipv4Address group;
};
struct GreHeader {  // RFC 2784, 2890; PPTP's version 1 is RFC 2637
  be16 flags;       // 0x8000 checksum, 0x4000 routing, 0x2000 key, 0x1000 sequence, 0x0080 ack (version 1)
  be16 protocol;
};
struct VxlanHeader {  // RFC 7348
  std::uint8_t flags;
  std::array<std::uint8_t, 3> reserved;
  be32 vni;  // the VXLAN network identifier in the upper 24 bits
};
struct GtpuHeader {  // 3GPP TS 29.281
  std::uint8_t flags, type;
  be16 length;
  be32 teid;
};
struct DnsHeader {  // RFC 1035 section 4.1.1
  be16 id, flags, questions, answers, authorities, additionals;
};

static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1 && sizeof(VlanTag) == 4);
static_assert(sizeof(LinuxSllHeader) == 16 && sizeof(LinuxSll2Header) == 20 && sizeof(ArpHeader) == 8);
static_assert(sizeof(MplsLabel) == 4 && sizeof(PppoeHeader) == 6 && sizeof(Ipv4Header) == 20);
static_assert(sizeof(Ipv6Header) == 40 && sizeof(Ipv6Extension) == 2 && sizeof(Ipv6Fragment) == 8);
static_assert(sizeof(TcpHeader) == 20 && sizeof(UdpHeader) == 8 && sizeof(SctpHeader) == 12);
static_assert(sizeof(IcmpHeader) == 4 && sizeof(IcmpEcho) == 4 && sizeof(IgmpHeader) == 8);
static_assert(sizeof(GreHeader) == 4 && sizeof(VxlanHeader) == 8 && sizeof(GtpuHeader) == 8);
static_assert(sizeof(DnsHeader) == 12);

}  // namespace skep::net
