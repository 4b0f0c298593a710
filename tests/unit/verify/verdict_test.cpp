// Golden verdicts: tests/golden/verify/*.txt. Each case is a small program and what Linux 6.18 says to it:
//
//   == name
//   type xdp                      (socket_filter without)
//   map array 4 48 1              (type, key and value size, entries; `r1 = map 0 ll` names the first)
//   --
//   r0 = 0
//   exit
//   --
//   accept                        or:  reject: R1 !read_ok
//
// The line after "reject: " stands somewhere in the log. As root the running kernel is asked too, if it is a
// 6.18; BLESS=1 then writes its answers into the files.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "skep/isa/assemble.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/helpers.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/verify.h"

namespace skep::verify {
namespace {

struct Case {
  std::string name, text;  // text: header and program, as it stands in the file
  std::string verdict;     // "accept" or "reject: ..."
  uapi::ProgType type = uapi::ProgType::socket_filter;
  std::uint32_t flags = 0;
  std::vector<MapModel> maps;
  std::vector<isa::Insn> insns;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void read_header(Case& c, const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  if (word == "type") {
    words >> word;
    const uapi::ProgTypeRow* row = uapi::find_prog_type(std::string_view(word));
    ASSERT_NE(row, nullptr) << line;
    c.type = row->type;
  } else if (word == "flags") {
    words >> c.flags;
  } else if (word == "map") {
    MapModel map;
    words >> word >> map.key_size >> map.value_size >> map.max_entries;
    const uapi::MapTypeRow* row = uapi::find_map_type(std::string_view(word));
    ASSERT_NE(row, nullptr) << line;
    map.type = row->type;
    map.name = "map" + std::to_string(c.maps.size());
    c.maps.push_back(map);
  } else {
    FAIL() << "unknown header: " << line;
  }
}

// `r1 = map 0 ll` and `r1 = map_value 0 8 ll` are written with the exact syntax of the assembler.
std::string with_maps(std::string line) {
  if (const auto at = line.find("= map_value "); at != std::string::npos) {
    std::istringstream words(line.substr(at + 12));
    unsigned map = 0, off = 0;
    words >> map >> off;
    return line.substr(0, at) + "= map_value(" + std::to_string(map) + ")+" + std::to_string(off) + " ll";
  }
  if (const auto at = line.find("= map "); at != std::string::npos) {
    return line.substr(0, at) + "= map_fd(" + std::to_string(std::stoul(line.substr(at + 6))) + ") ll";
  }
  return line;
}

void finish(Case& c) {
  std::string program;
  int part = 0;
  for (const std::string& line : lines_of(c.text)) {
    if (line == "--") {
      part++;
      continue;
    }
    if (part == 0 && !line.empty()) read_header(c, line);
    if (part == 1) program += with_maps(line) + "\n";
  }
  isa::AssembleOptions options;
  options.file = c.name;
  options.helper_id = [](std::string_view name) -> std::optional<std::uint32_t> {
    const uapi::Helper* helper = uapi::find_helper(name);
    return helper != nullptr ? std::optional(helper->id) : std::nullopt;
  };
  auto insns = isa::assemble_insns(program, options);
  ASSERT_TRUE(insns.has_value()) << c.name << ": " << insns.error().message;
  c.insns = std::move(*insns);
}

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<Case> cases;
  int part = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("== ")) {
      cases.push_back({});
      cases.back().name = line.substr(3);
      part = 0;
      continue;
    }
    if (cases.empty() || line.starts_with("#")) continue;
    if (line == "--" && ++part == 2) continue;
    if (part < 2)
      cases.back().text += line + "\n";
    else if (!line.empty() && cases.back().verdict.empty())
      cases.back().verdict = line;
  }
  for (Case& c : cases) finish(c);
  return cases;
}

Model model_of(const Case& c) {
  Model model;
  model.prog.name = "test";
  model.prog.type = c.type;
  model.prog.flags = c.flags;
  model.prog.gpl = true;
  model.prog.insns = c.insns;
  model.maps = c.maps;
  return model;
}

long bpf(int command, void* attr, std::size_t size) { return syscall(SYS_bpf, command, attr, size); }

