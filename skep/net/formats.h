// What the capture formats have in common, inside net: a reader per format, chosen by the file's first bytes.
#pragma once

#include <bit>
#include <memory>
#include <vector>

#include "skep/net/capture.h"
#include "skep/net/source.h"

namespace skep::net {

class FormatReader {
 public:
  explicit FormatReader(CaptureFormat format) : format(format) {}
  virtual ~FormatReader() = default;
  // As CaptureReader::next(); messages begin with the record ("packet 17 at byte 1234: ...").
  virtual Result<bool> next(Window& window, Packet& packet) = 0;

  const CaptureFormat format;
  std::vector<Interface> interfaces;
  std::uint64_t packets = 0;  // delivered
};

// Each reads the file header at the window's start. `magic` functions look at the first bytes, at least 4.
bool is_pcap(Bytes start);
bool is_pcapng(Bytes start);
bool is_snoop(Bytes start);
Result<std::unique_ptr<FormatReader>> begin_pcap(Window& window);
Result<std::unique_ptr<FormatReader>> begin_pcapng(Window& window);
Result<std::unique_ptr<FormatReader>> begin_snoop(Window& window);

// "packet 17 at byte 1234: the file ends after 9 of its 66 bytes"
inline Failure cut_record(const Window& window, std::uint64_t number, std::uint64_t expected_bytes) {
  return fail(EINVAL, "packet {} at byte {}: the file ends after {} of its {} bytes", number, window.offset(),
              window.left(), expected_bytes);
}
inline Failure record_too_long(const Window& window, std::uint64_t number, std::uint32_t length,
                               LinkType link) {
  return fail(EINVAL, "packet {} at byte {}: record says {} bytes, at most {} are allowed for {}", number,
              window.offset(), length, max_packet_length(link), print(link));
}

}  // namespace skep::net
