// Any bytes as a capture file: pcap, snoop, zstd over them, and pcapng too where the bytes say so.
#include "capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  skep::net::fuzz_capture({data, size});
  return 0;
}
