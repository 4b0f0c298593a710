#include "tests/conformance/selftests/structs.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "skep/base/file.h"
#include "skep/isa/insn.h"
#include "skep/kernel/kernel.h"
#include "skep/runtime/verify_sys.h"
#include "skep/uapi/calls.h"
#include "tests/support/xz.h"

namespace skep::selftests {
namespace {

using nlohmann::json;

struct Answer {
  enum Kind : std::uint8_t { accept, reject, impossible } kind = impossible;  // impossible: not even asked
  bool unsupported = false;
  std::string text;  // the reason
};
std::string_view word(Answer::Kind kind) {
  constexpr std::string_view words[] = {"accept", "reject", "not asked"};
  return words[kind];
}

Buffer from_hex(const std::string& text) {
  Buffer out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); i++)
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, out[i], 16);
  return out;
}

// The type that a tracing or LSM test attaches to.
std::optional<btf::TypeId> find_target(const btf::Btf& types, const std::string& name,
                                       uapi::AttachType where) {
  using uapi::AttachType;
  if (where == AttachType::trace_raw_tp) return types.find("btf_trace_" + name, btf::Kind::typedef_);
  const bool lsm = where == AttachType::lsm_mac || where == AttachType::lsm_cgroup;
  const std::string prefix = lsm ? "bpf_lsm_" : where == AttachType::trace_iter ? "bpf_iter_" : "";
  return types.find(prefix + name, btf::Kind::func);
}

// What a test makes before its load, by the numbers that the dump gave.
class Made {
 public:
  Made(uapi::Sys& sys) : sys_(sys) {}
  Result<void> make(const json& steps) {
    for (const json& step : steps) {
      const int number = step["fd"];
      if (step.contains("types_of")) {
        const Buffer bytes = from_hex(step["types_of"]);
        uapi::BtfLoad load;
        load.btf = bytes;
        uapi::Handle types = TRY(uapi::btf_load(sys_, load));
        handles_.insert_or_assign(number, std::move(types));
        continue;
      }
      const json& map = step["map"];
      uapi::MapCreate create;
      create.type = static_cast<uapi::MapType>(map[0].get<std::uint32_t>());
      create.key_size = map[1];
      create.value_size = map[2];
      create.max_entries = map[3];
      create.flags = map[4];
      create.inner_map_fd = fd(step["inner"]).value_or(-1);
      create.btf_fd = fd(step["btf"]).value_or(-1);
      if (create.btf_fd >= 0) {
        create.btf_key_type_id = step["types"][0];
        create.btf_value_type_id = step["types"][1];
      }
      uapi::Handle made = TRY(uapi::map_create(sys_, create));
      handles_.insert_or_assign(number, std::move(made));
    }
    return {};
  }
  std::optional<int> fd(int number) const {
    auto found = handles_.find(number);
    return found == handles_.end() ? std::nullopt : std::optional(found->second.fd());
  }

 private:
  uapi::Sys& sys_;
  std::map<int, uapi::Handle> handles_;
};

std::string last_line(std::string_view log) {
  std::string_view last;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(end == log.npos ? log.size() : end + 1);
    if (!line.empty() && !line.starts_with("processed ") && line[0] != '\0') last = line;
  }
  return std::string(last);
}

Answer ask(uapi::Sys& sys, const btf::Btf& types, const json& test) {
  auto impossible = [](std::string why) { return Answer{Answer::impossible, false, std::move(why)}; };
  Made made(sys);
  if (Result<void> ok = made.make(test["made"]); !ok) return impossible(ok.error().message);
  const Buffer bytes = from_hex(test["insns"]);
  std::vector<isa::Insn> insns(bytes.size() / sizeof(isa::Insn));
  std::memcpy(insns.data(), bytes.data(), insns.size() * sizeof(isa::Insn));
  for (isa::Insn& insn : insns)
    if (std::optional<int> fd = made.fd(insn.imm)) insn.imm = *fd;
  for (const json& kfunc : test["kfuncs"]) {
    const std::string name = kfunc[1];
    const std::optional<btf::TypeId> id = types.find(name, btf::Kind::func);
    if (!id) return impossible(fmt::format("kfunc {} is of the test module", name));
    insns.at(kfunc[0].get<std::size_t>()).imm = static_cast<std::int32_t>(*id);
  }
  uapi::ProgLoad load;
  load.type = static_cast<uapi::ProgType>(test["type"].get<std::uint32_t>());
  load.expected_attach_type = static_cast<uapi::AttachType>(test["attach_type"].get<std::uint32_t>());
  load.flags = test["flags"];
  load.license = test["license"];
  load.insns = Bytes(reinterpret_cast<const std::uint8_t*>(insns.data()), insns.size() * sizeof(isa::Insn));
  load.btf_fd = made.fd(test["btf"]).value_or(-1);
  const Buffer funcs = from_hex(test["func_info"]);
  load.func_info = funcs;
  load.func_info_rec_size = 8;
  if (test["target"].is_string()) {
    const std::optional<btf::TypeId> id = find_target(types, test["target"], load.expected_attach_type);
    if (!id) return impossible(fmt::format("no type {}", test["target"].get<std::string>()));
    load.attach_btf_id = *id;
  }
  std::string log;
  Result<uapi::ProgLoadResult> loaded = uapi::prog_load(sys, load, &log);
  if (loaded) return {Answer::accept, false, ""};
  std::string line = last_line(log);
  return {Answer::reject, false, line.empty() ? loaded.error().message : std::move(line)};
}

