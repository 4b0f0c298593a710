// The bpf_conformance suite (313 programs; SKEP_DATA_DIR/bpf_conformance) for any engine: assembled, lowered,
// run in this process. Helper 5 returns its argument.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "skep/image/image.h"
#include "skep/isa/assemble.h"
#include "skep/isa/decode.h"
#include "tests/unit/vm/images.h"

namespace skep::conformance {

struct Case {
  std::string assembly, result;
  std::vector<std::uint8_t> memory;
};

inline Case parse(std::istream& file) {
  Case out;
  std::string line, section;
  while (std::getline(file, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("--")) {
      section = line.substr(line.find_first_not_of("- "));
      continue;
    }
    if (section == "asm") out.assembly += line + "\n";
    if (section == "result" && !line.empty()) out.result = line;
    if (section == "mem") {
      std::istringstream bytes(line.substr(0, line.find('#')));
      unsigned byte = 0;
      while (bytes >> std::hex >> byte) out.memory.push_back(static_cast<std::uint8_t>(byte));
    }
  }
  return out;
}

inline std::uint64_t same(std::uint64_t r1, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                          image::RunContext*) {
  return r1;
}

// One program, ready to run: an engine calls functions[0] of the image with (address of memory, its size).
struct Prepared {
  std::unique_ptr<image::Image> image;
  std::vector<std::uint8_t> memory;
};

// Empty if the program gives the result that it should. `run(Prepared&, &r0)` returns a message, empty if the
// run ended with `exit`.
template <class Run>
std::string run_case(const Case& test, Run run) {
  isa::AssembleOptions options;
  options.dialect = isa::Dialect::gnu;
  auto insns = isa::assemble_insns(test.assembly, options);
  if (!insns) return insns.error().message;
  if (auto valid = isa::validate(*insns); !valid) return valid.error().message;
  auto decoded = isa::decode_all(*insns);
  if (!decoded) return decoded.error().message;
  vm::testing::Environment environment;
  environment.helpers[5] = {same, nullptr, "unwind", 5};
  Prepared prepared{vm::testing::lower(*decoded, environment), test.memory};
  std::uint64_t r0 = 0;
  std::string problem = run(prepared, &r0);
  if (problem.empty() && r0 != std::stoull(test.result, nullptr, 0)) {
    std::ostringstream text;
    text << std::hex << "r0 is 0x" << r0 << ", must be " << test.result;
    return text.str();
  }
  return problem;
}

// All programs, under gtest's eyes.
template <class Run>
void run_suite(Run run) {
  const std::string folder = std::string(SKEP_DATA_DIR) + "/bpf_conformance";
  DIR* dir = opendir(folder.c_str());
  if (!dir) GTEST_SKIP() << folder << " is not there: the bpf_conformance suite is not run";
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    std::string name = entry->d_name;
    if (name.ends_with(".data")) names.push_back(std::move(name));
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  std::size_t passed = 0;
  for (const std::string& name : names) {
    std::ifstream file(folder + "/" + name);
    std::string problem = run_case(parse(file), run);
    EXPECT_EQ(problem, "") << name;
    passed += problem.empty();
  }
  EXPECT_EQ(passed, names.size());
  EXPECT_EQ(names.size(), 313u);
}

}  // namespace skep::conformance
