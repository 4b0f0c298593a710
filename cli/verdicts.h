// What the result of a packet program means, by program type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "skep/uapi/numbers.h"

namespace skep::cli {

// Whether BPF_PROG_TEST_RUN feeds this type packets.
bool takes_packets(uapi::ProgType type);
// "DROP" for XDP's 1; the number itself where it has no name.
std::string verdict_name(uapi::ProgType type, std::uint32_t result);
// Whether the packet goes on after that verdict (and `--write` keeps it).
bool lets_through(uapi::ProgType type, std::uint32_t result);

}  // namespace skep::cli
