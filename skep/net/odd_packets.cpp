// Odd packets: a packet of plausible traffic, changed in one or several of the ways that parsers get wrong.
#include <algorithm>
#include <iterator>

#include "skep/net/generate.h"
#include "skep/net/headers.h"

namespace skep::net {

namespace {

constexpr std::size_t link_bytes = sizeof(EthernetHeader);
constexpr std::size_t max_frame = 9014;  // a 9,000-byte MTU

std::uint16_t type_of(Bytes frame) {
  return frame.size() < link_bytes ? std::uint16_t{0}
                                   : base::load<std::uint16_t>(frame.data() + 12, std::endian::big);
}

void insert_at(Buffer& frame, std::size_t at, Bytes bytes) {
  frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin(), bytes.end());
}

}  // namespace

OddPacketGenerator::OddPacketGenerator(std::uint64_t seed) : random_(seed), base_(seed ^ 0x6f6464) {}

// One of the length fields of the network or transport header gets a value near its own, or any.
void OddPacketGenerator::spoil_length() {
  constexpr std::size_t ipv4_places[] = {0, 2, 4, 6}, ipv6_places[] = {0, 4, 6, 40};
  bool ipv6 = type_of(frame_) == ethertype::ipv6;
  std::size_t place = link_bytes + (ipv6 ? ipv6_places : ipv4_places)[random_.below(4)];
  if (random_.percent(30)) place = link_bytes + (ipv6 ? 40 : 20) + 2 * random_.below(8);
  if (place + 2 > frame_.size()) return;
  auto before = base::load<std::uint16_t>(frame_.data() + place, std::endian::big);
  auto after =
      static_cast<std::uint16_t>(random_.percent(50) ? before + random_.between(0, 16) - 8 : random_.next());
  base::store(frame_.data() + place, after, std::endian::big);
}

void OddPacketGenerator::add_ipv4_options() {
  if (type_of(frame_) != ethertype::ipv4 || frame_.size() < link_bytes + sizeof(Ipv4Header)) return;
  std::uint8_t options[40];
  random_.fill(options);
  std::size_t length = random_.between(1, 10) * 4;
  constexpr std::uint8_t kinds[] = {0,   1,   7,   68,
                                    131, 136, 137, 148};  // end, no-op, record route, time stamp, ...
  if (random_.percent(80)) {
    options[0] = kinds[random_.below(std::size(kinds))];
    options[1] = static_cast<std::uint8_t>(random_.percent(80) ? length : random_.below(256));
  }
  insert_at(frame_, link_bytes + sizeof(Ipv4Header), Bytes(options, length));
  frame_[link_bytes] = static_cast<std::uint8_t>(0x45 + length / 4);
  auto total = base::load<std::uint16_t>(frame_.data() + link_bytes + 2, std::endian::big);
  base::store(frame_.data() + link_bytes + 2, static_cast<std::uint16_t>(total + length), std::endian::big);
}

void OddPacketGenerator::add_extension_headers() {
  if (type_of(frame_) != ethertype::ipv6 || frame_.size() < link_bytes + sizeof(Ipv6Header)) return;
  constexpr std::uint8_t kinds[] = {ipproto::hop_by_hop, ipproto::routing,     ipproto::fragment,
                                    ipproto::ah,         ipproto::destination, ipproto::mobility};
  std::size_t next_header = link_bytes + 6;
  std::size_t grown = 0;
  for (std::uint32_t count = random_.between(1, 9); count; --count) {
    std::uint8_t extension[32];
    random_.fill(extension);
    std::uint8_t kind = kinds[random_.below(std::size(kinds))];
    std::size_t length = kind == ipproto::fragment ? 8 : kind == ipproto::ah ? 24 : random_.between(1, 4) * 8;
    extension[0] = frame_[next_header];
    extension[1] = static_cast<std::uint8_t>(kind == ipproto::ah ? length / 4 - 2 : length / 8 - 1);
    if (random_.percent(10)) extension[1] = static_cast<std::uint8_t>(random_.next());
    if (kind == ipproto::fragment && random_.percent(50)) extension[2] = extension[3] = 0;
    frame_[next_header] = kind;
    insert_at(frame_, link_bytes + sizeof(Ipv6Header), Bytes(extension, length));
    next_header = link_bytes + 6;  // the newest stands first
    grown += length;
  }
  auto payload = base::load<std::uint16_t>(frame_.data() + link_bytes + 4, std::endian::big);
  base::store(frame_.data() + link_bytes + 4, static_cast<std::uint16_t>(payload + grown), std::endian::big);
}

