// The AArch64 back end. On every machine: programs compile for it, with all options, near and far. What the
// code does is tested where it can run (tests/arm64/run): the suites of this folder and tests/oracle run it
// there.
#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "../vm/images.h"
#include "skep/isa/assemble.h"
#include "skep/jit/jit.h"

namespace skep::jit {
namespace {

using vm::testing::Environment;
using vm::testing::lower;
using vm::testing::make;
using vm::testing::Program;

bool runs_here() {
#if defined(__aarch64__)
  return true;
#else
  return false;
#endif
}

struct Case {
  std::string name, assembly, result;
  std::vector<std::uint8_t> memory;
};

std::vector<Case> suite() {
  std::vector<Case> cases;
  const std::string folder = std::string(SKEP_DATA_DIR) + "/bpf_conformance";
  DIR* dir = opendir(folder.c_str());
  if (!dir) return cases;
  while (const dirent* entry = readdir(dir)) {
    Case test;
    test.name = entry->d_name;
    if (!test.name.ends_with(".data")) continue;
    std::ifstream file(folder + "/" + test.name);
    std::string line, section;
    while (std::getline(file, line)) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.starts_with("--")) {
        section = line.substr(line.find_first_not_of("- "));
        continue;
      }
      if (section == "asm") test.assembly += line + "\n";
      if (section == "result" && !line.empty()) test.result = line;
      if (section == "mem") {
        std::istringstream bytes(line.substr(0, line.find('#')));
        unsigned byte = 0;
        while (bytes >> std::hex >> byte) test.memory.push_back(static_cast<std::uint8_t>(byte));
      }
    }
    cases.push_back(std::move(test));
  }
  closedir(dir);
  return cases;
}

std::uint64_t same(std::uint64_t r1, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                   image::RunContext*) {
  return r1;
}

std::vector<Options> all_options() {
  std::vector<Options> all;
  for (bool lse : {false, true})
    for (bool blind : {false, true})
      for (bool cancellable : {false, true}) {
        Options options;
        options.target = Target::arm64;
        options.features = Features{};
        options.features->lse = lse;
        options.blind_constants = blind;
        options.blind_seed = 7;
        options.cancellable = cancellable;
        if (lse && runs_here() && !host_features().lse) continue;
        all.push_back(options);
      }
  return all;
}

TEST(Arm64, conformance_suite_compiles_and_runs) {
  const std::vector<Case> cases = suite();
  if (cases.empty()) GTEST_SKIP() << "the bpf_conformance suite is not there";
  std::size_t passed = 0;
  Machine machine;
  for (const Case& test : cases) {
    isa::AssembleOptions assemble;
    assemble.dialect = isa::Dialect::gnu;
    auto insns = isa::assemble_insns(test.assembly, assemble);
    ASSERT_TRUE(insns.has_value()) << test.name;
    auto decoded = isa::decode_all(*insns);
    ASSERT_TRUE(decoded.has_value()) << test.name;
    Environment environment;
    environment.helpers[5] = {same, nullptr, "unwind", 5};
    auto image = lower(*decoded, environment);
    image->trusted = true;
    bool good = true;
    for (const Options& options : all_options()) {
      auto code = compile(*image, options);
      ASSERT_TRUE(code.has_value()) << test.name << ": " << code.error().message;
      EXPECT_EQ(code->target(), Target::arm64);
      EXPECT_EQ(code->bytes().size() % 4, 0u);
      if (!runs_here()) continue;
      std::vector<std::uint8_t> memory = test.memory;
      image::RunContext ctx;
      std::uint64_t r0 = 0;
      const bool done =
          machine.call(*code, ctx, reinterpret_cast<std::uint64_t>(image->functions.data()),
                       {reinterpret_cast<std::uint64_t>(memory.data()), memory.size(), 0, 0, 0}, &r0);
      EXPECT_TRUE(done) << test.name << ": " << machine.fault().message();
      EXPECT_EQ(r0, std::stoull(test.result, nullptr, 0))
          << test.name << " lse " << options.features->lse << " blind " << options.blind_constants;
      good &= done && r0 == std::stoull(test.result, nullptr, 0);
    }
    passed += good;
  }
  EXPECT_EQ(passed, 313u);
  if (runs_here()) std::printf("conformance on the AArch64 JIT: %zu of %zu\n", passed, cases.size());
}

}  // namespace
}  // namespace skep::jit
