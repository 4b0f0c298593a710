// Summaries held against golden texts (BLESS=1 rewrites them), and on bytes of every kind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "captures.h"
#include "skep/base/file.h"
#include "skep/net/generate.h"
#include "skep/net/summary.h"

namespace skep::net {
namespace {

std::string golden_path(const std::string& name) {
  return std::string(SKEP_SOURCE_DIR) + "/tests/golden/net/" + name + ".txt";
}

void expect_golden(const std::string& name, const std::string& text) {
  if (std::getenv("BLESS")) {
    auto written = base::write_file(golden_path(name), base::as_bytes(text));
    ASSERT_TRUE(written) << written.error().message;
  }
  auto golden = base::read_file(golden_path(name));
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(text, base::as_text(*golden)) << name;
}

TEST(Summary, generated_traffic) {
  TrafficGenerator traffic(1);
  std::string text;
  for (int i = 0; i < 60; ++i) text += summary(traffic.next()) + "\n";
  expect_golden("summary-traffic", text);
}

TEST(Summary, odd_packets) {
  OddPacketGenerator odd(1);
  std::string text;
  for (int i = 0; i < 80; ++i) text += summary(odd.next(), {.time = false, .number = true}) + "\n";
  expect_golden("summary-odd", text);
}

TEST(Summary, reference_captures) {
  if (::access(data_path("ORIGIN.md").c_str(), R_OK) != 0)
    GTEST_SKIP() << "no reference captures in " SKEP_DATA_DIR;
  std::string text;
  for (const char* name : {"BgpPackets.pcap",
                           "Dhcp1.pcap",
                           "DnsPackets.pcap",
                           "GrePackets.cap",
                           "IPv4-encapsulated-IPv6.pcap",
                           "IcmpPackets.pcap",
                           "IgmpPackets.pcap",
                           "MplsPackets.pcap",
                           "PPPoESession.pcap",
                           "QinQ_802.1_AD.pcapng",
                           "VlanPackets.pcap",
                           "Vxlan1.pcap",
                           "dhcpv6.pcap",
                           "dns_stack_overflow.pcap",
                           "gtp-u.pcap",
                           "ip-frag.pcap",
                           "ip4_bad_fragment.pcap",
                           "ipv4-malformed.pcap",
                           "ipv6-frag.pcap",
                           "ipv6.pcapng",
                           "linktype_ipv6.pcap",
                           "microsecs_big_endian.pcap",
                           "nanosecs.pcap",
                           "null_loopback.pcap",
                           "raw_ip.pcap",
                           "sll2.pcap",
                           "solaris.snoop",
                           "tcp-malformed.pcap",
                           "pcapng-example.pcapng.zst"}) {
    text += std::string("-- ") + name + "\n";
    auto reader = CaptureReader::open(data_path(name));
    ASSERT_TRUE(reader) << reader.error().message;
    Packet packet;
    for (int i = 0; i < 8; ++i) {
      auto more = reader->next(packet);
      ASSERT_TRUE(more) << more.error().message;
      if (!*more) break;
      text += summary(packet) + "\n";
    }
  }
  expect_golden("summary-captures", text);
}

TEST(Summary, any_bytes_give_one_printable_line) {
  OddPacketGenerator odd(9);
  for (int i = 0; i < 5000; ++i) {
    Packet packet = odd.next();
    constexpr LinkType links[] = {LinkType::ethernet, LinkType::raw_ip, LinkType::null_loopback,
                                  LinkType::linux_sll2, static_cast<LinkType>(147)};
    packet.link = links[i % 5];
    std::string line = summary(packet);
    ASSERT_FALSE(line.empty());
    for (char c : line) ASSERT_TRUE(c >= ' ' && c < 127) << line;
  }
}

TEST(Address, as_rfc_5952_writes_them) {
  EXPECT_EQ(print(Ipv6Address{}), "::");
  EXPECT_EQ(print(Ipv6Address{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "2001:db8::1");
  EXPECT_EQ(print(Ipv6Address{0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}), "2001:0:0:1::");
  EXPECT_EQ(print(Ipv6Address{0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7}), "1:0:2:3:4:5:6:7");
  EXPECT_EQ(print(Ipv6Address{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}), "::1:0:0:0:1");
  EXPECT_EQ(print(Ipv4Address{10, 0, 0, 255}), "10.0.0.255");
  EXPECT_EQ(print(MacAddress{2, 0, 0, 0, 0, 0xab}), "02:00:00:00:00:ab");
}

}  // namespace
}  // namespace skep::net
