// parse() on packets made by hand, on generated traffic, and cut at every byte; checksums; link types.
#include <gtest/gtest.h>

#include <vector>

#include "captures.h"
#include "skep/net/checksum.h"
#include "skep/net/generate.h"
#include "skep/net/parse.h"

namespace skep::net {
namespace {

std::vector<Protocol> protocols(const ParsedPacket& parsed) {
  std::vector<Protocol> all;
  for (const Layer& layer : parsed.layers()) all.push_back(layer.protocol);
  return all;
}

Buffer hex(std::string_view text) {
  Buffer bytes;
  int high = -1;
  for (char c : text) {
    if (c == ' ') continue;
    int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0)
      high = digit;
    else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

constexpr std::string_view macs = "020000000001 020000000002 ";
const std::string udp4 = "4500001f 00010000 40110000 0a000001 0a000002 1388 0035 000b 0000 616263";

TEST(Parse, vlan_stack_ipv4_udp_and_padding) {
  Buffer frame = hex(std::string(macs) + "88a8 0064 8100 0065 0800" + udp4 + "00000000");
  ParsedPacket parsed = parse(LinkType::ethernet, frame);
  using enum Protocol;
  EXPECT_EQ(protocols(parsed), (std::vector{Protocol::ethernet, vlan, vlan, ipv4, udp}));
  EXPECT_EQ(parsed.vlan_count, 2);
  EXPECT_EQ(parsed.l3_offset, 22u);
  EXPECT_EQ(parsed.l4_offset, 42u);
  EXPECT_EQ(parsed.l4, udp);
  EXPECT_EQ(parsed.ip_protocol, 17);
  EXPECT_EQ(parsed.payload_offset, 50u);
  EXPECT_EQ(parsed.payload_length, 3u);  // without the padding
  EXPECT_FALSE(parsed.truncated || parsed.malformed || parsed.fragment);
}

TEST(Parse, every_link_type_reaches_ip) {
  struct Row {
    LinkType link;
    std::string header;
  };
  const Row rows[] = {
      {LinkType::raw_ip, ""},
      {LinkType::ipv4, ""},
      {LinkType::null_loopback, "02000000"},
      {LinkType::null_loopback, "00000002"},
      {LinkType::loop, "00000002"},
      {LinkType::linux_sll, "0000 0001 0006 0200000000010000 0800"},
      {LinkType::linux_sll2, "0800 0000 00000001 0001 00 06 0200000000010000"},
      {LinkType::ethernet, std::string(macs) + "0027 aaaa03 000000 0800"},   // 802.3 with SNAP
      {LinkType::ethernet, std::string(macs) + "8847 00064040 00065140"},    // two MPLS labels
      {LinkType::ethernet, std::string(macs) + "8864 1100 0001 0021 0021"},  // PPPoE
  };
  for (const Row& row : rows) {
    Buffer frame = hex(row.header + udp4);
    ParsedPacket parsed = parse(row.link, frame);
    EXPECT_EQ(parsed.l3, Protocol::ipv4) << row.header;
    EXPECT_EQ(parsed.l4, Protocol::udp) << row.header;
    EXPECT_EQ(parsed.payload_length, 3u) << row.header;
    EXPECT_FALSE(parsed.truncated || parsed.malformed) << row.header;
  }
  ParsedPacket nothing = parse(static_cast<LinkType>(105), hex(udp4));
  EXPECT_EQ(protocols(nothing), std::vector{Protocol::unknown});
  EXPECT_EQ(nothing.l3_offset, ParsedPacket::none);
}

TEST(Parse, tunnels) {
  using enum Protocol;
  Buffer ipip = hex("45000033 00010000 40040000 0a000003 0a000004" + udp4);
  ParsedPacket parsed = parse(LinkType::raw_ip, ipip);
  EXPECT_EQ(protocols(parsed), (std::vector{raw_ip, ipv4, ipv4, udp}));
  EXPECT_EQ(parsed.l4, ipv4);
  EXPECT_EQ(parsed.ip_protocol, 4);
  Buffer gre_key = hex("4500003b 00010000 402f0000 0a000003 0a000004 2000 0800 00000007" + udp4);
  EXPECT_EQ(protocols(parse(LinkType::raw_ip, gre_key)), (std::vector{raw_ip, ipv4, gre, ipv4, udp}));
  Buffer over_vxlan =
      hex("45000051 00010000 40110000 0a000003 0a000004 1388 12b5 003d 0000 08000000 00002a00" +
          std::string(macs) + "0800" + udp4);
  EXPECT_EQ(protocols(parse(LinkType::raw_ip, over_vxlan)),
            (std::vector{raw_ip, ipv4, udp, vxlan, Protocol::ethernet, ipv4, udp}));
}

TEST(Parse, ipv6_extensions_and_fragments) {
  using enum Protocol;
  std::string addresses(64, '0');
  Buffer chain = hex("60000000 0020 00 40" + addresses + "3c00000000000000" + "2c00000000000000" +
                     "1100000100000007" + "1388 0035 0008 0000");
  ParsedPacket parsed = parse(LinkType::ipv6, chain);
  EXPECT_EQ(protocols(parsed),
            (std::vector{raw_ip, ipv6, ipv6_hop_by_hop, ipv6_destination, ipv6_fragment, udp}));
  EXPECT_TRUE(parsed.fragment);
  EXPECT_EQ(parsed.ip_protocol, 17);
  chain[40 + 16 + 3] = 0x09;  // offset 8
  parsed = parse(LinkType::ipv6, chain);
  EXPECT_EQ(parsed.layers().back().protocol, Protocol::fragment);
  EXPECT_EQ(parsed.l4_offset, ParsedPacket::none);
  EXPECT_EQ(parsed.ip_protocol, 17);

  Buffer later = hex("4500001f 00012001 40110000 0a000001 0a000002 1388 0035 000b 0000 616263");
  parsed = parse(LinkType::raw_ip, later);
  EXPECT_TRUE(parsed.fragment);
  EXPECT_EQ(parsed.l4_offset, ParsedPacket::none);
  EXPECT_EQ(parsed.payload_length, 11u);
}

TEST(Parse, lies_are_flagged) {
  auto flags = [](std::string_view packet) {
    ParsedPacket parsed = parse(LinkType::raw_ip, hex(packet));
    return std::pair(parsed.truncated, parsed.malformed);
  };
  EXPECT_EQ(flags("4400001f 00010000 40110000 0a000001 0a000002"), std::pair(false, true));  // IHL 4
  EXPECT_EQ(flags("45000013 00010000 40110000 0a000001 0a000002"),
            std::pair(false, true));  // shorter than a header
  EXPECT_EQ(flags("450000ff 00010000 40fd0000 0a000001 0a000002"),
            std::pair(true, false));  // longer than there is
  EXPECT_EQ(flags("45000018 00010000 40110000 0a000001 0a000002 13880035"),
            std::pair(true, false));  // half a UDP header
  EXPECT_EQ(flags("4500001c 00010000 40110000 0a000001 0a000002 1388 0035 0007 0000"),
            std::pair(false, true));
  EXPECT_EQ(
      flags("45000028 00010000 40060000 0a000001 0a000002 13880035 00000001 00000000 40020000 00000000"),
      std::pair(false, true));  // TCP offset 4
  EXPECT_EQ(flags("45000000 00010000 40110000 0a000001 0a000002 1388 0035 0008 0000"),
            std::pair(false, false));
}

TEST(Parse, depth_is_bounded) {
  Buffer tower = hex(macs);
  for (int i = 0; i < 100; ++i)
    for (unsigned byte : {0x81u, 0u, 0u, 1u}) tower.push_back(static_cast<std::uint8_t>(byte));
  ParsedPacket parsed = parse(LinkType::ethernet, tower);
  EXPECT_TRUE(parsed.too_deep);
  EXPECT_EQ(parsed.layer_count, ParsedPacket::max_layers);
}

// Whatever the bytes: layers follow each other without gaps and lie inside, and so does the payload.
void expect_inside(LinkType link, Bytes packet) {
  ParsedPacket parsed = parse(link, packet);
  std::uint32_t at = 0;
  for (const Layer& layer : parsed.layers()) {
    ASSERT_EQ(layer.offset, at);
    at += layer.header_length;
  }
  ASSERT_EQ(parsed.payload_offset, at);
  ASSERT_LE(std::size_t{at} + parsed.payload_length, packet.size());
}

TEST(Parse, never_leaves_the_bytes) {
  OddPacketGenerator odd(11);
  for (int i = 0; i < 4000; ++i) {
    Packet packet = odd.next();
    for (LinkType link : {LinkType::ethernet, LinkType::linux_sll, LinkType::null_loopback, LinkType::raw_ip})
      expect_inside(link, packet.data);
  }
  TrafficGenerator traffic(5);
  for (int i = 0; i < 50; ++i) {
    Packet packet = traffic.next();
    for (std::size_t cut = 0; cut <= std::min<std::size_t>(packet.data.size(), 120); ++cut) {
      Buffer exact(packet.data.begin(), packet.data.begin() + static_cast<std::ptrdiff_t>(cut));
      expect_inside(LinkType::ethernet, exact);
    }
  }
}

TEST(Checksum, of_rfc_1071_and_pieces) {
  const std::uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(example), static_cast<std::uint16_t>(~0xddf2));
  EXPECT_EQ(internet_checksum({}), 0xffff);
  Random random(7);
  for (std::uint32_t size = 0; size < 300; ++size) {
    Buffer bytes(size);
    random.fill(bytes);
    std::uint64_t slow = 0;
    for (std::size_t i = 0; i < size; ++i) slow += i % 2 ? bytes[i] : bytes[i] << 8;
    while (slow >> 16) slow = (slow & 0xffff) + (slow >> 16);
    ASSERT_EQ(internet_checksum(bytes), static_cast<std::uint16_t>(~slow)) << size;
    std::size_t middle = random.below(size / 2 + 1) * 2;
    middle = std::min<std::size_t>(middle, size);
    std::uint32_t sum = checksum_add(Bytes(bytes).subspan(middle), checksum_add(Bytes(bytes).first(middle)));
    if (middle % 2 == 0) {
      ASSERT_EQ(checksum_finish(sum), internet_checksum(bytes));
    }
    if (size < 2) continue;
    std::uint16_t before = base::load<std::uint16_t>(bytes.data(), std::endian::big),
                  check = internet_checksum(bytes);
    base::store<std::uint16_t>(bytes.data(), 0x1234, std::endian::big);
    ASSERT_EQ(checksum_update(check, before, 0x1234), internet_checksum(bytes));
  }
}

TEST(LinkTypes, are_found_by_number) {
  EXPECT_EQ(print(LinkType::ethernet), "ETHERNET");
  EXPECT_EQ(print(LinkType::linux_sll2), "LINUX_SLL2");
  EXPECT_EQ(print(static_cast<LinkType>(4711)), "link type 4711");
  for (const LinkTypeRow& row : link_types()) EXPECT_EQ(find_link_type(row.number), &row);
}

}  // namespace
}  // namespace skep::net
