// Map contents from a text file, in bpftool's words:
//   map update name blocklist key 16 0 0 0 173 194 0 0 value hex 01 00 00 00 noexist
// One update a line; # begins a comment. Bytes are decimal, 0x…, or (after `hex`) pairs of hex digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/diagnostics.h"

namespace skep::cli {

struct MapUpdate {
  std::string map;
  Buffer key, value;
  std::uint64_t flags = 0;  // BPF_ANY, BPF_NOEXIST, BPF_EXIST
  std::uint32_t line = 0;
};

// The updates of `text`; what cannot be understood goes to `diagnostics` with its line and column.
std::vector<MapUpdate> parse_batch(std::string_view text, const std::string& file, Diagnostics& diagnostics);

}  // namespace skep::cli
