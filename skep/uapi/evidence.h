// Words that the tables of this folder share: first kernel of a row, and which kernel confirms it.
#pragma once

#include <cstdint>
#include <string_view>

namespace skep::uapi {

// A kernel version as the rows keep it: major << 8 | minor.
constexpr std::uint16_t since(unsigned major, unsigned minor) {
  return static_cast<std::uint16_t>(major << 8 | minor);
}

// Evidence of a row: the type information of these kernels has it. tests/tables holds every row against them,
// in both directions: a row that claims less than a kernel shows fails too.
inline constexpr std::string_view seen_6_1 = "kernel BTF 6.1, 6.12, 6.18";
inline constexpr std::string_view seen_6_12 = "kernel BTF 6.12, 6.18";
inline constexpr std::string_view seen_6_18 = "kernel BTF 6.18";
// Newer than every kernel that the tables were held against; from kernel sources and documentation.
inline constexpr std::string_view unseen = "no kernel at hand";

}  // namespace skep::uapi