// The running kernel's verdict: "accept", or "reject" and its log. Nothing when it cannot be asked.
std::string ask_kernel(const Case& c, std::string& log) {
  utsname name{};
  uname(&name);
  if (geteuid() != 0 || std::string_view(name.release).substr(0, 5) != "6.18.") return "";
  std::vector<int> maps;
  for (const MapModel& map : c.maps) {
    uapi::MapCreateAttr attr{};
    attr.map_type = static_cast<std::uint32_t>(map.type);
    attr.key_size = map.key_size;
    attr.value_size = map.value_size;
    attr.max_entries = map.max_entries;
    std::memcpy(attr.map_name, map.name.data(), std::min<std::size_t>(map.name.size(), 15));
    const long fd = bpf(0, &attr, sizeof attr);
    if (fd < 0) return "";
    maps.push_back(static_cast<int>(fd));
  }
  std::vector<isa::Insn> insns = c.insns;
  for (std::size_t i = 0; i + 1 < insns.size(); i++)
    if (insns[i].opcode == 0x18) {
      if (insns[i].src() == 1 || insns[i].src() == 2)
        insns[i].imm = maps.at(static_cast<std::size_t>(insns[i].imm));
      i++;
    }
  std::vector<char> buffer(1 << 20);
  uapi::ProgLoadAttr attr{};
  attr.prog_type = static_cast<std::uint32_t>(c.type);
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.license = reinterpret_cast<std::uint64_t>("GPL");
  attr.log_level = 2;
  attr.log_size = static_cast<std::uint32_t>(buffer.size());
  attr.log_buf = reinterpret_cast<std::uint64_t>(buffer.data());
  attr.prog_flags = c.flags;
  const long fd = bpf(5, &attr, sizeof attr);
  const int error = errno;
  log = buffer.data();
  for (int map : maps) close(map);
  if (fd >= 0) {
    close(static_cast<int>(fd));
    return "accept";
  }
  (void)error;
  // The reason is the last line before the statistics.
  std::vector<std::string> lines = lines_of(log);
  while (!lines.empty() && (lines.back().empty() || lines.back().starts_with("processed "))) lines.pop_back();
  return "reject: " + (lines.empty() ? std::string("?") : lines.back());
}

class Verdicts : public testing::TestWithParam<std::string> {};

TEST_P(Verdicts, AreTheKernels) {
  const auto path = std::filesystem::path(SKEP_SOURCE_DIR) / "tests/golden/verify" / GetParam();
  std::vector<Case> cases = read_cases(path);
  ASSERT_FALSE(cases.empty());
  const bool bless = std::getenv("BLESS") != nullptr;
  for (Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::string kernel_log;
    const std::string kernel = ask_kernel(c, kernel_log);
    if (bless && !kernel.empty()) c.verdict = kernel;
    const Model model = model_of(c);
    Options options;
    options.log_level = 2;
    const Verdict ours = verify(model, options);
    if (c.verdict == "accept") {
      EXPECT_TRUE(ours.accepted) << ours.log;
    } else {
      EXPECT_FALSE(ours.accepted) << c.verdict << "\n" << ours.log;
      EXPECT_FALSE(ours.unsupported) << ours.reason;
      const std::string line = c.verdict.substr(std::min<std::size_t>(8, c.verdict.size()));
      EXPECT_NE(ours.log.find(line), std::string::npos) << "wanted: " << line << "\n" << ours.log;
      EXPECT_GT(ours.code, 0);
    }
    if (!kernel.empty()) {
      EXPECT_EQ(kernel.substr(0, 6), c.verdict.substr(0, 6)) << kernel_log;
      if (std::getenv("SHOW_LOGS") != nullptr && kernel_log != ours.log)
        ADD_FAILURE() << "logs differ\n--- kernel\n" << kernel_log << "--- ours\n" << ours.log;
    }
  }
  if (!bless) return;
  std::ofstream out(path);
  for (std::size_t i = 0; i < cases.size(); i++)
    out << (i != 0 ? "\n" : "") << "== " << cases[i].name << "\n"
        << cases[i].text << "--\n"
        << cases[i].verdict << "\n";
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SKEP_SOURCE_DIR) / "tests/golden/verify"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Golden, Verdicts, testing::ValuesIn(files()), [](const auto& info) {
  std::string name = info.param.substr(0, info.param.find('.'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace skep::verify
