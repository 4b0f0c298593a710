// Any bytes as the blocks of a pcapng file, behind a section header and an Ethernet interface, so that no
// input is wasted on finding those. The first byte chooses the byte order.
#include "capture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skep;
  net::fuzz_capture({data, size});
  if (size == 0) return 0;
  base::Writer file(data[0] & 1 ? std::endian::big : std::endian::little);
  file.u32(0x0a0d0d0a);
  file.u32(28);
  file.u32(0x1a2b3c4d);
  file.u16(1);
  file.u16(0);
  file.u64(~std::uint64_t{0});
  file.u32(28);
  file.u32(1);
  file.u32(20);
  file.u16(1);
  file.u16(0);
  file.u32(0);
  file.u32(20);
  file.bytes({data + 1, size - 1});
  net::fuzz_capture(file.buffer());
  return 0;
}
