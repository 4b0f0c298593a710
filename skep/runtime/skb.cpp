// Packets as struct sk_buff: placing, moving, checksums, hashes.
#include "skep/runtime/skb.h"

#include <algorithm>
#include <cstring>

#include "skep/base/bytes.h"
#include "skep/runtime/checksum.h"

namespace skep::runtime {

using image::Packet;
using std::uint32_t;
using std::uint8_t;

namespace {

constexpr uint32_t buffer_edge = 64;  // never used by packets: header copies may reach over an end

uint32_t distance(const uint8_t* from, const uint8_t* to) { return static_cast<uint32_t>(to - from); }

// The sum of bytes that begin at an odd offset counts with its bytes swapped (RFC 1071 section 2 (B)).
uint32_t at_offset(uint32_t sum, uint32_t offset) { return offset & 1 ? (sum << 24 | sum >> 8) : sum; }

}  // namespace

void Skb::begin(Packet& packet, uint32_t size) {
  md = {};
  sock = {};
  transport = no_transport;
  pointers = writable = hash_known = encapsulation = false;
  checksum = ChecksumState::none;
  csum_level = 0;
  mac_len = 0;
  csum = gso_type = 0;
  cookie = 0;
  clones = 0;
  packet.head = buffer + buffer_edge;
  packet.limit = buffer + skb_buffer_bytes - buffer_edge;
  packet.data = packet.meta = buffer + skb_buffer_bytes / 2;
  packet.data_end = packet.data + size;
  first = packet.data - skb_headroom;
  packet.mac_header = packet.network_header = nullptr;
  // What helpers may look at around a short packet is zero, not the packet before.
  std::memset(packet.data - skb_headroom, 0, skb_headroom);
  std::memset(packet.data_end, 0, buffer_edge);
}

void Skb::take_ethernet_header(Packet& packet) {
  constexpr uint32_t multicast = 2, other_host = 3;            // PACKET_MULTICAST, PACKET_OTHERHOST
  constexpr uint32_t ethernet_bytes = 14, first_type = 0x600;  // smaller values are lengths
  packet.mac_header = packet.data;
  packet.data += ethernet_bytes;
  packet.meta = packet.data;
  packet.network_header = packet.data;
  // The device's own address and its broadcast address are all zero: the loopback's.
  const uint8_t* eth = packet.mac_header;
  bool own = std::all_of(eth, eth + 6, [](uint8_t byte) { return byte == 0; });
  md.pkt_type = own ? 0 : eth[0] & 1 ? multicast : other_host;
  if ((uint32_t{eth[12]} << 8 | eth[13]) >= first_type) {
    md.protocol = base::load<std::uint16_t>(eth + 12);
    return;
  }
  // Novell's raw 802.3 begins with 0xffff where others have an LLC header.
  bool raw = packet.data_end - packet.data >= 2 && packet.data[0] == 0xff && packet.data[1] == 0xff;
  md.protocol = network_order(raw ? 1 : 4);  // ETH_P_802_3, ETH_P_802_2
}

bool make_room(Skb& skb, Packet& packet, uint32_t head, uint32_t tail) {
  if (head > distance(packet.head, packet.data) || tail > distance(packet.data_end, packet.limit)) {
    uint32_t length = distance(packet.data, packet.data_end);
    uint32_t all = distance(packet.head, packet.limit);
    // Headers before data move along.
    uint32_t before = std::min(distance(packet.head, packet.data), skb_headroom);
    std::uint64_t needed = std::uint64_t{head} + before + length + tail;
    if (needed > all) return false;
    auto spare = static_cast<uint32_t>((all - needed) / 2);
    uint8_t* to = packet.head + spare + head + before;
    std::ptrdiff_t by = to - packet.data;
    std::memmove(to - before, packet.data - before, std::size_t{before} + length);
    for (uint8_t** at : {&packet.meta, &packet.data, &packet.data_end, &packet.mac_header,
                         &packet.network_header, &skb.first})
      if (*at) *at += by;
  }
  uint32_t headroom = distance(skb.first, packet.data);
  if (head > headroom) {  // by whole NET_SKB_PADs
    uint32_t more = (head - headroom + skb_headroom - 1) / skb_headroom * skb_headroom;
    skb.first -= more;
    skb.transport = static_cast<std::uint16_t>(skb.transport + more);
  }
  return true;
}

void checksum_pulled(Skb& skb, const uint8_t* at, uint32_t count, uint32_t offset) {
  if (skb.checksum != ChecksumState::complete) return;
  skb.csum = sum_sub(skb.csum, at_offset(sum_bytes(at, count, 0), offset));
}

void checksum_pushed(Skb& skb, const uint8_t* at, uint32_t count, uint32_t offset) {
  if (skb.checksum != ChecksumState::complete) return;
  skb.csum = sum_add(skb.csum, at_offset(sum_bytes(at, count, 0), offset));
}

uint32_t flow_hash(const Skb& skb, const Packet& packet) {
  constexpr uint32_t tcp = 6, udp = 17;
  uint32_t hash = 0x9e3779b9;
  auto mix = [&](uint32_t word) {  // the finaliser of MurmurHash3
    hash ^= word;
    hash = (hash ^ hash >> 16) * 0x85ebca6b;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35;
    hash ^= hash >> 16;
  };
  const uint8_t* at = packet.network_header;
  uint32_t there = at && at <= packet.data_end ? distance(at, packet.data_end) : 0;
  uint32_t ports = 0, protocol = 0;  // where the ports are; 0: none
  mix(skb.md.protocol);
  if (skb.md.protocol == ether_ip && there >= 20) {
    mix(base::load<uint32_t>(at + 12));
    mix(base::load<uint32_t>(at + 16));
    protocol = at[9];
    bool fragment = (at[6] & 0x3f) || at[7];
    if (!fragment) ports = (at[0] & 15u) * 4;
  } else if (skb.md.protocol == ether_ipv6 && there >= 40) {
    for (uint32_t i = 8; i < 40; i += 4) mix(base::load<uint32_t>(at + i));
    protocol = at[6];
    ports = 40;
  }
  mix(protocol);
  if (ports && (protocol == tcp || protocol == udp) && there >= ports + 4)
    mix(base::load<uint32_t>(at + ports));
  return hash ? hash : 1;
}

}  // namespace skep::runtime
