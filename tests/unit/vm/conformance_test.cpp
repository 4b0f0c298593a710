// The bpf_conformance suite (313 programs; SKEP_DATA_DIR/bpf_conformance), assembled and run in this process,
// checked and on trusted images. Helper 5 returns its argument.
#include <dirent.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "runs.h"
#include "skep/isa/assemble.h"

namespace skep::vm::testing {
namespace {

struct Case {
  std::string assembly, result;
  std::vector<std::uint8_t> memory;
};

Case parse(std::istream& file) {
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

std::uint64_t same(std::uint64_t r1, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                   image::RunContext*) {
  return r1;
}

// Empty if the program gives the result it should.
std::string run_case(Machine& machine, const Case& test) {
  isa::AssembleOptions options;
  options.dialect = isa::Dialect::gnu;
  auto insns = isa::assemble_insns(test.assembly, options);
  if (!insns) return insns.error().message;
  if (auto valid = isa::validate(*insns); !valid) return valid.error().message;
  auto decoded = isa::decode_all(*insns);
  if (!decoded) return decoded.error().message;
  Environment environment;
  environment.helpers[5] = {same, nullptr, "unwind", 5};
  auto image = lower(*decoded, environment);
  for (bool trusted : {false, true}) {
    image->trusted = trusted;
    std::vector<std::uint8_t> memory = test.memory;
    image::Regions regions;
    image::Region region;
    region.base = reinterpret_cast<std::uint64_t>(memory.data());
    region.size = memory.size();
    region.writable = true;
    region.name = "memory";
    if (!memory.empty()) regions.add(region);
    image::RunContext ctx;
    ctx.regions = &regions;
    std::uint64_t r0 = 0;
    if (!machine.call(*image, ctx, reinterpret_cast<std::uint64_t>(image->functions.data()),
                      {region.base, memory.size(), 0, 0, 0}, &r0))
      return machine.fault().message();
    if (r0 != std::stoull(test.result, nullptr, 0)) {
      std::ostringstream text;
      text << std::hex << "r0 is 0x" << r0 << ", must be " << test.result;
      return text.str();
    }
  }
  return {};
}

TEST(Conformance, all_programs_of_the_suite) {
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
  Machine machine;
  std::size_t passed = 0;
  for (const std::string& name : names) {
    std::ifstream file(folder + "/" + name);
    std::string problem = run_case(machine, parse(file));
    EXPECT_EQ(problem, "") << name;
    passed += problem.empty();
  }
  EXPECT_EQ(passed, names.size());
  EXPECT_EQ(names.size(), 313u);
}

}  // namespace
}  // namespace skep::vm::testing
