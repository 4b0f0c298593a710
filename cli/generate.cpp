// skep generate: a capture of made-up traffic, from a seed.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "skep/net/capture.h"
#include "skep/net/generate.h"

namespace skep::cli {

namespace {

struct GenerateOptions {
  std::string file;
  std::uint64_t count = 1000, seed = 1;
  bool odd = false;
};

Result<GenerateOptions> read_options(const Arguments& arguments) {
  GenerateOptions out;
  out.file = arguments.positional[0];
  if (const std::string* n = arguments.find("count"))
    out.count = TRY(parse_number("count", *n, 1, 1'000'000'000));
  if (const std::string* n = arguments.find("seed"))
    out.seed = TRY(parse_number("seed", *n, 0, ~std::uint64_t{0}));
  out.odd = arguments.has("odd");
  return out;
}

template <class Generator>
Result<void> generate(const GenerateOptions& options) {
  net::WriteOptions format;
  format.format = options.file.ends_with(".pcapng") ? net::CaptureFormat::pcapng : net::CaptureFormat::pcap;
  format.nanoseconds = false;  // for every reader
  net::CaptureWriter writer = TRY(net::CaptureWriter::create(options.file, format));
  Generator traffic(options.seed);
  std::uint64_t bytes = 0;
  Progress progress(options.count);
  for (std::uint64_t i = 0; i < options.count; i++) {
    net::Packet packet = traffic.next();
    bytes += packet.data.size();
    TRY(writer.write(packet));
    if (i % 1024 == 0) progress.update(i, i);
  }
  TRY(writer.close());
  say(stderr, "wrote {} packets, {} bytes to {}\n", grouped(options.count), grouped(bytes),
      options.file == "-" ? "standard output" : options.file);
  return {};
}

}  // namespace

int run_generate(const Arguments& arguments) {
  auto options = read_options(arguments);
  if (!options) {
    report(options.error());
    return Exit::usage;
  }
  auto done =
      options->odd ? generate<net::OddPacketGenerator>(*options) : generate<net::TrafficGenerator>(*options);
  return done ? Exit::ok : report(done.error());
}

}  // namespace skep::cli
