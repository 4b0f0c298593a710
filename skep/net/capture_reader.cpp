// Telling capture formats apart, and the reader in front of them.
#include <algorithm>

#include "skep/base/check.h"
#include "skep/net/formats.h"

namespace skep::net {

namespace {

constexpr std::size_t longest_magic = 8;

struct FormatRow {
  CaptureFormat format;
  std::string_view name;
  bool (*is)(Bytes start);
  Result<std::unique_ptr<FormatReader>> (*begin)(Window& window);
};
constexpr FormatRow formats[] = {
    {CaptureFormat::pcap, "pcap", is_pcap, begin_pcap},
    {CaptureFormat::pcapng, "pcapng", is_pcapng, begin_pcapng},
    {CaptureFormat::snoop, "snoop", is_snoop, begin_snoop},
};

// Files that people give to packet tools and that are told apart by their first bytes only to be refused by
// name.
struct ForeignRow {
  std::string_view magic, what;
};
constexpr ForeignRow foreign[] = {
    {"\x1f\x8b", "is compressed with gzip, which is not read (zstd is): unpack it with gunzip"},
    {"\xfd"
     "7zXZ",
     "is compressed with xz, which is not read (zstd is): unpack it with unxz"},
    {"BZh", "is compressed with bzip2, which is not read (zstd is): unpack it with bunzip2"},
    {"\x04\x22\x4d\x18", "is compressed with lz4, which is not read (zstd is): unpack it with unlz4"},
    {"GMBU", "is a Microsoft Network Monitor capture, which is not read: convert it with editcap"},
    {"\x7f"
     "ELF",
     "is an ELF object, not a capture"},
};

bool is_zstd(Bytes start) {
  if (start.size() < 4) return false;
  auto magic = base::load<std::uint32_t>(start.data(), std::endian::little);
  return magic == 0xfd2fb528 || (magic & 0xfffffff0) == 0x184d2a50;  // a frame, or one to skip
}

}  // namespace

std::string_view print(CaptureFormat format) {
  for (const FormatRow& row : formats)
    if (row.format == format) return row.name;
  check(false, "every capture format has a row");
  return {};
}

struct CaptureReader::State {
  State(Window window, std::string name) : window(std::move(window)), name(std::move(name)) {}

  Window window;
  std::string name;
  std::unique_ptr<FormatReader> reader;
  bool compressed = false;
  Error failed;  // code is 0 until next() failed

  Result<void> begin();
};

Result<void> CaptureReader::State::begin() {
  for (;;) {
    (void)TRY(window.need(longest_magic));
    Bytes start(window.at(), std::min(window.left(), longest_magic));
    if (start.empty()) return fail(EINVAL, "is empty");
    if (is_zstd(start)) {
      if (compressed) return fail(EINVAL, "is compressed with zstd twice");
      compressed = true;
      TRY(window.decompress());
      continue;
    }
    for (const FormatRow& row : formats)
      if (row.is(start)) {
        reader = TRY(row.begin(window));
        return {};
      }
    for (const ForeignRow& row : foreign)
      if (base::as_text(start).starts_with(row.magic)) return fail(EINVAL, "{}", row.what);
    if (start.size() < 4) return fail(EINVAL, "has {} bytes, too few for a capture", start.size());
    return fail(EINVAL, "begins with {:02x} {:02x} {:02x} {:02x}, which is not pcap, pcapng, snoop or zstd",
                start[0], start[1], start[2], start[3]);
  }
}

CaptureReader::CaptureReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaptureReader::CaptureReader(CaptureReader&&) noexcept = default;
CaptureReader& CaptureReader::operator=(CaptureReader&&) noexcept = default;
CaptureReader::~CaptureReader() = default;

Result<CaptureReader> CaptureReader::begin(std::unique_ptr<State> state) {
  Result<void> begun = state->begin();
  if (!begun) return Failure(std::move(begun).error().in(state->name));
  return CaptureReader(std::move(state));
}

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  std::unique_ptr<Source> source = TRY(open_source(path));
  return from_source(std::move(source), path == "-" ? "standard input" : path);
}

Result<CaptureReader> CaptureReader::from_memory(Bytes bytes, std::string name) {
  return begin(std::make_unique<State>(Window(bytes), std::move(name)));
}

Result<CaptureReader> CaptureReader::from_source(std::unique_ptr<Source> source, std::string name) {
  return begin(std::make_unique<State>(Window(std::move(source)), std::move(name)));
}

Result<bool> CaptureReader::next(Packet& packet) {
  State& state = *state_;
  if (state.failed.code) [[unlikely]]
    return Failure(state.failed);
  Result<bool> more = state.reader->next(state.window, packet);
  if (!more) [[unlikely]] {
    state.failed = std::move(more).error().in(state.name);
    return Failure(state.failed);
  }
  return more;
}

CaptureFormat CaptureReader::format() const { return state_->reader->format; }
bool CaptureReader::compressed() const { return state_->compressed; }
const std::vector<Interface>& CaptureReader::interfaces() const { return state_->reader->interfaces; }
LinkType CaptureReader::link_type() const {
  return interfaces().empty() ? LinkType::ethernet : interfaces()[0].link;
}
std::uint64_t CaptureReader::packets_read() const { return state_->reader->packets; }
std::uint64_t CaptureReader::bytes_read() const { return state_->window.offset(); }
const std::string& CaptureReader::name() const { return state_->name; }

}  // namespace skep::net
