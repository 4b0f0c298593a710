// Golden files of this module: lines of `HEX BYTES | TEXT`, comments with #.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "skep/base/file.h"
#include "skep/isa/decode.h"

namespace skep::isa {

struct GoldenLine {
  unsigned number = 0;
  Buffer bytes;
  std::string text;
};

inline std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

inline Buffer parse_hex(std::string_view text) {
  Buffer bytes;
  int high = -1;
  for (char c : text) {
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high >= 0) bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

inline std::vector<GoldenLine> read_golden(const std::string& name) {
  std::vector<GoldenLine> lines;
  auto file = base::read_file(std::string(SKEP_SOURCE_DIR) + "/tests/golden/isa/" + name);
  EXPECT_TRUE(file.has_value()) << (file.has_value() ? "" : file.error().message);
  if (!file.has_value()) return lines;
  unsigned number = 0;
  for (std::string_view line : split_lines(base::as_text(*file))) {
    ++number;
    std::size_t bar = line.find(" | ");
    if (line.empty() || line[0] == '#' || bar == std::string_view::npos) continue;
    lines.push_back({number, parse_hex(line.substr(0, bar)), std::string(line.substr(bar + 3))});
  }
  return lines;
}

}  // namespace skep::isa
