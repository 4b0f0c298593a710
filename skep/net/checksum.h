// The Internet checksum (RFC 1071), its pseudo headers (RFC 9293 section 3.1, RFC 8200 section 8.1) and its
// incremental update (RFC 1624, equation 3). Checksums are held as the value of the header's big-endian
// field.
#pragma once

#include <cstdint>

#include "skep/base/bytes.h"

namespace skep::net {

// The ones' complement sum of `bytes` as big-endian 16-bit words (an odd last byte is padded with zero) added
// to `sum`, folded to 16 bits, not complemented. Pieces may be chained when all but the last have even
// length.
std::uint32_t checksum_add(Bytes bytes, std::uint32_t sum = 0);

// Folds and complements: the value for the checksum field. A header whose checksum is right gives 0.
constexpr std::uint16_t checksum_finish(std::uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline std::uint16_t internet_checksum(Bytes bytes) { return checksum_finish(checksum_add(bytes)); }

// The sum of a pseudo header: addresses of 4 or 16 bytes each, upper-layer protocol and length.
std::uint32_t pseudo_header_sum(Bytes source, Bytes destination, std::uint8_t protocol, std::uint32_t length);

// The checksum after one 16-bit word of what it covers went from `before` to `after`.
constexpr std::uint16_t checksum_update(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
  sum += static_cast<std::uint16_t>(~before);
  sum += after;
  return checksum_finish(sum);
}

}  // namespace skep::net
