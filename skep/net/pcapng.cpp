// pcapng files (draft-ietf-opsawg-pcapng): blocks of type, length, body, length. A section header begins a
// section with a byte order of its own and no interfaces; an interface description gives packets their link
// type and unit of time. Blocks that carry no packets are stepped over.
#include <algorithm>
#include <limits>

#include "skep/net/formats.h"

namespace skep::net {

namespace {

constexpr std::uint32_t block_section = 0x0a0d0d0a;  // reads the same in both byte orders
constexpr std::uint32_t block_interface = 1;
constexpr std::uint32_t block_packet = 2;  // obsolete, with a 16-bit interface
constexpr std::uint32_t block_simple_packet = 3;
constexpr std::uint32_t block_enhanced_packet = 6;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;

constexpr std::uint16_t option_end = 0, option_name = 2, option_tsresol = 9, option_tsoffset = 14;

constexpr std::uint32_t usual_max_block = 16u << 20;  // as libpcap and Wireshark
constexpr std::size_t max_interfaces = 65536;
constexpr std::uint64_t second_ns = 1'000'000'000;

__extension__ using Wide = __int128;

// Turns an interface's units of time into nanoseconds.
class Clock {
 public:
  explicit Clock(const Interface& interface) : offset_ns_(Wide{interface.time_offset_s} * second_ns) {
    if (interface.binary_time) {
      shift_ = interface.time_digits;
    } else {
      for (int digits = interface.time_digits; digits < 9; ++digits) multiplier_ *= 10;
      for (int digits = interface.time_digits; digits > 9; --digits) divider_ *= 10;
    }
    simple_ = shift_ == 0 && divider_ == 1 && offset_ns_ == 0;
  }

  std::uint64_t to_ns(std::uint64_t units) const {
    std::uint64_t ns;
    if (simple_ && !__builtin_mul_overflow(units, multiplier_, &ns)) [[likely]]
      return ns;
    Wide wide = shift_ ? Wide{units} * second_ns >> shift_ : Wide{units} * multiplier_ / divider_;
    wide += offset_ns_;
    return static_cast<std::uint64_t>(std::clamp<Wide>(wide, 0, std::numeric_limits<std::uint64_t>::max()));
  }

 private:
  std::uint64_t multiplier_ = 1, divider_ = 1;
  std::uint32_t shift_ = 0;
  bool simple_ = false;
  Wide offset_ns_;
};

class PcapngReader : public FormatReader {
 public:
  PcapngReader() : FormatReader(CaptureFormat::pcapng) {}

  Result<bool> next(Window& window, Packet& packet) override {
    for (;;) {
      std::uint64_t start = window.offset();
      std::uint32_t type = 0, length = 0;
      bool more = TRY(block(window, type, length));
      if (!more) return false;
      const std::uint8_t* at = window.at();
      bool delivered = false;
      switch (type) {
        case block_section: TRY(section(at, start, length)); break;
        case block_interface: TRY(interface(Bytes(at, length), start)); break;
        case block_packet:
          TRY(full_packet(at, start, length, true, packet));
          delivered = true;
          break;
        case block_enhanced_packet:
          TRY(full_packet(at, start, length, false, packet));
          delivered = true;
          break;
        case block_simple_packet:
          TRY(simple_packet(at, start, length, packet));
          delivered = true;
          break;
        default: break;  // a number from the file: the format says to skip what is not known
      }
      window.advance(length);
      if (delivered) {
        packet.number = ++packets;
        packet.file_offset = start;
        return true;
      }
    }
  }

 private:
  std::uint32_t load32(const std::uint8_t* at) const { return base::load<std::uint32_t>(at, order_); }

  // Brings a whole block into the window.
  Result<bool> block(Window& window, std::uint32_t& type, std::uint32_t& length) {
    constexpr std::size_t smallest = 12;
    bool there = TRY(window.need(smallest));
    if (!there && window.left() == 0) return false;
    if (!there) return cut(window, smallest);
    const std::uint8_t* at = window.at();
    if (base::load<std::uint32_t>(at) == block_section) {
      if (base::load<std::uint32_t>(at + 8, std::endian::little) == byte_order_magic)
        order_ = std::endian::little;
      else if (base::load<std::uint32_t>(at + 8, std::endian::big) == byte_order_magic)
        order_ = std::endian::big;
      else
        return fail(EINVAL, "section at byte {}: byte-order magic is {:#010x}, must be {:#010x}",
                    window.offset(), base::load<std::uint32_t>(at + 8, std::endian::big), byte_order_magic);
    }
    type = load32(at);
    length = load32(at + 4);
    if (length < smallest || length % 4)
      return fail(EINVAL,
                  "block of type {:#x} at byte {}: length is {}, must be a multiple of 4 and at least {}",
                  type, window.offset(), length, smallest);
    if (length > max_block_)
      return fail(EINVAL, "{}block of type {:#x} at byte {}: length is {}, at most {} is allowed",
                  after_packets(), type, window.offset(), length, max_block_);
    there = TRY(window.need(length));
    if (!there) return cut(window, length);
    std::uint32_t again = load32(window.at() + length - 4);
    if (again != length)
      return fail(EINVAL, "block of type {:#x} at byte {}: length is {} at its start and {} at its end", type,
                  window.offset(), length, again);
    return true;
  }

  std::string after_packets() const { return packets ? fmt::format("after packet {}: ", packets) : ""; }
  Failure cut(const Window& window, std::uint64_t expected) const {
    return fail(EINVAL, "{}block at byte {}: the file ends after {} of its {} bytes", after_packets(),
                window.offset(), window.left(), expected);
  }

