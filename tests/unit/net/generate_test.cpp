// Generated traffic: the same bytes from the same seed, valid checksums, the promised mix.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "captures.h"
#include "skep/net/checksum.h"
#include "skep/net/generate.h"
#include "skep/net/parse.h"

namespace skep::net {
namespace {

template <class Generator>
std::uint64_t digest(std::uint64_t seed, int count) {
  Generator generator(seed);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < count; ++i) {
    Packet packet = generator.next();
    for (std::uint8_t byte : packet.data) hash = (hash ^ byte) * 0x100000001b3;
    hash = (hash ^ packet.time_ns) * 0x100000001b3;
  }
  return hash;
}

TEST(Random, known_numbers_and_ranges) {
  // xoshiro256** seeded by splitmix64 from 0: the state is splitmix64's known sequence.
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452au);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.between(3, 7));
  EXPECT_EQ(seen, (std::set<std::uint32_t>{3, 4, 5, 6, 7}));
}

TEST(Traffic, same_seed_same_bytes) {
  EXPECT_EQ(digest<TrafficGenerator>(1, 5000), digest<TrafficGenerator>(1, 5000));
  EXPECT_NE(digest<TrafficGenerator>(1, 5000), digest<TrafficGenerator>(2, 5000));
  EXPECT_EQ(digest<OddPacketGenerator>(1, 5000), digest<OddPacketGenerator>(1, 5000));
  EXPECT_EQ(digest<TrafficGenerator>(1, 5000), 17147797276325458664u);
  EXPECT_EQ(digest<OddPacketGenerator>(1, 5000), 2039594032318637804u);
}

void expect_checksums(const Packet& packet, const ParsedPacket& parsed) {
  if (parsed.l3 == Protocol::arp) return;
  Bytes l4 =
      packet.data.subspan(parsed.l4_offset, parsed.payload_offset + parsed.payload_length - parsed.l4_offset);
  bool ipv6 = parsed.l3 == Protocol::ipv6;
  std::uint32_t pseudo = 0;
  if (parsed.l4 != Protocol::icmp)
    pseudo = pseudo_header_sum(packet.data.subspan(parsed.l3_offset + (ipv6 ? 8 : 12), ipv6 ? 16 : 4),
                               packet.data.subspan(parsed.l3_offset + (ipv6 ? 24 : 16), ipv6 ? 16 : 4),
                               parsed.ip_protocol, static_cast<std::uint32_t>(l4.size()));
  ASSERT_EQ(checksum_finish(checksum_add(l4, pseudo)), 0) << packet.number;
  if (!ipv6) {
    ASSERT_EQ(internet_checksum(packet.data.subspan(parsed.l3_offset, 20)), 0) << packet.number;
  }
}

TEST(Traffic, mix_size_and_checksums) {
  TrafficGenerator traffic(42);
  constexpr int count = 100000;
  std::uint64_t bytes = 0, time = 0;
  std::map<Protocol, int> l3, l4;
  int tagged = 0, dns = 0, http = 0;
  for (int i = 0; i < count; ++i) {
    Packet packet = traffic.next();
    ParsedPacket parsed = parse(LinkType::ethernet, packet.data);
    ASSERT_FALSE(parsed.malformed || parsed.truncated || parsed.fragment) << packet.number;
    ASSERT_GT(packet.time_ns, time);
    ASSERT_GE(packet.data.size(), 60u);
    ASSERT_LE(packet.data.size(), 1522u);
    time = packet.time_ns;
    bytes += packet.data.size();
    ++l3[parsed.l3];
    ++l4[parsed.l4];
    tagged += parsed.vlan_count;
    if (parsed.l4 == Protocol::tcp || parsed.l4 == Protocol::udp) {
      auto ports = header_at<UdpHeader>(packet.data, parsed.l4_offset);
      dns += ports.source == 53 || ports.destination == 53;
      http += ports.source == 80 || ports.destination == 80;
    }
    expect_checksums(packet, parsed);
  }
  EXPECT_NEAR(static_cast<double>(bytes) / count, 580, 30);
  EXPECT_NEAR(l4[Protocol::tcp], 0.61 * count, 0.06 * count);
  EXPECT_NEAR(l4[Protocol::udp], 0.35 * count, 0.06 * count);
  EXPECT_NEAR(l3[Protocol::ipv6], 0.10 * count, 0.03 * count);
  EXPECT_NEAR(tagged, 0.09 * count, 0.03 * count);
  EXPECT_NEAR(dns, 0.19 * count, 0.05 * count);
  EXPECT_NEAR(http, 0.33 * count, 0.06 * count);
  EXPECT_GT(l4[Protocol::icmp], 0);
  EXPECT_GT(l4[Protocol::icmpv6], 0);
  EXPECT_GT(l3[Protocol::arp], 0);
}

TEST(OddPackets, are_odd_in_every_way) {
  OddPacketGenerator odd(1);
  int truncated = 0, malformed = 0, fragments = 0, options = 0, extensions = 0, tiny = 0, big = 0, tags = 0;
  std::size_t least = 100000, most = 0;
  for (int i = 0; i < 20000; ++i) {
    Packet packet = odd.next();
    ParsedPacket parsed = parse(LinkType::ethernet, packet.data);
    truncated += parsed.truncated;
    malformed += parsed.malformed;
    fragments += parsed.fragment;
    tags += parsed.vlan_count > 1;
    tiny += packet.data.size() < 60;
    big += packet.data.size() > 3520;
    for (const Layer& layer : parsed.layers()) {
      options += layer.protocol == Protocol::ipv4 && layer.header_length > 20;
      extensions +=
          layer.protocol == Protocol::ipv6_hop_by_hop || layer.protocol == Protocol::ipv6_destination;
    }
    least = std::min(least, packet.data.size());
    most = std::max(most, packet.data.size());
  }
  for (int count : {truncated, malformed, fragments, options, extensions, tiny, big, tags})
    EXPECT_GT(count, 200);
  EXPECT_GE(least, 14u);
  EXPECT_LE(most, 9216u);
  EXPECT_GT(most, 9000u);
}

}  // namespace
}  // namespace skep::net
