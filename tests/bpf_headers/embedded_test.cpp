// The headers inside the binary are those of the source tree, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/bpf_headers.h"

namespace skep::cli {
namespace {

TEST(BpfHeaders, embedded_as_they_are) {
  const std::filesystem::path folder = std::string(SKEP_SOURCE_DIR) + "/skep";
  for (const EmbeddedFile& header : bpf_headers()) {
    std::ifstream file(folder / header.path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_FALSE(text.empty()) << header.path;
    EXPECT_EQ(header.text, text) << header.path;
  }
}

TEST(BpfHeaders, all_of_them_in_order) {
  std::ptrdiff_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SKEP_SOURCE_DIR) + "/skep/bpf"))
    files += entry.path().extension() == ".h";
  EXPECT_EQ(std::ssize(bpf_headers()), files);
  EXPECT_TRUE(std::is_sorted(bpf_headers().begin(), bpf_headers().end(),
                             [](const auto& a, const auto& b) { return a.path < b.path; }));
  EXPECT_TRUE(std::any_of(bpf_headers().begin(), bpf_headers().end(),
                          [](const auto& header) { return header.path == "bpf/bpf_helpers.h"; }));
}

}  // namespace
}  // namespace skep::cli