  Result<void> section(const std::uint8_t* at, std::uint64_t start, std::uint32_t length) {
    if (length < 28)
      return fail(EINVAL, "section at byte {}: length is {}, must be at least 28", start, length);
    auto major = base::load<std::uint16_t>(at + 12, order_);
    auto minor = base::load<std::uint16_t>(at + 14, order_);
    if (major != 1)
      return fail(EINVAL, "section at byte {}: version is {}.{}, must be 1.x", start, major, minor);
    interfaces.clear();
    clocks_.clear();
    max_lengths_.clear();
    max_block_ = usual_max_block;
    return {};
  }

  Result<void> interface(Bytes block, std::uint64_t start) {
    if (block.size() < 20)
      return fail(EINVAL, "interface at byte {}: length is {}, must be at least 20", start, block.size());
    if (interfaces.size() >= max_interfaces)
      return fail(EINVAL, "interface at byte {}: more than {} interfaces", start, max_interfaces);
    Interface described;
    described.link = static_cast<LinkType>(base::load<std::uint16_t>(block.data() + 8, order_));
    described.snaplen = load32(block.data() + 12);
    Bytes options = block.subspan(16, block.size() - 20);
    while (options.size() >= 4) {
      auto code = base::load<std::uint16_t>(options.data(), order_);
      std::size_t length = base::load<std::uint16_t>(options.data() + 2, order_);
      if (code == option_end) break;
      if (length > options.size() - 4)
        return fail(EINVAL, "interface at byte {}: option {} says {} bytes, but {} are left", start, code,
                    length, options.size() - 4);
      Bytes value = options.subspan(4, length);
      if (code == option_name) described.name = base::as_text(value);
      if (code == option_tsresol && length == 1) {
        described.binary_time = (value[0] & 0x80) != 0;
        described.time_digits = value[0] & 0x7f;
        std::uint8_t most = described.binary_time ? 63 : 19;
        if (described.time_digits > most)
          return fail(EINVAL, "interface at byte {}: if_tsresol is {}^-{}, at most {} digits can be held",
                      start, described.binary_time ? 2 : 10, described.time_digits, most);
      }
      if (code == option_tsoffset && length == 8)
        described.time_offset_s = base::load<std::int64_t>(value.data(), order_);
      options = options.subspan(std::min(options.size(), 4 + (length + 3) / 4 * 4));
    }
    clocks_.emplace_back(described);
    max_lengths_.push_back(max_packet_length(described.link));
    max_block_ = std::max(max_block_, max_lengths_.back() + (1u << 20));
    interfaces.push_back(std::move(described));
    return {};
  }

  // Enhanced packet block, and the packet block that it replaced.
  Result<void> full_packet(const std::uint8_t* at, std::uint64_t start, std::uint32_t length, bool obsolete,
                           Packet& packet) {
    constexpr std::uint32_t around = 32;
    if (length < around)
      return fail(EINVAL, "packet {} at byte {}: block length is {}, must be at least {}", packets + 1, start,
                  length, around);
    packet.interface = obsolete ? base::load<std::uint16_t>(at + 8, order_) : load32(at + 8);
    std::uint64_t time = std::uint64_t{load32(at + 12)} << 32 | load32(at + 16);
    std::uint32_t captured = load32(at + 20);
    packet.original_length = load32(at + 24);
    TRY(set_data(at + 28, captured, length - around, start, packet));
    packet.time_ns = clocks_[packet.interface].to_ns(time);
    return {};
  }

  Result<void> simple_packet(const std::uint8_t* at, std::uint64_t start, std::uint32_t length,
                             Packet& packet) {
    constexpr std::uint32_t around = 16;
    if (length < around)
      return fail(EINVAL, "packet {} at byte {}: block length is {}, must be at least {}", packets + 1, start,
                  length, around);
    packet.interface = 0;
    packet.original_length = load32(at + 8);
    packet.time_ns = 0;
    std::uint32_t captured = packet.original_length;
    if (!interfaces.empty() && interfaces[0].snaplen) captured = std::min(captured, interfaces[0].snaplen);
    return set_data(at + 12, captured, length - around, start, packet);
  }

  Result<void> set_data(const std::uint8_t* data, std::uint32_t captured, std::uint32_t room,
                        std::uint64_t start, Packet& packet) {
    if (packet.interface >= interfaces.size())
      return fail(EINVAL, "packet {} at byte {}: interface is {}, but {} are described", packets + 1, start,
                  packet.interface, interfaces.size());
    packet.link = interfaces[packet.interface].link;
    if (captured > max_lengths_[packet.interface])
      return fail(EINVAL, "packet {} at byte {}: record says {} bytes, at most {} are allowed for {}",
                  packets + 1, start, captured, max_lengths_[packet.interface], print(packet.link));
    if (captured > room)
      return fail(EINVAL, "packet {} at byte {}: record says {} bytes, but its block holds {}", packets + 1,
                  start, captured, room);
    packet.data = Bytes(data, captured);
    return {};
  }

  std::endian order_ = std::endian::native;
  std::uint32_t max_block_ = usual_max_block;
  std::vector<Clock> clocks_;               // beside interfaces
  std::vector<std::uint32_t> max_lengths_;  // beside interfaces
};

}  // namespace

bool is_pcapng(Bytes start) {
  return start.size() >= 4 && base::load<std::uint32_t>(start.data()) == block_section;
}

Result<std::unique_ptr<FormatReader>> begin_pcapng(Window&) { return std::make_unique<PcapngReader>(); }

}  // namespace skep::net
