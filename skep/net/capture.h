// Capture files, streamed: packets in, packets out.
//
//   CaptureReader capture = TRY(CaptureReader::open("web.pcapng"));   // "-" is standard input
//   Packet packet;
//   for (;;) {
//     bool more = TRY(capture.next(packet));
//     if (!more) break;
//     ... packet.data ...
//   }
//
// Read: pcap (both byte orders, micro- and nanoseconds, Kuznetzov's variant), pcapng (both orders, many
// sections and interfaces, all packet blocks), Solaris snoop, and any of them compressed with zstd; told by
// their magic numbers. Written: pcap and pcapng.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/fd.h"
#include "skep/base/result.h"
#include "skep/net/link_type.h"

namespace skep::net {

class Source;

struct Packet {
  Bytes data;                         // what was captured; of a reader: valid until its next call
  std::uint32_t original_length = 0;  // on the wire, as the file says; data may be shorter
  LinkType link = LinkType::ethernet;
  std::uint64_t time_ns = 0;      // since 1970-01-01 UTC; times before 1970 read 0, after 2554 the maximum
  std::uint32_t interface = 0;    // index into CaptureReader::interfaces()
  std::uint64_t number = 0;       // from 1
  std::uint64_t file_offset = 0;  // of its record, in the decompressed file
};

enum class CaptureFormat : std::uint8_t { pcap, pcapng, snoop };
std::string_view print(CaptureFormat format);  // "pcap"

struct Interface {
  LinkType link = LinkType::ethernet;
  std::uint32_t snaplen = 0;  // 0: no limit known
  // Seconds per unit of time are 10^-digits, or 2^-digits when binary_time.
  std::uint8_t time_digits = 6;
  bool binary_time = false;
  std::int64_t time_offset_s = 0;
  std::string name;  // if_name of pcapng, bytes as they stand there
};

class CaptureReader {
 public:
  // Opens and reads the file header. ENOENT and friends from open(2); EINVAL when the bytes are no capture
  // that can be read; the message begins with the path.
  static Result<CaptureReader> open(const std::string& path);
  // A capture in memory, read in place; the bytes must outlive the reader.
  static Result<CaptureReader> from_memory(Bytes bytes, std::string name);
  static Result<CaptureReader> from_source(std::unique_ptr<Source> source, std::string name);

  CaptureReader(CaptureReader&&) noexcept;
  CaptureReader& operator=(CaptureReader&&) noexcept;
  ~CaptureReader();

  // Fills `packet` and returns true; false at the end of the capture. Fails with EINVAL and the place
  // ("web.pcap: packet 17 at byte 1234: ...") on a record that cannot be, or that the end of the file cuts;
  // the packets before it were delivered, and every later call fails the same way.
  Result<bool> next(Packet& packet);

  CaptureFormat format() const;
  bool compressed() const;
  // Of pcap and snoop one; of pcapng those that were described so far, in the current section.
  const std::vector<Interface>& interfaces() const;
  // The link type of the first interface; ETHERNET while a pcapng has none.
  LinkType link_type() const;
  std::uint64_t packets_read() const;
  std::uint64_t bytes_read() const;  // of the decompressed file, for progress
  const std::string& name() const;

 private:
  struct State;
  explicit CaptureReader(std::unique_ptr<State> state);
  static Result<CaptureReader> begin(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct WriteOptions {
  CaptureFormat format = CaptureFormat::pcap;  // pcap or pcapng
  LinkType link = LinkType::ethernet;
  bool nanoseconds = true;  // false: microseconds, which every old tool reads
  std::uint32_t snaplen = 262144;
};

// Native byte order, buffered. A packet's data are written whole, whatever snaplen says.
class CaptureWriter {
 public:
  // Creates or truncates; "-" is standard output. EINVAL for a format that is not written.
  static Result<CaptureWriter> create(const std::string& path, const WriteOptions& options);
  // Appends to `buffer`, which must outlive the writer.
  static Result<CaptureWriter> to_memory(Buffer& buffer, const WriteOptions& options);

  CaptureWriter(CaptureWriter&&) noexcept = default;
  CaptureWriter& operator=(CaptureWriter&&) noexcept = default;
  // Writes what is buffered; an error goes unheard, so call close().
  ~CaptureWriter();

  // Writes data, original_length (at least the data's length), time_ns and link. A packet of another link
  // type gets an interface of its own in pcapng, and EINVAL in pcap, which has one link type; EOVERFLOW when
  // pcap's 32 bits cannot hold the time.
  Result<void> write(const Packet& packet);
  // Writes the rest and closes; errors carry the path. Later calls do nothing.
  Result<void> close();
  std::uint64_t packets_written() const { return packets_; }

 private:
  CaptureWriter(std::string path, base::Fd fd, Buffer* memory, const WriteOptions& options)
      : path_(std::move(path)), fd_(std::move(fd)), memory_(memory), options_(options) {}
  Result<void> begin();
  Result<void> append(Bytes bytes);
  Result<void> flush();
  Result<void> write_pcap(const Packet& packet);
  Result<void> write_pcapng(const Packet& packet);
  Result<std::uint32_t> interface_of(LinkType link);

  std::string path_;
  base::Fd fd_;
  Buffer* memory_ = nullptr;
  WriteOptions options_;
  Buffer pending_;
  std::vector<LinkType> interfaces_;
  std::uint64_t packets_ = 0;
};

}  // namespace skep::net
