// Helpers of net's tests: captures made in memory and read back.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "skep/net/capture.h"
#include "skep/net/source.h"

namespace skep::net {

// A packet whose bytes outlive the reader.
struct Kept {
  Buffer data;
  std::uint32_t original_length;
  LinkType link;
  std::uint64_t time_ns;
  std::uint32_t interface;
  bool operator==(const Kept&) const = default;
};

struct ReadAll {
  std::vector<Kept> packets;
  Error error;  // code 0 when the capture ended well
};

inline ReadAll drain(CaptureReader& reader) {
  ReadAll all;
  Packet packet;
  for (;;) {
    Result<bool> more = reader.next(packet);
    if (!more) {
      all.error = more.error();
      return all;
    }
    if (!*more) return all;
    all.packets.push_back({Buffer(packet.data.begin(), packet.data.end()), packet.original_length,
                           packet.link, packet.time_ns, packet.interface});
    EXPECT_EQ(packet.number, all.packets.size());
    EXPECT_EQ(reader.packets_read(), all.packets.size());
  }
}

inline ReadAll read_all(Bytes bytes) {
  auto reader = CaptureReader::from_memory(bytes, "test");
  if (!reader) return {{}, reader.error()};
  return drain(*reader);
}

// The same through the window's buffer, in pieces.
inline ReadAll read_all_in_pieces(Bytes bytes, std::size_t chunk) {
  auto reader = CaptureReader::from_source(memory_source(bytes, chunk), "test");
  if (!reader) return {{}, reader.error()};
  return drain(*reader);
}

inline std::string data_path(const std::string& name) {
  return std::string(SKEP_DATA_DIR) + "/captures/" + name;
}

}  // namespace skep::net
