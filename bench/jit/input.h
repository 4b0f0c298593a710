// The packet that all programs get: Ethernet, IPv4 and UDP with right checksums over bytes without meaning.
// Offsets are those of bench/programs/bench.h.
#pragma once

#include "skep/base/bytes.h"

namespace skep::bench {

Buffer make_packet();

}  // namespace skep::bench
