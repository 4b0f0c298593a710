// What the fuzz targets of capture formats do with bytes: read them in place and in pieces, which must give
// the same packets and the same error, and print a summary of each packet.
#pragma once

#include "skep/base/check.h"
#include "skep/net/capture.h"
#include "skep/net/source.h"
#include "skep/net/summary.h"

namespace skep::net {

// Error text, empty at a good end; `lines` gets the packets.
inline std::string fuzz_read(Result<CaptureReader> reader, std::string& lines) {
  if (!reader) return reader.error().message;
  Packet packet;
  for (;;) {
    auto more = reader->next(packet);
    if (!more) return more.error().message;
    if (!*more) return {};
    append_summary(lines, packet, {.time = true, .number = true});
    lines += '\n';
  }
}

inline void fuzz_capture(Bytes bytes) {
  std::string whole, pieces;
  std::string error = fuzz_read(CaptureReader::from_memory(bytes, "fuzz"), whole);
  std::string same =
      fuzz_read(CaptureReader::from_source(memory_source(bytes, bytes.size() % 61 + 1), "fuzz"), pieces);
  check(whole == pieces && error == same, "a capture reads the same in place and in pieces");
}

}  // namespace skep::net
