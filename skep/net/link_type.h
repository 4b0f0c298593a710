// Link types: what the first bytes of a captured packet are. The numbers are those of capture files
// (LINKTYPE_ of tcpdump.org/linktypes.html), not the DLT_ numbers of a platform.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skep::net {

// Any number can stand in a file, so any value of the underlying type is valid; the enumerators are the ones
// that code names.
enum class LinkType : std::uint32_t {
  null_loopback = 0,  // BSD loopback, address family in the byte order of the host that captured
  ethernet = 1,
  raw_bsd = 12,   // raw IP as some BSDs and old libpcaps wrote it
  raw_bsd2 = 14,  // raw IP as OpenBSD wrote it
  raw_ip = 101,   // IPv4 or IPv6, told by the version nibble
  loop = 108,     // OpenBSD loopback, address family in network byte order
  linux_sll = 113,
  dbus = 231,
  ipv4 = 228,
  ipv6 = 229,
  usbpcap = 249,
  linux_sll2 = 276,
  ebhscr = 279,
};

struct LinkTypeRow {
  LinkType number;
  std::string_view name;          // LINKTYPE_ is left out: "ETHERNET"
  std::uint32_t max_length;       // bytes that a captured packet may have; libpcap's limits
  std::uint8_t snoop = no_snoop;  // the datalink type of a snoop file (RFC 1761) that means it
  static constexpr std::uint8_t no_snoop = 0xff;
};

// Every link type with a name, ascending by number.
std::span<const LinkTypeRow> link_types();
// The row, or nullptr when the number has no name.
const LinkTypeRow* find_link_type(LinkType number);
// "ETHERNET"; "link type 4711" when it has no name.
std::string print(LinkType number);
// Bytes that a captured packet of this link type may have: 262144 unless the table knows better.
std::uint32_t max_packet_length(LinkType number);

}  // namespace skep::net
