// Solaris snoop files, version 2 (RFC 1761): big-endian, a header of 16 bytes, records of 24 bytes, the
// packet and padding.
#include <cstring>

#include "skep/net/formats.h"

namespace skep::net {

namespace {

constexpr std::uint8_t identification[8] = {'s', 'n', 'o', 'o', 'p', 0, 0, 0};

struct FileHeader {
  std::uint8_t identification[8];
  base::be32 version, datalink;
};
struct RecordHeader {
  base::be32 original_length, included_length;
  base::be32 record_length;  // with this header and the padding
  base::be32 drops, seconds, microseconds;
};
static_assert(sizeof(FileHeader) == 16 && sizeof(RecordHeader) == 24);

class SnoopReader : public FormatReader {
 public:
  explicit SnoopReader(LinkType link) : FormatReader(CaptureFormat::snoop), link_(link) {
    interfaces.push_back({});
    interfaces[0].link = link;
  }

  Result<bool> next(Window& window, Packet& packet) override {
    bool there = TRY(window.need(sizeof(RecordHeader)));
    if (!there && window.left() == 0) return false;
    if (!there) return cut_record(window, packets + 1, sizeof(RecordHeader));
    RecordHeader header;
    std::memcpy(&header, window.at(), sizeof header);
    std::uint32_t length = header.included_length;
    std::uint32_t record = header.record_length;
    if (length > max_packet_length(link_)) return record_too_long(window, packets + 1, length, link_);
    if (record < sizeof header + length || record - sizeof header - length > max_padding)
      return fail(EINVAL, "packet {} at byte {}: record length is {}, must be {} to {}", packets + 1,
                  window.offset(), record, sizeof header + length, sizeof header + length + max_padding);
    there = TRY(window.need(record));
    if (!there) return cut_record(window, packets + 1, record);
    packet.data = Bytes(window.at() + sizeof header, length);
    packet.original_length = header.original_length;
    packet.link = link_;
    packet.time_ns =
        std::uint64_t{header.seconds} * 1'000'000'000 + std::uint64_t{header.microseconds} * 1000;
    packet.interface = 0;
    packet.number = ++packets;
    packet.file_offset = window.offset();
    window.advance(record);
    return true;
  }

 private:
  static constexpr std::uint32_t max_padding = 4096;  // seen: up to 3; some writers round to more
  LinkType link_;
};

}  // namespace

bool is_snoop(Bytes start) {
  return start.size() >= sizeof identification && std::memcmp(start.data(), identification, 8) == 0;
}

Result<std::unique_ptr<FormatReader>> begin_snoop(Window& window) {
  bool there = TRY(window.need(sizeof(FileHeader)));
  if (!there)
    return fail(EINVAL, "snoop header: the file ends after {} of its {} bytes", window.left(),
                sizeof(FileHeader));
  FileHeader header;
  std::memcpy(&header, window.at(), sizeof header);
  if (header.version != 2)
    return fail(EINVAL, "snoop header: version is {}, must be 2", std::uint32_t{header.version});
  std::uint32_t datalink = header.datalink;
  if (datalink == 0) datalink = 4;  // IEEE 802.3 and Ethernet are one link type here
  for (const LinkTypeRow& row : link_types())
    if (row.snoop != LinkTypeRow::no_snoop && row.snoop == datalink) {
      window.advance(sizeof header);
      return std::make_unique<SnoopReader>(row.number);
    }
  return fail(EINVAL, "snoop header: datalink type {} is not known", datalink);
}

}  // namespace skep::net
