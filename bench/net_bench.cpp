// Reading a capture of 1,000,000 generated packets: the practical lower bound (large read(2) calls, headers
// touched), our reader, our reader with parse() up to L4, the same with each packet through the firewall of
// examples/ (BPF_PROG_TEST_RUN of the runtime, checked interpreter: what `skep run` does; skipped where no
// clang compiles it), and beside them libpcap and libtins where they are installed. The capture is made in
// the temporary folder ($TMPDIR or /tmp) and removed at the end. One iteration reads it whole; ns/packet is
// process CPU time.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "cli/batch.h"
#include "cli/compile.h"
#include "skep/base/check.h"
#include "skep/base/fd.h"
#include "skep/base/file.h"
#include "skep/net/capture.h"
#include "skep/net/generate.h"
#include "skep/net/parse.h"
#include "skep/object/load.h"
#include "skep/object/parse.h"
#include "skep/runtime/runtime.h"
#include "skep/uapi/calls.h"

#ifdef SKEP_HAVE_LIBPCAP
#include <pcap/pcap.h>
#endif
#ifdef SKEP_HAVE_LIBTINS
#include <tins/tins.h>
#endif

namespace skep::net {
namespace {

constexpr std::uint64_t packet_count = 1'000'000;

// The capture file, made when first asked for.
class CaptureFile {
 public:
  static const std::string& path() {
    static CaptureFile file;
    return file.path_;
  }
  ~CaptureFile() { ::unlink(path_.c_str()); }

