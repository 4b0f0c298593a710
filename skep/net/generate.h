// Traffic made from a seed: the same seed gives the same bytes on every machine. For benchmarks,
// demonstrations and the comparison of engines.
#pragma once

#include <cstdint>
#include <memory>

#include "skep/base/bytes.h"
#include "skep/net/capture.h"

namespace skep::net {

// xoshiro256** of Blackman and Vigna, seeded through splitmix64. Standard distributions differ between
// libraries, so ranges are drawn here.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Below `bound`, which is at least 1; bias below 2^-32 for bounds below 2^32.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(high - low + 1); }
  bool percent(std::uint32_t chance) { return below(100) < chance; }
  void fill(MutableBytes bytes);

 private:
  std::uint64_t state_[4];
};

// Plausible Ethernet traffic: TCP connections from handshake to FIN (web and bulk), DNS questions and
// answers, other UDP, ICMP echoes, ARP; a tenth over IPv6, a tenth with VLAN tags; about 580 bytes a packet
// in the mean. All lengths and checksums are right. Clients are 10.0.0.0/8 and 2001:db8:1::/48, servers
// 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8:2::/48.
class TrafficGenerator {
 public:
  explicit TrafficGenerator(std::uint64_t seed);
  TrafficGenerator(TrafficGenerator&&) noexcept;
  TrafficGenerator& operator=(TrafficGenerator&&) noexcept;
  ~TrafficGenerator();
  // The next packet; its data are valid until the next call. Time begins at 2025-01-01 and only grows.
  Packet next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Ethernet frames that are wrong or rare: cut headers, lengths that lie, IPv4 options, chains of IPv6
// extension headers, fragments, VLAN stacks, tunnels, tiny (14 to 60 bytes) and big (up to 9 KiB) frames,
// random bytes.
class OddPacketGenerator {
 public:
  explicit OddPacketGenerator(std::uint64_t seed);
  Packet next();

 private:
  void spoil_length();
  void add_ipv4_options();
  void add_extension_headers();
  void make_fragment();
  void stack_tags();
  void tunnel();
  void grow();
  void make_tiny();

  Random random_;
  TrafficGenerator base_;
  Buffer frame_;
};

}  // namespace skep::net
