// Writing pcap and pcapng, in native byte order. pcapng files have one section; interfaces are described when
// the first packet of their link type comes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "skep/base/check.h"
#include "skep/net/capture.h"

namespace skep::net {

namespace {

constexpr std::size_t flush_bytes = std::size_t{256} << 10;
constexpr std::uint64_t second_ns = 1'000'000'000;

struct PcapHeader {
  std::uint32_t magic;
  std::uint16_t major, minor;
  std::uint32_t time_zone, accuracy, snaplen, link;
};
struct PcapRecord {
  std::uint32_t seconds, fraction, length, original_length;
};
struct SectionBlock {
  std::uint32_t type, length, magic;
  std::uint16_t major, minor;
  std::int64_t section_length;
  std::uint32_t length_again;
} __attribute__((packed));
struct InterfaceBlock {
  std::uint32_t type, length;
  std::uint16_t link, reserved;
  std::uint32_t snaplen;
  std::uint16_t resolution_code, resolution_length;
  std::uint8_t resolution, padding[3];
  std::uint16_t end_code, end_length;
  std::uint32_t length_again;
};
struct PacketBlock {
  std::uint32_t type, length, interface, time_high, time_low, captured, original;
};
static_assert(sizeof(PcapHeader) == 24 && sizeof(PcapRecord) == 16 && sizeof(SectionBlock) == 28);
static_assert(sizeof(InterfaceBlock) == 32 && sizeof(PacketBlock) == 28);

template <class T>
Bytes bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace

Result<CaptureWriter> CaptureWriter::create(const std::string& path, const WriteOptions& options) {
  int number = path == "-" ? ::dup(1) : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (number < 0) return fail(errno, "{}: {}", path, base::errno_text(errno));
  CaptureWriter writer(path == "-" ? "standard output" : path, base::Fd(number), nullptr, options);
  TRY(writer.begin());
  return writer;
}

Result<CaptureWriter> CaptureWriter::to_memory(Buffer& buffer, const WriteOptions& options) {
  CaptureWriter writer("memory", {}, &buffer, options);
  TRY(writer.begin());
  return writer;
}

CaptureWriter::~CaptureWriter() { (void)close(); }

Result<void> CaptureWriter::begin() {
  switch (options_.format) {
    case CaptureFormat::pcap: {
      PcapHeader header{options_.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 2, 4, 0, 0, options_.snaplen,
                        static_cast<std::uint32_t>(options_.link)};
      return append(bytes_of(header));
    }
    case CaptureFormat::pcapng: {
      SectionBlock section{0x0a0d0d0a, sizeof section, 0x1a2b3c4d, 1, 0, -1, sizeof section};
      TRY(append(bytes_of(section)));
      (void)TRY(interface_of(options_.link));
      return {};
    }
    case CaptureFormat::snoop: return fail(EINVAL, "{}: snoop captures are not written", path_);
  }
  check(false, "every capture format is handled");
  return {};
}

Result<void> CaptureWriter::append(Bytes bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  if (pending_.size() < flush_bytes) return {};
  return flush();
}

Result<void> CaptureWriter::flush() {
  Bytes rest = pending_;
  if (memory_) memory_->insert(memory_->end(), rest.begin(), rest.end());
  while (fd_ && !rest.empty()) {
    ssize_t put = ::write(fd_.number(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(errno, "{}: {}", path_, base::errno_text(errno));
    rest = rest.subspan(static_cast<std::size_t>(put));
  }
  pending_.clear();
  return {};
}

Result<void> CaptureWriter::write(const Packet& packet) {
  if (options_.format == CaptureFormat::pcap)
    TRY(write_pcap(packet));
  else
    TRY(write_pcapng(packet));
  ++packets_;
  return {};
}

Result<void> CaptureWriter::write_pcap(const Packet& packet) {
  if (packet.link != options_.link)
    return fail(EINVAL, "{}: packet {} is of {}, but the file is of {}; pcapng holds both", path_,
                packets_ + 1, print(packet.link), print(options_.link));
  std::uint64_t seconds = packet.time_ns / second_ns;
  if (seconds > 0xffffffff)
    return fail(EOVERFLOW, "{}: packet {}: its time, {} s, does not fit 32 bits; pcapng holds it", path_,
                packets_ + 1, seconds);
  auto fraction = static_cast<std::uint32_t>(packet.time_ns % second_ns / (options_.nanoseconds ? 1 : 1000));
  auto length = static_cast<std::uint32_t>(packet.data.size());
  PcapRecord record{static_cast<std::uint32_t>(seconds), fraction, length,
                    std::max(length, packet.original_length)};
  TRY(append(bytes_of(record)));
  return append(packet.data);
}

Result<std::uint32_t> CaptureWriter::interface_of(LinkType link) {
  auto found = std::ranges::find(interfaces_, link);
  if (found != interfaces_.end()) return static_cast<std::uint32_t>(found - interfaces_.begin());
  if (static_cast<std::uint32_t>(link) > 0xffff)
    return fail(EINVAL, "{}: link type {} does not fit 16 bits", path_, static_cast<std::uint32_t>(link));
  InterfaceBlock block{};
  block.type = 1;
  block.length = block.length_again = sizeof block;
  block.link = static_cast<std::uint16_t>(link);
  block.snaplen = options_.snaplen;
  block.resolution_code = 9;
  block.resolution_length = 1;
  block.resolution = options_.nanoseconds ? 9 : 6;
  TRY(append(bytes_of(block)));
  interfaces_.push_back(link);
  return static_cast<std::uint32_t>(interfaces_.size() - 1);
}

Result<void> CaptureWriter::write_pcapng(const Packet& packet) {
  std::uint32_t interface = TRY(interface_of(packet.link));
  std::uint64_t time = packet.time_ns / (options_.nanoseconds ? 1 : 1000);
  auto length = static_cast<std::uint32_t>(packet.data.size());
  std::uint32_t padding = -length & 3;
  PacketBlock block{6,
                    static_cast<std::uint32_t>(sizeof block + length + padding + 4),
                    interface,
                    static_cast<std::uint32_t>(time >> 32),
                    static_cast<std::uint32_t>(time),
                    length,
                    std::max(length, packet.original_length)};
  constexpr std::uint8_t zeros[3] = {};
  TRY(append(bytes_of(block)));
  TRY(append(packet.data));
  TRY(append(Bytes(zeros, padding)));
  return append(bytes_of(block.length));
}

Result<void> CaptureWriter::close() {
  Result<void> written = flush();
  pending_.clear();
  memory_ = nullptr;
  int number = fd_.release();
  if (number >= 0 && ::close(number) != 0 && written)
    return fail(errno, "{}: {}", path_, base::errno_text(errno));
  return written;
}

}  // namespace skep::net
