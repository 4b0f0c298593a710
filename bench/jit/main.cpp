// bench_jit: the programs of bench/programs, each on the interpreter (checked and unchecked), on our JIT, in
// the Linux kernel and as gcc compiles it, timed side by side in one run.
//
// Exits with 1 when two engines disagree or, with --require, when a target is missed; 77 without clang.
#include <dirent.h>
#include <fmt/format.h>
#include <getopt.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "bench/jit/report.h"
#include "skep/base/file.h"

namespace skep::bench {
namespace {

constexpr const char* usage =
    "bench_jit [OPTION]... [PROGRAM]...\n"
    "  --rounds N     turns of each engine (31)\n"
    "  --slice-us N   CPU time of one turn in microseconds (1000)\n"
    "  --cpu N        the CPU to stay on (0)\n"
    "  --no-kernel    leave the kernel out\n"
    "  --code FOLDER  write each program's machine code to FOLDER/PROGRAM.bin, for\n"
    "                 objdump -D -b binary -m i386:x86-64\n"
    "  --json         one JSON document instead of the table\n"
    "  --require      exit with 1 when a target is missed\n";

struct Arguments {
  Effort effort;
  std::uint32_t cpu = 0;
  bool kernel = true, json = false, require = false, help = false;
  std::string code_folder;  // empty: none is written
  std::vector<std::string> programs;
};

Result<Arguments> parse_arguments(int argc, char** argv) {
  enum { rounds = 1, slice, cpu, no_kernel, code, json, require, help };
  static const option options[] = {
      {"rounds", 1, nullptr, rounds},       {"slice-us", 1, nullptr, slice}, {"cpu", 1, nullptr, cpu},
      {"no-kernel", 0, nullptr, no_kernel}, {"code", 1, nullptr, code},      {"json", 0, nullptr, json},
      {"require", 0, nullptr, require},     {"help", 0, nullptr, help},      {}};
  Arguments out;
  for (int c; (c = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    std::uint32_t* into = c == rounds ? &out.effort.rounds : c == slice ? &out.effort.slice_us : &out.cpu;
    switch (c) {
      case rounds:
      case slice:
      case cpu: {
        std::string_view text = ::optarg;
        auto [end, error] = std::from_chars(text.begin(), text.end(), *into);
        if (error != std::errc{} || end != text.end() || (c != cpu && *into == 0))
          return fail(EINVAL, "--{}: '{}' is no number for this", options[c - 1].name, text);
        break;
      }
      case code: out.code_folder = ::optarg; break;
      case no_kernel: out.kernel = false; break;
      case json: out.json = true; break;
      case require: out.require = true; break;
      case help: out.help = true; break;
      default: return fail(EINVAL, "{}", usage);
    }
  }
  out.programs.assign(argv + ::optind, argv + argc);
  return out;
}

// Without "nothing", which is measured apart.
Result<std::vector<std::string>> all_programs() {
  std::vector<std::string> out;
  DIR* folder = ::opendir(SKEP_SOURCE_DIR "/bench/programs");
  if (!folder) return fail(errno, SKEP_SOURCE_DIR "/bench/programs");
  while (const dirent* entry = ::readdir(folder)) {
    std::string_view name = entry->d_name;
    if (name.ends_with(".c") && name != "nothing.c") out.emplace_back(name.substr(0, name.size() - 2));
  }
  ::closedir(folder);
  std::ranges::sort(out);
  return out;
}

std::string first_line(const std::string& path) {
  auto bytes = base::read_file(path);
  if (!bytes) return "unknown";
  std::string text(bytes->begin(), bytes->end());
  return text.substr(0, text.find('\n'));
}

std::string processor() {
  auto bytes = base::read_file("/proc/cpuinfo");
  if (!bytes) return "unknown";
  std::string text(bytes->begin(), bytes->end());
  std::size_t at = text.find("model name");
  if (at == std::string::npos) return "unknown";
  at = text.find(": ", at);
  return text.substr(at + 2, text.find('\n', at) - at - 2);
}

std::vector<std::pair<std::string, std::string>> describe_machine(const Bench& bench) {
  utsname name{};
  ::uname(&name);
  std::string kernel = bench.kernel_absent().empty() ? name.release : "absent: " + bench.kernel_absent();
  return {
      {"processor", processor()},
      {"kernel", kernel},
      {"bpf_jit_enable", first_line("/proc/sys/net/core/bpf_jit_enable")},
      {"bpf_jit_harden", first_line("/proc/sys/net/core/bpf_jit_harden")},
      {"bpf_stats_enabled", first_line("/proc/sys/kernel/bpf_stats_enabled")},
      {"spectre_v2", first_line("/sys/devices/system/cpu/vulnerabilities/spectre_v2")},
      {"spec_rstack_overflow", first_line("/sys/devices/system/cpu/vulnerabilities/spec_rstack_overflow")},
      {"native compiler", BENCH_CC ", -O2 -fno-tree-vectorize"}};
}

void settle(std::uint32_t cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (::sched_setaffinity(0, sizeof one, &one) < 0)
    fmt::print(stderr, "bench_jit: cannot stay on CPU {}: {}\n", cpu, ::strerror(errno));
  (void)::setpriority(PRIO_PROCESS, 0, -10);  // helps where it is allowed
}

Result<Report> run(const Arguments& arguments) {
  std::vector<std::string> names = arguments.programs;
  if (names.empty()) names = TRY(all_programs());
  settle(arguments.cpu);
  std::unique_ptr<Bench> bench = TRY(Bench::create(arguments.kernel));
  Report report;
  report.machine = describe_machine(*bench);
  std::unique_ptr<Bench::Subject> nothing = TRY(bench->open("nothing"));
  Times floor = TRY(measure(*bench, *nothing, arguments.effort, 0));
  report.nothing_ns = floor.of(EngineId::kernel);
  double overhead = std::isnan(report.nothing_ns) ? 0 : report.nothing_ns;
  for (const std::string& name : names) {
    std::unique_ptr<Bench::Subject> subject = TRY(bench->open(name));
    if (!arguments.code_folder.empty())
      for (const jit::Code& code : subject->codes)
        TRY(base::write_file(fmt::format("{}/{}.bin", arguments.code_folder, code.image().name),
                             code.bytes()));
    Times times = TRY(measure(*bench, *subject, arguments.effort, overhead));
    report.rows.push_back({name, subject->traits, std::move(times)});
  }
  std::ranges::stable_sort(report.rows, {}, [](const Row& row) { return row.traits.calls; });
  report.insns_per_second = TRY(compile_speed(arguments.effort));
  if (arguments.programs.empty()) report.sizes = TRY(code_sizes(*bench));
  report.targets = judge(report.rows, report.insns_per_second);
  return report;
}

int run_main(int argc, char** argv) {
  auto arguments = parse_arguments(argc, argv);
  if (!arguments) {
    fmt::print(stderr, "bench_jit: {}\n", arguments.error().message);
    return 2;
  }
  if (arguments->help) {
    fmt::print("{}", usage);
    return 0;
  }
  auto report = run(*arguments);
  if (!report) {
    fmt::print(stderr, "bench_jit: {}\n", report.error().message);
    return report.error().code == ENOENT && report.error().message.find("clang") != std::string::npos ? 77
                                                                                                      : 1;
  }
  fmt::print("{}", arguments->json ? print_json(*report) : print_text(*report));
  bool met = std::ranges::all_of(report->targets, &Target::met);
  return arguments->require && !met ? 1 : 0;
}

}  // namespace
}  // namespace skep::bench

int main(int argc, char** argv) { return skep::bench::run_main(argc, argv); }