Answer ask_ours(const runtime::VerifyOptions& options, const btf::Btf& types, const json& test) {
  runtime::VerifySys sys(options);
  Answer answer = ask(sys, types, test);
  if (!sys.judged().empty()) answer.unsupported = sys.judged().back().verdict.unsupported;
  return answer;
}

struct Tally {
  std::string_view name;
  std::size_t judged = 0, agree = 0, messages = 0, messages_found = 0;
  std::map<std::string, std::size_t> not_asked{};
  std::vector<std::string> differ{};

  void add(const json& test, const Answer& ours, Answer::Kind judge, std::string_view why) {
    if (ours.kind == Answer::impossible) {
      not_asked[ours.text]++;
      return;
    }
    judged++;
    if (ours.kind == judge && !ours.unsupported) {
      agree++;
      return;
    }
    differ.push_back(fmt::format("#{} {}: {} {}| ours {} {}", test["number"].get<int>(),
                                 test["name"].get<std::string>(), word(judge), why,
                                 ours.unsupported ? "undecided" : word(ours.kind), ours.text));
  }
  double percent() const {
    return judged ? 100.0 * static_cast<double>(agree) / static_cast<double>(judged) : 0;
  }
  void print() const {
    fmt::print("{}: {} of {} agree ({:.2f} %)\n", name, agree, judged, percent());
    for (const auto& [why, count] : not_asked) fmt::print("  not asked: {} ({})\n", count, why);
    for (const std::string& line : differ) fmt::print("  {}\n", line);
  }
};

Answer::Kind expected(const std::string& name) { return name == "accept" ? Answer::accept : Answer::reject; }

int complain(const Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return 2;
}

}  // namespace

int run_structs(int count, char** words) {
  std::string path;
  bool live = false, list = false;
  double required = -1;
  for (int i = 0; i < count; i++) {
    const std::string_view option = words[i];
    if (option == "--live")
      live = true;
    else if (option == "--list")
      list = true;
    else if (option == "--require" && i + 1 < count)
      required = std::strtod(words[++i], nullptr);
    else if (path.empty() && !option.starts_with("-"))
      path = option;
    else
      return complain({EINVAL, fmt::format("--structs FILE [--live] [--list] [--require P]: '{}'", option)});
  }
  if (const char* named = std::getenv("SKEP_STRUCTS"); named != nullptr && path.empty()) path = named;
  const std::string types_path = fmt::format("{}/btf/linux-6.18.btf.xz", SKEP_DATA_DIR);
  for (const std::string& needed : {path, types_path})
    if (::access(needed.c_str(), R_OK) != 0) {
      fmt::print("skipped: no '{}' (tests/conformance/selftests/structs writes the tests)\n", needed);
      return 77;
    }
  Result<Buffer> text = base::read_file(path);
  if (!text) return complain(text.error());
  Result<Buffer> type_bytes = test_support::read_xz(types_path);
  if (!type_bytes) return complain(type_bytes.error());
  Result<btf::Btf> types = btf::Btf::parse(*type_bytes);
  if (!types) return complain(types.error());
  kernel::Kernel here;
  Buffer live_bytes;
  std::optional<btf::Btf> live_types;
  if (live) {
    Result<Buffer> bytes = here.kernel_btf("");
    if (!bytes) return complain(bytes.error());
    live_bytes = std::move(*bytes);
    Result<btf::Btf> parsed = btf::Btf::parse(live_bytes);
    if (!parsed) return complain(parsed.error());
    live_types = std::move(*parsed);
  }
  runtime::VerifyOptions privileged;
  privileged.kernel_btf_bytes = *type_bytes;
  privileged.around.kernel_btf = &*types;
  privileged.around.version = {6, 18, 44};
  privileged.around.cpus = here.possible_cpus();
  // The tests are of 6.12; since 6.17 unprivileged code that would leak in speculation is fenced, not
  // refused.
  runtime::VerifyOptions unprivileged = privileged;
  unprivileged.around.version = {6, 12, 0};
  unprivileged.around.privileges = verify::Privileges::none();

  Tally by_tests{"privileged, by the tests' expected results"},
      by_kernel{"privileged, by the running kernel"},
      without{"unprivileged, 6.12's rules, by the tests' expected results"};
  std::size_t drift = 0;
  std::string_view rest = base::as_text(*text);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const json test = json::parse(rest.substr(0, end), nullptr, false);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (test.is_discarded()) return complain({EINVAL, path + ": not what `structs` writes"});
    const Answer ours = ask_ours(privileged, *types, test);
    const Answer::Kind wanted = expected(test["result"]);
    const std::string message = test["message"].is_string() ? test["message"] : "";
    by_tests.add(test, ours, wanted, message + " ");
    if (list)
      fmt::print("#{} {}: ours {} {}\n", test["number"].get<int>(), test["name"].get<std::string>(),
                 word(ours.kind), ours.text);
    if (live) {
      const Answer kernel = ask(here, *live_types, test);
      if (kernel.kind != Answer::impossible) by_kernel.add(test, ours, kernel.kind, kernel.text + " ");
      drift += kernel.kind != Answer::impossible && kernel.kind != wanted;
    }
    if (test["unprivileged"] != "")
      without.add(test, ask_ours(unprivileged, *types, test), expected(test["unprivileged"]), "");
  }
  by_tests.print();
  without.print();
  if (live) by_kernel.print();
  if (live) fmt::print("the running kernel differs from {} expected results\n", drift);
  return required >= 0 && (live ? by_kernel : by_tests).percent() < required ? 1 : 0;
}

}  // namespace skep::selftests
