// Classic pcap files (draft-ietf-opsawg-pcap): a header of 24 bytes, then records of 16 bytes and the packet.
// Written in the byte order of the host that captured; the magic number tells the order and the unit of the
// fraction. Kuznetzov's variant (old Red Hat libpcaps) has 8 more bytes in each record header.
#include <utility>

#include "skep/base/check.h"
#include "skep/net/formats.h"

namespace skep::net {

namespace {

struct Magic {
  std::uint32_t number;
  std::uint32_t fraction_ns;
  std::uint32_t record_header_bytes;
};
constexpr Magic magics[] = {
    {0xa1b2c3d4, 1000, 16}, {0xa1b23c4d, 1, 16}, {0xa1b2cd34, 1000, 24},  // Kuznetzov
};

const Magic* find_magic(Bytes start, std::endian& order) {
  if (start.size() < 4) return nullptr;
  for (std::endian tried : {std::endian::little, std::endian::big})
    for (const Magic& magic : magics)
      if (base::load<std::uint32_t>(start.data(), tried) == magic.number) {
        order = tried;
        return &magic;
      }
  return nullptr;
}

class PcapReader : public FormatReader {
 public:
  PcapReader(const Magic& magic, std::endian order, std::uint16_t minor, const Interface& interface)
      : FormatReader(CaptureFormat::pcap),
        fraction_ns_(magic.fraction_ns),
        header_(magic.record_header_bytes),
        max_length_(max_packet_length(interface.link)),
        link_(interface.link),
        order_(order),
        lengths_may_be_swapped_(minor <= 3) {
    interfaces.push_back(interface);
  }

  Result<bool> next(Window& window, Packet& packet) override {
    if (window.left() < header_) {
      bool there = TRY(window.need(header_));
      if (!there && window.left() == 0) return false;
      if (!there) return cut_record(window, packets + 1, header_);
    }
    const std::uint8_t* at = window.at();
    std::uint32_t seconds = base::load<std::uint32_t>(at, order_);
    std::uint32_t fraction = base::load<std::uint32_t>(at + 4, order_);
    std::uint32_t length = base::load<std::uint32_t>(at + 8, order_);
    std::uint32_t original = base::load<std::uint32_t>(at + 12, order_);
    // Before version 2.4 writers disagreed about the order of the two lengths; the smaller is what was
    // captured.
    if (lengths_may_be_swapped_ && length > original) std::swap(length, original);
    if (length > max_length_) return record_too_long(window, packets + 1, length, link_);
    std::size_t record = std::size_t{header_} + length;
    if (window.left() < record) {
      bool there = TRY(window.need(record));
      if (!there) return cut_record(window, packets + 1, record);
      at = window.at();
    }
    packet.data = Bytes(at + header_, length);
    packet.original_length = original;
    packet.link = link_;
    packet.time_ns = std::uint64_t{seconds} * 1'000'000'000 + std::uint64_t{fraction} * fraction_ns_;
    packet.interface = 0;
    packet.number = ++packets;
    packet.file_offset = window.offset();
    window.advance(record);
    return true;
  }

 private:
  std::uint32_t fraction_ns_;
  std::uint32_t header_;
  std::uint32_t max_length_;
  LinkType link_;
  std::endian order_;
  bool lengths_may_be_swapped_;
};

}  // namespace

bool is_pcap(Bytes start) {
  std::endian order;
  return find_magic(start, order) != nullptr;
}

Result<std::unique_ptr<FormatReader>> begin_pcap(Window& window) {
  constexpr std::size_t header_bytes = 24;
  std::endian order = std::endian::native;
  const Magic* magic = find_magic(Bytes(window.at(), window.left()), order);
  base::check(magic != nullptr, "begin_pcap() is called on a pcap magic");
  bool there = TRY(window.need(header_bytes));
  if (!there)
    return fail(EINVAL, "pcap header: the file ends after {} of its {} bytes", window.left(), header_bytes);
  base::Reader header(Bytes(window.at(), header_bytes), "pcap header", order);
  TRY(header.skip(4));
  std::uint16_t major = TRY(header.u16());
  std::uint16_t minor = TRY(header.u16());
  TRY(header.skip(8));  // time zone and accuracy: always 0
  std::uint32_t snaplen = TRY(header.u32());
  std::uint32_t link = TRY(header.u32());
  if (major != 2) return fail(EINVAL, "pcap header: version is {}.{}, must be 2.x", major, minor);
  Interface interface;
  interface.link = static_cast<LinkType>(link & 0x03ffffff);  // above: length of the frame check sequence
  interface.snaplen = snaplen;
  interface.time_digits = magic->fraction_ns == 1 ? 9 : 6;
  window.advance(header_bytes);
  return std::make_unique<PcapReader>(*magic, order, minor, interface);
}

}  // namespace skep::net
