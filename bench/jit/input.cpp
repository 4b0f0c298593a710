// Writing the packet: RFC 791, RFC 768.
#include "bench/jit/input.h"

#include <algorithm>

#include "skep/net/checksum.h"

namespace skep::bench {
namespace {

constexpr std::size_t ip_at = 14, udp_at = 34, payload_at = 42, payload_bytes = 1472;
constexpr std::uint8_t udp = 17;

void put16(Buffer& to, std::size_t at, std::size_t value) {
  to[at] = static_cast<std::uint8_t>(value >> 8);
  to[at + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace

Buffer make_packet() {
  Buffer packet(payload_at + payload_bytes);
  for (std::size_t i = 0; i < 12; i++) packet[i] = static_cast<std::uint8_t>(2 + i);  // both addresses
  put16(packet, 12, 0x0800);
  const std::uint8_t ip[20] = {0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, udp, 0, 0, 10, 1, 2, 3, 192, 0, 2, 9};
  std::copy(std::begin(ip), std::end(ip), packet.begin() + ip_at);
  put16(packet, ip_at + 2, packet.size() - ip_at);
  put16(packet, ip_at + 10, net::internet_checksum(Bytes(packet).subspan(ip_at, 20)));
  put16(packet, udp_at, 40000);
  put16(packet, udp_at + 2, 443);
  put16(packet, udp_at + 4, packet.size() - udp_at);
  std::uint64_t x = 0x243f6a8885a308d3;
  for (std::size_t i = payload_at; i < packet.size(); i++) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    packet[i] = static_cast<std::uint8_t>(x >> 56);
  }
  Bytes all(packet);
  std::uint32_t sum = net::pseudo_header_sum(all.subspan(ip_at + 12, 4), all.subspan(ip_at + 16, 4), udp,
                                             static_cast<std::uint32_t>(packet.size() - udp_at));
  put16(packet, udp_at + 6, net::checksum_finish(net::checksum_add(all.subspan(udp_at), sum)));
  return packet;
}

}  // namespace skep::bench