void OddPacketGenerator::make_fragment() {
  if (type_of(frame_) != ethertype::ipv4 || frame_.size() < link_bytes + sizeof(Ipv4Header)) return;
  auto fragment =
      static_cast<std::uint16_t>(random_.percent(50) ? 0x2000 | random_.below(0x2000) : random_.next());
  if (random_.percent(25)) fragment = 0x2000;  // the first
  base::store(frame_.data() + link_bytes + 6, fragment, std::endian::big);
}

void OddPacketGenerator::stack_tags() {
  if (frame_.size() < link_bytes) return;
  constexpr std::uint16_t tags[] = {ethertype::vlan, ethertype::qinq, ethertype::old_qinq, ethertype::mpls};
  for (std::uint32_t count = random_.between(1, 5); count; --count) {
    std::uint8_t tag[4];
    random_.fill(tag);
    base::store(tag, tags[random_.below(std::size(tags))], std::endian::big);
    insert_at(frame_, 12, tag);
  }
}

// IPv4 around the packet: IP in IP, GRE or any other protocol.
void OddPacketGenerator::tunnel() {
  if (frame_.size() < link_bytes || frame_.size() > 4000) return;
  constexpr std::uint8_t protocols[] = {ipproto::ipip, ipproto::ipv6, ipproto::gre, ipproto::esp,
                                        ipproto::sctp};
  Ipv4Header outer{};
  outer.version_ihl = 0x45;
  outer.ttl = 64;
  outer.protocol = protocols[random_.below(std::size(protocols))];
  outer.total_length = static_cast<std::uint16_t>(frame_.size() - link_bytes + sizeof outer);
  random_.fill(outer.source);
  random_.fill(outer.destination);
  insert_at(frame_, link_bytes, Bytes(reinterpret_cast<const std::uint8_t*>(&outer), sizeof outer));
  base::store(frame_.data() + 12, ethertype::ipv4, std::endian::big);
}

void OddPacketGenerator::grow() {
  std::size_t before = frame_.size();
  frame_.resize(random_.between(1500, max_frame));
  if (frame_.size() > before) random_.fill(MutableBytes(frame_).subspan(before));
}

void OddPacketGenerator::make_tiny() {
  frame_.resize(std::min<std::size_t>(frame_.size(), random_.between(link_bytes, 60)));
}

Packet OddPacketGenerator::next() {
  Packet packet = base_.next();
  frame_.assign(packet.data.begin(), packet.data.end());
  if (random_.percent(5)) {
    random_.fill(frame_);
    constexpr std::uint16_t types[] = {ethertype::ipv4, ethertype::ipv6, ethertype::arp, ethertype::vlan};
    if (random_.percent(75)) base::store(frame_.data() + 12, types[random_.below(4)], std::endian::big);
  }
  if (random_.percent(25)) add_ipv4_options();
  if (random_.percent(80)) add_extension_headers();
  if (random_.percent(10)) make_fragment();
  if (random_.percent(10)) tunnel();
  if (random_.percent(8)) grow();
  if (random_.percent(20)) spoil_length();
  if (random_.percent(10)) stack_tags();
  if (random_.percent(10))
    frame_.resize(random_.between(link_bytes, static_cast<std::uint32_t>(frame_.size())));
  if (random_.percent(10)) make_tiny();
  if (random_.percent(5)) frame_[random_.below(static_cast<std::uint32_t>(frame_.size()))] ^= 0xff;
  packet.data = frame_;
  packet.original_length = static_cast<std::uint32_t>(frame_.size());
  return packet;
}

}  // namespace skep::net
