// The assembler on all programs of the bpf_conformance suite (reference data; skipped without).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "golden.h"
#include "skep/isa/assemble.h"

namespace skep::isa {
namespace {

std::string section_of(std::string_view text, std::string_view name) {
  std::string section;
  bool inside = false;
  for (std::string_view line : split_lines(text)) {
    if (line.starts_with("-- ")) {
      inside = line.substr(3).starts_with(name);
      continue;
    }
    if (inside) section += std::string(line) + "\n";
  }
  return section;
}

TEST(conformance, every_program_assembles) {
  std::filesystem::path folder = std::filesystem::path(SKEP_DATA_DIR) / "bpf_conformance";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder << ": reference data is not there";
  std::size_t programs = 0, raw_programs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".data") continue;
    Buffer file = base::read_file(entry.path()).value();
    auto insns = assemble_insns(section_of(base::as_text(file), "asm"),
                                {.dialect = Dialect::gnu, .file = entry.path().filename()});
    ASSERT_TRUE(insns.has_value()) << insns.error().message;
    auto valid = validate(*insns);
    EXPECT_TRUE(valid.has_value()) << entry.path() << ": " << valid.error().message;
    // One file also says what the bytes are.
    std::string raw = section_of(base::as_text(file), "raw");
    if (!raw.empty()) {
      Buffer expected;
      for (std::string_view line : split_lines(raw)) {
        Buffer word = parse_hex(line.substr(2));
        std::reverse(word.begin(), word.end());
        expected.insert(expected.end(), word.begin(), word.end());
      }
      EXPECT_EQ(write_insns(*insns), expected) << entry.path();
      ++raw_programs;
    }
    ++programs;
  }
  EXPECT_EQ(programs, 313u);
  EXPECT_GE(raw_programs, 1u);
}

}  // namespace
}  // namespace skep::isa
