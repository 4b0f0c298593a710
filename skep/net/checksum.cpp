// The sum is taken over native 32-bit words, two at a time, into 64 bits: ones' complement addition does not
// care about byte order (RFC 1071 section 2 B), so one swap at the end is enough.
#include "skep/net/checksum.h"

#include <bit>
#include <cstring>

#include "skep/base/endian.h"

namespace skep::net {

std::uint32_t checksum_add(Bytes bytes, std::uint32_t sum) {
  std::uint64_t total = 0;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  // Each step adds less than 2^33, so 2^31 steps (16 GiB) cannot overflow.
  for (; left >= 8; left -= 8, at += 8) {
    auto word = base::load<std::uint64_t>(at);
    total += (word & 0xffffffff) + (word >> 32);
  }
  if (left) {
    std::uint8_t rest[8] = {};
    std::memcpy(rest, at, left);
    auto word = base::load<std::uint64_t>(rest);
    total += (word & 0xffffffff) + (word >> 32);
  }
  total = (total & 0xffff) + (total >> 16 & 0xffff) + (total >> 32 & 0xffff) + (total >> 48);
  total = (total & 0xffff) + (total >> 16);
  total = (total & 0xffff) + (total >> 16);
  auto folded = base::to_order(static_cast<std::uint16_t>(total), std::endian::big);
  sum += folded;
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

std::uint32_t pseudo_header_sum(Bytes source, Bytes destination, std::uint8_t protocol,
                                std::uint32_t length) {
  std::uint32_t sum = checksum_add(destination, checksum_add(source));
  sum += protocol;
  sum += (length >> 16) + (length & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

}  // namespace skep::net
