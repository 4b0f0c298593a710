// Captures: formats, byte orders, cuts at every byte, lengths that lie, and the way there and back.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <cstring>

#include "captures.h"
#include "skep/base/file.h"
#include "skep/net/generate.h"

namespace skep::net {
namespace {

using base::Writer;

void pcap_header(Writer& w, std::uint32_t magic, std::uint32_t link = 1, std::uint16_t minor = 4) {
  w.u32(magic);
  w.u16(2);
  w.u16(minor);
  w.u32(0);
  w.u32(0);
  w.u32(65535);
  w.u32(link);
}
void pcap_record(Writer& w, std::uint32_t seconds, std::uint32_t fraction, std::string_view data,
                 std::uint32_t original, bool kuznetzov = false) {
  w.u32(seconds);
  w.u32(fraction);
  w.u32(static_cast<std::uint32_t>(data.size()));
  w.u32(original);
  if (kuznetzov) w.u64(0);
  w.bytes(base::as_bytes(data));
}

void block(Writer& w, std::uint32_t type, const Writer& body) {
  auto length = static_cast<std::uint32_t>((body.size() + 3) / 4 * 4 + 12);
  w.u32(type);
  w.u32(length);
  w.bytes(body.buffer());
  w.pad_to(4);
  w.u32(length);
}
void section_block(Writer& w, std::endian order) {
  Writer body(order);
  body.u32(0x1a2b3c4d);
  body.u16(1);
  body.u16(0);
  body.u64(~std::uint64_t{0});
  block(w, 0x0a0d0d0a, body);
}
void interface_block(Writer& w, std::endian order, std::uint16_t link, int tsresol = -1,
                     std::int64_t tsoffset = 0, std::uint32_t snaplen = 0, std::string_view name = {}) {
  Writer body(order);
  body.u16(link);
  body.u16(0);
  body.u32(snaplen);
  if (!name.empty()) {
    body.u16(2);
    body.u16(static_cast<std::uint16_t>(name.size()));
    body.bytes(base::as_bytes(name));
    body.pad_to(4);
  }
  if (tsresol >= 0) {
    body.u16(9);
    body.u16(1);
    body.u8(static_cast<std::uint8_t>(tsresol));
    body.pad_to(4);
  }
  if (tsoffset) {
    body.u16(14);
    body.u16(8);
    body.u64(static_cast<std::uint64_t>(tsoffset));
  }
  if (body.size() > 8) body.u32(0);
  block(w, 1, body);
}
void enhanced_block(Writer& w, std::endian order, std::uint32_t interface, std::uint64_t time,
                    std::string_view data, std::uint32_t type = 6) {
  Writer body(order);
  if (type == 6)
    body.u32(interface);
  else {
    body.u16(static_cast<std::uint16_t>(interface));
    body.u16(7);  // drops
  }
  body.u32(static_cast<std::uint32_t>(time >> 32));
  body.u32(static_cast<std::uint32_t>(time));
  body.u32(static_cast<std::uint32_t>(data.size()));
  body.u32(static_cast<std::uint32_t>(data.size() + 1));
  body.bytes(base::as_bytes(data));
  block(w, type, body);
}
void simple_block(Writer& w, std::endian order, std::uint32_t original, std::string_view data) {
  Writer body(order);
  body.u32(original);
  body.bytes(base::as_bytes(data));
  block(w, 3, body);
}

std::string text(const Kept& packet) { return std::string(base::as_text(packet.data)); }

TEST(Pcap, both_orders_and_every_magic) {
  for (std::endian order : {std::endian::little, std::endian::big})
    for (auto [magic, unit, kuznetzov] :
         {std::tuple{0xa1b2c3d4u, 1000u, false}, std::tuple{0xa1b23c4du, 1u, false},
          std::tuple{0xa1b2cd34u, 1000u, true}}) {
      Writer w(order);
      pcap_header(w, magic, 101 | 0x10000000);  // with the length of a frame check sequence
      pcap_record(w, 5, 7, "abc", 60, kuznetzov);
      pcap_record(w, 0xffffffff, 8, "", 0, kuznetzov);
      auto all = read_all(w.buffer());
      ASSERT_EQ(all.error.code, 0) << all.error.message;
      ASSERT_EQ(all.packets.size(), 2u);
      EXPECT_EQ(text(all.packets[0]), "abc");
      EXPECT_EQ(all.packets[0].original_length, 60u);
      EXPECT_EQ(all.packets[0].link, LinkType::raw_ip);
      EXPECT_EQ(all.packets[0].time_ns, 5'000'000'000 + 7 * unit);
      EXPECT_EQ(all.packets[1].time_ns, 4294967295ull * 1'000'000'000 + 8 * unit);
    }
}

TEST(Pcap, lengths_of_old_versions_may_be_swapped) {
  Writer w;
  pcap_header(w, 0xa1b2c3d4, 1, 2);
  w.u32(1);
  w.u32(2);
  w.u32(60);
  w.u32(3);
  w.bytes(base::as_bytes("abc"));
  auto all = read_all(w.buffer());
  ASSERT_EQ(all.packets.size(), 1u) << all.error.message;
  EXPECT_EQ(all.packets[0].data.size(), 3u);
  EXPECT_EQ(all.packets[0].original_length, 60u);
}

TEST(Pcap, hostile_length_names_the_place) {
  Writer w;
  pcap_header(w, 0xa1b2c3d4);
  pcap_record(w, 1, 1, "abc", 3);
  std::size_t at = w.size();
  pcap_record(w, 1, 1, "abc", 3);
  w.patch<std::uint32_t>(at + 8, 0xffffffff);
  for (const ReadAll& all : {read_all(w.buffer()), read_all_in_pieces(w.buffer(), 5)}) {
    EXPECT_EQ(all.packets.size(), 1u);
    EXPECT_EQ(all.error.code, EINVAL);
    EXPECT_EQ(
        all.error.message,
        "test: packet 2 at byte 43: record says 4294967295 bytes, at most 262144 are allowed for ETHERNET");
  }
  // The largest that is allowed, but not there.
  w.patch<std::uint32_t>(at + 8, 262144);
  EXPECT_EQ(read_all(w.buffer()).error.message,
            "test: packet 2 at byte 43: the file ends after 19 of its 262160 bytes");
}

TEST(Pcap, errors_stay) {
  Writer w;
  pcap_header(w, 0xa1b2c3d4);
  w.u32(1);
  auto reader = CaptureReader::from_memory(w.buffer(), "cut.pcap");
  ASSERT_TRUE(reader);
  Packet packet;
  for (int again = 0; again < 3; ++again) {
    auto more = reader->next(packet);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().message, "cut.pcap: packet 1 at byte 24: the file ends after 4 of its 16 bytes");
  }
}

TEST(Pcap, large_limits_of_some_link_types) {
  EXPECT_EQ(max_packet_length(LinkType::ethernet), 262144u);
  EXPECT_EQ(max_packet_length(LinkType::usbpcap), 128u << 20);
  EXPECT_EQ(max_packet_length(static_cast<LinkType>(4711)), 262144u);
  std::string large(300000, 'x');
  for (auto [link, ok] : {std::pair{249u, true}, std::pair{1u, false}}) {
    Writer w;
    pcap_header(w, 0xa1b2c3d4, link);
    pcap_record(w, 1, 1, large, 300000);
    EXPECT_EQ(read_all_in_pieces(w.buffer(), 100000).packets.size(), ok ? 1u : 0u);
  }
}

TEST(Open, says_what_is_wrong) {
  auto message = [](std::string_view bytes) { return read_all(base::as_bytes(bytes)).error.message; };
  EXPECT_EQ(message(""), "test: is empty");
  EXPECT_EQ(message("ab"), "test: has 2 bytes, too few for a capture");
  EXPECT_EQ(message("hello, world"),
            "test: begins with 68 65 6c 6c, which is not pcap, pcapng, snoop or zstd");
  EXPECT_EQ(message("\x1f\x8b\x08\x01\x02"),
            "test: is compressed with gzip, which is not read (zstd is): unpack it with gunzip");
  EXPECT_EQ(message("\xd4\xc3\xb2\xa1"), "test: pcap header: the file ends after 4 of its 24 bytes");
  Writer w;
  pcap_header(w, 0xa1b2c3d4);
  w.patch<std::uint16_t>(4, 3);
  EXPECT_EQ(read_all(w.buffer()).error.message, "test: pcap header: version is 3.4, must be 2.x");
  auto absent = CaptureReader::open("/nonexistent/x.pcap");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ENOENT);
}

TEST(Pcapng, sections_interfaces_and_every_packet_block) {
  for (std::endian order : {std::endian::little, std::endian::big}) {
    std::endian other = order == std::endian::little ? std::endian::big : std::endian::little;
    Writer w(order);
    section_block(w, order);
    interface_block(w, order, 1, -1, 0, 4, "eth0");
    interface_block(w, order, 101, 9);
    Writer unknown(order);
    unknown.bytes(base::as_bytes("skip me"));
    block(w, 0xbad, unknown);
    enhanced_block(w, order, 0, 3, "first");
    enhanced_block(w, order, 1, 4, "second");
    enhanced_block(w, order, 1, 5, "third", 2);
    simple_block(w, order, 9, "abcd");  // cut to the snaplen of interface 0
    Writer next(other);
    section_block(next, other);
    interface_block(next, other, 113);
    enhanced_block(next, other, 0, 6, "last");
    w.bytes(next.buffer());
    for (const ReadAll& all : {read_all(w.buffer()), read_all_in_pieces(w.buffer(), 7)}) {
      ASSERT_EQ(all.error.code, 0) << all.error.message;
      ASSERT_EQ(all.packets.size(), 5u);
      EXPECT_EQ(text(all.packets[0]), "first");
      EXPECT_EQ(all.packets[0].original_length, 6u);
      EXPECT_EQ(all.packets[0].time_ns, 3000u);
      EXPECT_EQ(text(all.packets[1]), "second");
      EXPECT_EQ(all.packets[1].time_ns, 4u);
      EXPECT_EQ(all.packets[1].link, LinkType::raw_ip);
      EXPECT_EQ(text(all.packets[2]), "third");
      EXPECT_EQ(all.packets[2].interface, 1u);
      EXPECT_EQ(text(all.packets[3]), "abcd");
      EXPECT_EQ(all.packets[3].original_length, 9u);
      EXPECT_EQ(all.packets[4].link, LinkType::linux_sll);
      EXPECT_EQ(all.packets[4].interface, 0u);
    }
  }
}

TEST(Pcapng, units_of_time) {
  struct Row {
    int tsresol;
    std::int64_t offset;
    std::uint64_t units, ns;
  };
  constexpr std::uint64_t most = ~std::uint64_t{0};
  constexpr Row rows[] = {
      {-1, 0, 1'500'000, 1'500'000'000},  // microseconds when nothing is said
      {0, 0, 7, 7'000'000'000},           // seconds
      {3, 0, 1234, 1'234'000'000},        // 10^-3
      {9, 0, most, most},                 // nanoseconds pass through
      {12, 0, 5'999, 5},                  // picoseconds are cut
      {19, 0, most, 1'844'674'407},       //
      {6, 0, most, most},                 // beyond 2554: the maximum
      {0x80 | 1, 0, 3, 1'500'000'000},    // halves of a second
      {0x80 | 20, 0, 1 << 20, 1'000'000'000},
      {0x80 | 63, 0, most, 1'999'999'999},
      {6, 10, 1'000'000, 11'000'000'000},  // if_tsoffset
      {6, -10, 1'000'000, 0},              // before 1970
      {6, INT64_MAX, most, most},
  };
  for (const Row& row : rows) {
    Writer w(std::endian::little);
    section_block(w, std::endian::little);
    interface_block(w, std::endian::little, 1, row.tsresol, row.offset);
    enhanced_block(w, std::endian::little, 0, row.units, "x");
    auto all = read_all(w.buffer());
    ASSERT_EQ(all.packets.size(), 1u) << all.error.message;
    EXPECT_EQ(all.packets[0].time_ns, row.ns) << row.tsresol << " " << row.units;
  }
  for (int refused : {20, 127, 0x80 | 64, 0xff}) {
    Writer w(std::endian::little);
    section_block(w, std::endian::little);
    interface_block(w, std::endian::little, 1, refused);
    EXPECT_NE(read_all(w.buffer()).error.message.find("if_tsresol"), std::string::npos);
  }
}

TEST(Pcapng, hostile_blocks) {
  constexpr auto le = std::endian::little;
  auto message = [](auto make) {
    Writer w(le);
    section_block(w, le);
    make(w);
    return read_all(w.buffer()).error.message;
  };
  EXPECT_EQ(message([](Writer& w) { enhanced_block(w, le, 0, 0, "x"); }),
            "test: packet 1 at byte 28: interface is 0, but 0 are described");
  EXPECT_EQ(message([](Writer& w) {
              interface_block(w, le, 1);
              enhanced_block(w, le, 0, 0, "x");
              w.patch<std::uint32_t>(48 + 20, 5);
            }),
            "test: packet 1 at byte 48: record says 5 bytes, but its block holds 4");
  EXPECT_EQ(
      message([](Writer& w) {
        interface_block(w, le, 1);
        enhanced_block(w, le, 0, 0, "x");
        w.patch<std::uint32_t>(48 + 20, 0xfffffff0);
      }),
      "test: packet 1 at byte 48: record says 4294967280 bytes, at most 262144 are allowed for ETHERNET");
  EXPECT_EQ(message([](Writer& w) {
              w.u32(0xbad);
              w.u32(0xfffffffc);
              w.u32(0);
            }),
            "test: block of type 0xbad at byte 28: length is 4294967292, at most 16777216 is allowed");
  EXPECT_EQ(message([](Writer& w) {
              w.u32(0xbad);
              w.u32(14);
              w.u64(0);
            }),
            "test: block of type 0xbad at byte 28: length is 14, must be a multiple of 4 and at least 12");
  EXPECT_EQ(message([](Writer& w) {
              w.u32(0xbad);
              w.u32(12);
              w.u32(16);
            }),
            "test: block of type 0xbad at byte 28: length is 12 at its start and 16 at its end");
  EXPECT_EQ(message([](Writer& w) {
              interface_block(w, le, 1, 9);
              w.patch<std::uint16_t>(28 + 16 + 2, 400);
            }),
            "test: interface at byte 28: option 9 says 400 bytes, but 8 are left");
}

Buffer zstd(Bytes bytes) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  Buffer packed(ZSTD_compressBound(bytes.size()));
  packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), bytes.data(), bytes.size()));
  ZSTD_freeCCtx(context);
  return packed;
}

Buffer generated(CaptureFormat format, std::uint64_t count, bool nanoseconds = true) {
  Buffer file;
  WriteOptions options;
  options.format = format;
  options.nanoseconds = nanoseconds;
  auto writer = CaptureWriter::to_memory(file, options);
  TrafficGenerator traffic(1);
  for (std::uint64_t i = 0; i < count; ++i) EXPECT_TRUE(writer->write(traffic.next()));
  EXPECT_TRUE(writer->close());
  return file;
}

TEST(Truncated, at_every_byte_delivers_what_is_whole) {
  Writer ng(std::endian::big);
  section_block(ng, std::endian::big);
  interface_block(ng, std::endian::big, 1);
  for (int i = 0; i < 4; ++i) enhanced_block(ng, std::endian::big, 0, 1, "packet");
  for (const Buffer& file :
       {generated(CaptureFormat::pcap, 3), generated(CaptureFormat::pcapng, 3), ng.buffer()}) {
    ReadAll whole = read_all(file);
    ASSERT_EQ(whole.error.code, 0);
    std::size_t before = 0;
    for (std::size_t cut = 0; cut < file.size(); ++cut) {
      ReadAll all = read_all(Bytes(file).first(cut));
      ReadAll pieces = read_all_in_pieces(Bytes(file).first(cut), 64);
      EXPECT_EQ(all.error.message, pieces.error.message);
      ASSERT_EQ(all.packets, pieces.packets);
      ASSERT_GE(all.packets.size(), before);
      before = all.packets.size();
      ASSERT_LE(before, whole.packets.size());
      for (std::size_t i = 0; i < before; ++i) ASSERT_EQ(all.packets[i], whole.packets[i]);
      if (all.error.code) {
        EXPECT_EQ(all.error.code, EINVAL);
      }
    }
  }
}

TEST(Zstd, streams_and_names_damage) {
  Buffer plain = generated(CaptureFormat::pcap, 2000);  // several windows
  Buffer packed = zstd(plain);
  ReadAll want = read_all(plain);
  ASSERT_EQ(want.packets.size(), 2000u);
  EXPECT_EQ(read_all(packed).packets, want.packets);
  EXPECT_EQ(read_all_in_pieces(packed, 1000).packets, want.packets);
  ReadAll cut = read_all(Bytes(packed).first(packed.size() / 2));
  EXPECT_EQ(cut.error.code, EINVAL);
  EXPECT_NE(cut.error.message.find("in the middle of a frame"), std::string::npos) << cut.error.message;
  EXPECT_FALSE(cut.packets.empty());
  Buffer damaged = packed;
  for (std::size_t i = 0; i < 64; ++i) damaged[damaged.size() / 2 + i] ^= 0x5a;
  ReadAll bad = read_all(damaged);
  EXPECT_TRUE(bad.error.code == EINVAL) << bad.error.message;
  EXPECT_EQ(read_all(zstd(packed)).error.message, "test: is compressed with zstd twice");
  // Two frames with one to skip between them are one capture.
  Buffer joined = zstd(Bytes(plain).first(1000));
  Writer skippable(std::endian::little);
  skippable.u32(0x184d2a50);
  skippable.u32(3);
  skippable.bytes(base::as_bytes("abc"));
  joined.insert(joined.end(), skippable.buffer().begin(), skippable.buffer().end());
  Buffer second = zstd(Bytes(plain).subspan(1000));
  joined.insert(joined.end(), second.begin(), second.end());
  EXPECT_EQ(read_all(joined).packets, want.packets);
  // A frame header that asks for a window of 2 GiB.
  const std::uint8_t greedy[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00};
  EXPECT_EQ(read_all(greedy).error.code, ENOMEM) << read_all(greedy).error.message;
}

TEST(Snoop, records_and_lies) {
  Writer w(std::endian::big);
  w.bytes(Bytes(reinterpret_cast<const std::uint8_t*>("snoop\0\0\0"), 8));
  w.u32(2);
  w.u32(4);
  for (std::uint32_t padding : {2u, 0u}) {
    w.u32(60);
    w.u32(6);
    w.u32(24 + 6 + padding);
    w.u32(0);
    w.u32(9);
    w.u32(5);
    w.bytes(base::as_bytes("packet"));
    for (std::uint32_t i = 0; i < padding; ++i) w.u8(0);
  }
  ReadAll all = read_all(w.buffer());
  ASSERT_EQ(all.packets.size(), 2u) << all.error.message;
  EXPECT_EQ(all.packets[1].time_ns, 9'000'005'000u);
  EXPECT_EQ(all.packets[1].original_length, 60u);
  w.patch<std::uint32_t>(16 + 8, 29);
  EXPECT_EQ(read_all(w.buffer()).error.message,
            "test: packet 1 at byte 16: record length is 29, must be 30 to 4126");
  w.patch<std::uint32_t>(12, 77);
  EXPECT_EQ(read_all(w.buffer()).error.message, "test: snoop header: datalink type 77 is not known");
}

TEST(Write, reads_back_the_same) {
  OddPacketGenerator odd(3);
  std::vector<Kept> want;
  Buffer pcap, pcapng;
  WriteOptions options;
  {
    auto classic = CaptureWriter::to_memory(pcap, options);
    options.format = CaptureFormat::pcapng;
    auto next = CaptureWriter::to_memory(pcapng, options);
    for (int i = 0; i < 500; ++i) {
      Packet packet = odd.next();
      packet.original_length += static_cast<std::uint32_t>(i % 3);
      want.push_back({Buffer(packet.data.begin(), packet.data.end()), packet.original_length, packet.link,
                      packet.time_ns, 0});
      ASSERT_TRUE(classic->write(packet));
      ASSERT_TRUE(next->write(packet));
    }
    EXPECT_EQ(next->packets_written(), 500u);
  }  // destruction writes the rest
  EXPECT_EQ(read_all(pcap).packets, want);
  EXPECT_EQ(read_all(pcapng).packets, want);
}

TEST(Write, link_types_times_and_errors) {
  Packet packet;
  packet.data = base::as_bytes("abc");
  packet.link = LinkType::raw_ip;
  packet.time_ns = 1'999;
  Buffer file;
  WriteOptions options;
  auto classic = CaptureWriter::to_memory(file, options);
  auto refused = classic->write(packet);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "memory: packet 1 is of RAW, but the file is of ETHERNET; pcapng holds both");
  packet.link = LinkType::ethernet;
  packet.time_ns = ~std::uint64_t{0};
  EXPECT_EQ(classic->write(packet).error().code, EOVERFLOW);

  Buffer ng;
  options.format = CaptureFormat::pcapng;
  options.nanoseconds = false;
  auto next = CaptureWriter::to_memory(ng, options);
  packet.time_ns = 1'999;
  ASSERT_TRUE(next->write(packet));
  packet.link = LinkType::raw_ip;
  ASSERT_TRUE(next->write(packet));
  ASSERT_TRUE(next->close());
  ReadAll all = read_all(ng);
  ASSERT_EQ(all.packets.size(), 2u) << all.error.message;
  EXPECT_EQ(all.packets[0].time_ns, 1'000u);
  EXPECT_EQ(all.packets[1].link, LinkType::raw_ip);
  EXPECT_EQ(all.packets[1].interface, 1u);

  options.format = CaptureFormat::snoop;
  EXPECT_FALSE(CaptureWriter::to_memory(ng, options));
  EXPECT_FALSE(CaptureWriter::create("/nonexistent/x.pcap", {}));
  auto full = CaptureWriter::create("/dev/full", {});
  ASSERT_TRUE(full);
  packet.link = LinkType::ethernet;
  ASSERT_TRUE(full->write(packet));
  auto closed = full->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ENOSPC);
}

TEST(Pipe, delivers_packets_as_they_come) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Buffer file = generated(CaptureFormat::pcap, 2);
  std::size_t first = 24 + 16 + read_all(file).packets[0].data.size();
  ASSERT_EQ(::write(ends[1], file.data(), first), static_cast<ssize_t>(first));
  auto reader = CaptureReader::open("/dev/fd/" + std::to_string(ends[0]));
  ASSERT_TRUE(reader) << reader.error().message;
  Packet packet;
  ASSERT_TRUE(*reader->next(packet));  // though the second packet is not there yet
  ASSERT_EQ(::write(ends[1], file.data() + first, file.size() - first),
            static_cast<ssize_t>(file.size() - first));
  ::close(ends[1]);
  ASSERT_TRUE(*reader->next(packet));
  EXPECT_FALSE(*reader->next(packet));
  ::close(ends[0]);
}

struct CaptureRow {
  const char* name;
  std::size_t packets;
  LinkType link;
};
// Counts and link types as capinfos of Wireshark 4.0.17 gives them.
constexpr CaptureRow captures[] = {
    {"BgpPackets.pcap", 8, LinkType::ethernet},
    {"Dhcp1.pcap", 1, LinkType::ethernet},
    {"DnsPackets.pcap", 464, LinkType::ethernet},
    {"GrePackets.cap", 28, LinkType::ethernet},
    {"HttpMalformedResponse.pcapng", 1, LinkType::ethernet},
    {"IPv4-encapsulated-IPv6.pcap", 1, LinkType::ethernet},
    {"IcmpPackets.pcap", 15, LinkType::ethernet},
    {"IgmpPackets.pcap", 81, LinkType::ethernet},
    {"MplsPackets.pcap", 2, LinkType::ethernet},
    {"PPPoESession.pcap", 2, LinkType::ethernet},
    {"QinQ_802.1_AD.pcapng", 1, LinkType::ethernet},
    {"VlanPackets.pcap", 26, LinkType::ethernet},
    {"Vxlan1.pcap", 1, LinkType::ethernet},
    {"dhcpv6.pcap", 2, LinkType::ethernet},
    {"dns_stack_overflow.pcap", 1, LinkType::ethernet},
    {"gtp-u.pcap", 102, LinkType::ethernet},
    {"http-packets2.pcap", 222, LinkType::ethernet},
    {"ip-frag.pcap", 3000, LinkType::ethernet},
    {"ip4_bad_fragment.pcap", 1, LinkType::ethernet},
    {"ipv4-malformed.pcap", 2, LinkType::ethernet},
    {"ipv6-frag.pcap", 6, LinkType::ethernet},
    {"ipv6.pcapng", 35, LinkType::ethernet},
    {"linktype_ipv6.pcap", 1, LinkType::ipv6},
    {"many-protocols.pcap", 4709, LinkType::ethernet},
    {"many_interfaces-1.pcapng", 64, LinkType::ethernet},
    {"microsecs_big_endian.pcap", 13, static_cast<LinkType>(253)},
    {"nanosecs.pcap", 2, LinkType::ethernet},
    {"nanosecs_big_endian.pcap", 10, LinkType::ethernet},
    {"null_loopback.pcap", 3, LinkType::null_loopback},
    {"one_tcp_stream.pcap", 36, LinkType::ethernet},
    {"pcapng-example.pcapng.zst", 159, LinkType::ethernet},
    {"raw_ip.pcap", 100, LinkType::raw_ip},
    {"sip_reqs.pcap", 4, LinkType::ethernet},
    {"sll2.pcap", 3, LinkType::linux_sll2},
    {"solaris.snoop", 250, LinkType::ethernet},
    {"ssl-malformed1.pcap", 1, LinkType::ethernet},
    {"tcp-malformed.pcap", 2, LinkType::ethernet},
    {"tcp-reassembly.pcap", 66, LinkType::ethernet},
    {"three_http_streams.pcap", 28, LinkType::ethernet},
    {"tls.pcap", 44, LinkType::ethernet},
};

TEST(Captures, counts_and_round_trips) {
  if (::access(data_path("ORIGIN.md").c_str(), R_OK) != 0)
    GTEST_SKIP() << "no reference captures in " SKEP_DATA_DIR;
  for (const CaptureRow& row : captures) {
    SCOPED_TRACE(row.name);
    auto reader = CaptureReader::open(data_path(row.name));
    ASSERT_TRUE(reader) << reader.error().message;
    ReadAll all = drain(*reader);
    EXPECT_EQ(all.error.code, 0) << all.error.message;
    EXPECT_EQ(all.packets.size(), row.packets);
    EXPECT_EQ(reader->link_type(), row.link) << print(reader->link_type());
    Buffer copy;
    WriteOptions options;
    options.format = CaptureFormat::pcapng;
    options.link = reader->link_type();
    auto writer = CaptureWriter::to_memory(copy, options);
    for (const Kept& kept : all.packets) {
      Packet packet;
      packet.data = kept.data;
      packet.original_length = kept.original_length;
      packet.link = kept.link;
      packet.time_ns = kept.time_ns;
      ASSERT_TRUE(writer->write(packet));
    }
    ASSERT_TRUE(writer->close());
    ReadAll again = read_all(copy);
    ASSERT_EQ(again.packets.size(), all.packets.size()) << again.error.message;
    for (std::size_t i = 0; i < all.packets.size(); ++i) {
      again.packets[i].interface = all.packets[i].interface;  // interfaces of one link type become one
      ASSERT_EQ(again.packets[i], all.packets[i]) << "packet " << i + 1;
    }
  }
}

}  // namespace
}  // namespace skep::net