 private:
  CaptureFile() {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder ? folder : "/tmp") + "/skep-bench-" + std::to_string(::getpid()) + ".pcap";
    WriteOptions options;
    options.nanoseconds = false;
    auto writer = CaptureWriter::create(path_, options);
    check(writer.has_value(), "the temporary folder can be written");
    TrafficGenerator traffic(1);
    for (std::uint64_t i = 0; i < packet_count; ++i)
      check(writer->write(traffic.next()).has_value(), "the disk holds 600 MB");
    check(writer->close().has_value(), "the disk holds 600 MB");
  }
  std::string path_;
};

// Reads what a consumer of Ethernet, IP and transport headers reads.
inline std::uint64_t touch(const std::uint8_t* packet, std::size_t length) {
  if (length < 54) return length;
  return std::uint64_t{packet[12]} + packet[23] + packet[26] + packet[36] + packet[47];
}

void finish(benchmark::State& state, std::uint64_t packets) {
  check(packets == packet_count * static_cast<std::uint64_t>(state.iterations()), "every packet was read");
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
  state.counters["per packet"] = benchmark::Counter(
      static_cast<double>(packets), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void read_touch(benchmark::State& state) {
  constexpr std::size_t chunk = std::size_t{256} << 10;
  Buffer buffer(2 * chunk);
  std::uint64_t packets = 0, sum = 0;
  const std::string& path = CaptureFile::path();
  for (auto _ : state) {
    base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::size_t at = 24, end = 0;
    for (;;) {
      while (end - at >= 16 && end >= at) {
        auto length = base::load<std::uint32_t>(buffer.data() + at + 8);
        if (end - at - 16 < length) break;
        sum += touch(buffer.data() + at + 16, length);
        at += 16 + length;
        ++packets;
      }
      std::size_t left = end > at ? end - at : 0;
      std::size_t skip = end > at ? 0 : at - end;
      std::memmove(buffer.data(), buffer.data() + at - skip, left);
      ssize_t got = ::read(fd.number(), buffer.data() + left, chunk);
      if (got <= 0) break;
      at = skip;
      end = left + static_cast<std::size_t>(got);
    }
  }
  benchmark::DoNotOptimize(sum);
  finish(state, packets);
}

template <class Each>
void read_ours(benchmark::State& state, Each each) {
  std::uint64_t packets = 0, sum = 0;
  const std::string& path = CaptureFile::path();
  for (auto _ : state) {
    auto reader = CaptureReader::open(path);
    Packet packet;
    for (;;) {
      auto more = reader->next(packet);
      if (!more || !*more) break;
      sum += each(packet);
      ++packets;
    }
  }
  benchmark::DoNotOptimize(sum);
  finish(state, packets);
}

void skep_read(benchmark::State& state) {
  read_ours(state, [](const Packet& packet) { return touch(packet.data.data(), packet.data.size()); });
}

void skep_parse_l4(benchmark::State& state) {
  ParsedPacket parsed;
  read_ours(state, [&parsed](const Packet& packet) {
    parse(packet.link, packet.data, parsed);
    return std::uint64_t{parsed.l4_offset} + parsed.payload_length;
  });
}

// examples/firewall in a runtime, its blocklist filled.
class Firewall {
 public:
  static Result<std::unique_ptr<Firewall>> load() {
    auto out = std::unique_ptr<Firewall>(new Firewall);
    const std::string folder = SKEP_SOURCE_DIR "/examples/firewall/";
    Buffer bytes = TRY(cli::read_object(folder + "firewall.bpf.c"));
    Diagnostics problems;
    object::OpenOptions options;
    options.name = "firewall";
    object::ObjectSpec spec = TRY(object::parse(bytes, options, problems));
    out->runtime_ = TRY(runtime::Runtime::create({}));
    out->sys_ = std::make_unique<runtime::RuntimeSys>(*out->runtime_);
    out->object_ = TRY(object::load(*out->sys_, std::move(spec), {}));
    Buffer text = TRY(base::read_file(folder + "blocklist.batch"));
    for (const cli::MapUpdate& update : cli::parse_batch(base::as_text(text), folder, problems)) {
      const object::Map* map = out->object_->map(update.map);
      check(map && uapi::map_update(*out->sys_, map->fd(), update.key.data(), update.value.data()) == 0,
            "the blocklist fits its map");
    }
    return out;
  }

  // The verdict; drops are reported to nobody once the ring buffer is full.
  std::uint64_t judge(Bytes packet) {
    uapi::TestRun run;
    run.data_in = packet;
    check(uapi::test_run(*sys_, object_->program("firewall")->fd(), run) == 0,
          "the firewall takes every packet");
    return run.retval;
  }

 private:
  Firewall() = default;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<runtime::RuntimeSys> sys_;
  std::optional<object::Object> object_;
};

void skep_firewall(benchmark::State& state) {
  static auto firewall = Firewall::load();
  if (!firewall) return state.SkipWithError(firewall.error().message.c_str());
  read_ours(state, [](const Packet& packet) { return (*firewall)->judge(packet.data); });
}

#ifdef SKEP_HAVE_LIBPCAP
void libpcap_read(benchmark::State& state) {
  std::uint64_t packets = 0, sum = 0;
  const std::string& path = CaptureFile::path();
  for (auto _ : state) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* capture = pcap_open_offline(path.c_str(), error);
    pcap_pkthdr* header;
    const u_char* data;
    while (pcap_next_ex(capture, &header, &data) == 1) {
      sum += touch(data, header->caplen);
      ++packets;
    }
    pcap_close(capture);
  }
  benchmark::DoNotOptimize(sum);
  finish(state, packets);
}
#endif

#ifdef SKEP_HAVE_LIBTINS
void libtins_parse_l4(benchmark::State& state) {
  std::uint64_t packets = 0, sum = 0;
  const std::string& path = CaptureFile::path();
  for (auto _ : state) {
    Tins::FileSniffer sniffer(path);
    sniffer.sniff_loop([&](const Tins::PDU& pdu) {
      for (const Tins::PDU* layer = &pdu; layer; layer = layer->inner_pdu())
        sum += static_cast<std::uint64_t>(layer->pdu_type());
      ++packets;
      return true;
    });
  }
  benchmark::DoNotOptimize(sum);
  finish(state, packets);
}
#endif

void generate(benchmark::State& state) {
  TrafficGenerator traffic(1);
  std::uint64_t bytes = 0;
  for (auto _ : state) bytes += traffic.next().data.size();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["mean bytes"] = static_cast<double>(bytes) / static_cast<double>(state.iterations());
}

BENCHMARK(read_touch)->Unit(benchmark::kMillisecond);
BENCHMARK(skep_read)->Unit(benchmark::kMillisecond);
BENCHMARK(skep_parse_l4)->Unit(benchmark::kMillisecond);
BENCHMARK(skep_firewall)->Unit(benchmark::kMillisecond);
#ifdef SKEP_HAVE_LIBPCAP
BENCHMARK(libpcap_read)->Unit(benchmark::kMillisecond);
#endif
#ifdef SKEP_HAVE_LIBTINS
BENCHMARK(libtins_parse_l4)->Unit(benchmark::kMillisecond);
#endif
BENCHMARK(generate);

}  // namespace
}  // namespace skep::net
