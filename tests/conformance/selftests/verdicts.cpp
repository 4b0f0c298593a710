// verdicts: the verifier's verdict on each of the kernel's selftest programs, held against what kernels of
// record answered. See usage() for what it takes; exit code 77: the objects or the records are not there.
#include <fmt/core.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "skep/base/file.h"
#include "skep/kernel/kernel.h"
#include "tests/conformance/selftests/record.h"
#include "tests/conformance/selftests/speed.h"
#include "tests/conformance/selftests/structs.h"
#include "tests/conformance/selftests/trial.h"
#include "tests/support/xz.h"

using namespace skep;
using namespace skep::selftests;

namespace {

constexpr char usage_text[] =
    R"(verdicts [options]: our verdicts on the kernel's selftest programs against recorded ones

  --objects DIR     the objects, as `build` makes them (DIR/verifier_and.o ...); $SKEP_SELFTESTS
  --kernel NAME     6.18 (the default), 6.12, 6.1, 6.12-unprivileged: which record, types and rules
  --only WHAT       FILE or FILE/PROGRAM, with or without .o or .c; * at the end; may be given again
  --log [LEVEL]     print our log of each program (1: reasons, 2: states, 4: figures; 2 if not given)
  --live            also load each program into the running kernel, and compare with that as well
  --list            a line for each program: file, program, kernel, ours, reasons
  --reasons N       how many groups of disagreements to print, 25 if not given; 0: none
  --save FILE       write each program's verdict, for --since
  --since FILE      what became right and what became wrong since that was saved
  --jobs N, --seconds N    processes at once; time for one program
  --no-messages     do not look for the tests' expected messages (quicker)
  --slowest N       the N programs that took longest
  --structs [FILE] [--live] [--list] [--require P]   instead: the old tests, as `structs` writes them
  --speed [N]       only time the N (30) largest accepted programs and all small ones beside the running kernel
  --rounds N        of --speed, 7 if not given
  --require-speed   --speed, and fail above its limits: 0.4 of the kernel's time, 1.05 of its instructions,
                    10 microseconds for the median small program
  --require A,B     fail when less than A % of verifier_* or B % of the others agree, or an accept is unsafe
)";

struct Kernel {
  std::string_view name, record, btf;
  uapi::KernelVersion version;
  bool privileged;
  bool error_injection;  // how that kernel was configured
};
constexpr Kernel kernels[] = {
    {"6.18", "linux-6.18.jsonl", "linux-6.18.btf.xz", {6, 18, 44}, true, true},
    {"6.12", "linux-6.12.jsonl", "linux-6.12.btf.xz", {6, 12, 117}, true, false},
    {"6.1", "linux-6.1.jsonl", "linux-6.1.btf.xz", {6, 1, 192}, true, false},
    {"6.12-unprivileged", "linux-6.12-unprivileged.jsonl", "linux-6.12.btf.xz", {6, 12, 117}, false, false},
};

struct Settings {
  TrialOptions trial;
  const Kernel* kernel = &kernels[0];
  std::vector<std::string> only;
  bool list = false;
  std::size_t reasons = 25, slowest = 0;
  std::string save, since;
  bool speed = false, require_speed = false;
  SpeedOptions timing;
  double require_verifier = -1, require_others = -1;  // below 0: nothing is required
};

std::string stem(std::string_view file) {
  for (std::string_view ending : {".o", ".c"})
    if (file.ends_with(ending)) file.remove_suffix(2);
  return std::string(file);
}

// "verifier_and", "verifier_and.o/prog", "verifier_*"
bool wanted(const Record& record, const std::string& what) {
  std::size_t slash = what.find('/');
  std::string file = stem(std::string_view(what).substr(0, slash)), have = stem(record.file);
  if (file.ends_with('*') ? !have.starts_with(file.substr(0, file.size() - 1)) : have != file) return false;
  return slash == what.npos || what.substr(slash + 1) == record.prog;
}

std::string verdict_word(const Outcome& out) {
  return out.answer == Answer::reject && out.unsupported ? "unsupported"
                                                         : std::string(answer_name(out.answer));
}

bool agrees(const Record& record, const Outcome& out) {
  return record.accepted() ? out.answer == Answer::accept : out.answer == Answer::reject && !out.unsupported;
}

// One group of programs and how they came out.
struct Tally {
  std::string_view name;
  std::size_t judged = 0, agree = 0, false_accept = 0, unsafe = 0, false_reject = 0, unsupported = 0,
              not_reached = 0, crashed = 0, same_line = 0, both_reject = 0;
  std::size_t messages = 0, messages_found = 0;
  std::size_t live = 0, live_agree = 0, live_drift = 0;

  void print() const {
    auto percent = [](std::size_t part, std::size_t whole) {
      return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0;
    };
    fmt::print("{}: {} of {} judged programs agree ({:.2f} %)\n", name, agree, judged,
               percent(agree, judged));
    fmt::print("  accepted, the kernel rejects: {} (unsafe: {})\n", false_accept, unsafe);
    fmt::print("  rejected, the kernel accepts: {}\n", false_reject);
    fmt::print("  refused as not supported: {}; not reached: {}; crashed or too slow: {}\n", unsupported,
               not_reached, crashed);
    fmt::print("  rejected by both: {}, {} with the same line ({:.1f} %)\n", both_reject, same_line,
               percent(same_line, both_reject));
    fmt::print("  expected messages in our log: {} of {} ({:.1f} %)\n", messages_found, messages,
               percent(messages_found, messages));
    if (live)
      fmt::print("  live kernel: {} of {} agree; {} differ from the record\n", live_agree, live, live_drift);
  }
};

// Disagreements of one kind, by what was said.
using Groups = std::map<std::string, std::vector<std::string>>;

void print_groups(std::string_view title, const Groups& groups, std::size_t limit) {
  if (groups.empty() || limit == 0) return;
  std::vector<const Groups::value_type*> sorted;
  std::size_t total = 0;
  for (const auto& group : groups) {
    sorted.push_back(&group);
    total += group.second.size();
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](auto* a, auto* b) { return a->second.size() > b->second.size(); });
  fmt::print("\n{} ({}):\n", title, total);
  for (std::size_t i = 0; i < std::min(limit, sorted.size()); i++) {
    const auto& [said, programs] = *sorted[i];
    fmt::print("  {:4} {}\n", programs.size(), said);
    for (std::size_t p = 0; p < std::min<std::size_t>(programs.size(), 3); p++)
      fmt::print("         {}\n", programs[p]);
  }
  if (sorted.size() > limit) fmt::print("  ... {} more lines\n", sorted.size() - limit);
}

struct Report {
  const Classes& classes;
  const std::vector<Exception>& exceptions;
  Tally verifier{"verifier_*"}, others{"others"};
  Groups false_accepts, false_rejects, unsupported, not_reached, broken;
  std::set<std::string> unclassed;
  std::uint64_t insns = 0, insns_kernel = 0, nanoseconds = 0, peak_bytes = 0;

  bool excused(const Record& record) const {
    return std::any_of(exceptions.begin(), exceptions.end(), [&](const Exception& row) {
      return row.file == record.file && (row.prog == record.prog || row.prog == "*");
    });
  }

  void add(const Record& record, const Outcome& out) {
    Tally& tally = record.of_verifier() ? verifier : others;
    if (out.live_judged()) {
      tally.live++;
      tally.live_agree += (out.live == Answer::accept) == (out.answer == Answer::accept);
      tally.live_drift += record.judged() && record.accepted() != (out.live == Answer::accept);
    }
    if (!record.judged()) return;
    std::string where = fmt::format("{}/{}", record.file, record.prog);
    tally.judged++;
    bool agree = agrees(record, out);
    tally.agree += agree;
    peak_bytes = std::max(peak_bytes, out.peak_bytes);
    if (agree && record.accepted()) {
      insns += out.insns;
      insns_kernel += record.insns;
      nanoseconds += out.verify_ns;
    }
    if (!record.messages.empty()) {
      tally.messages += record.messages.size();
      tally.messages_found += out.messages;
    }
    Class of = record.accepted() ? Class::unclassed : classes.of(record.reason);
    if (!record.accepted() && of == Class::unclassed) unclassed.insert(normalise(record.reason));
    switch (out.answer) {
      case Answer::accept:
        if (!record.accepted()) {
          tally.false_accept++;
          bool unsafe =
              (of == Class::memory || of == Class::resource || of == Class::unclassed) && !excused(record);
          tally.unsafe += unsafe;
          false_accepts[fmt::format("[{}{}] {}", class_name(of), unsafe ? ", UNSAFE" : "",
                                    normalise(record.reason))]
              .push_back(where);
        }
        break;
      case Answer::reject:
        if (out.unsupported) {
          tally.unsupported++;
          unsupported[normalise(out.reason)].push_back(where);
        } else if (record.accepted()) {
          tally.false_reject++;
          false_rejects[normalise(out.reason)].push_back(fmt::format("{} insn {}", where, out.insn));
        } else {
          tally.both_reject++;
          tally.same_line += normalise(record.reason) == normalise(out.reason);
        }
        break;
      case Answer::before_verifier:
      case Answer::not_reached:
      case Answer::open_error:
        tally.not_reached++;
        not_reached[normalise(out.reason)].push_back(where);
        break;
      case Answer::crash:
      case Answer::timeout:
        tally.crashed++;
        broken[out.reason].push_back(where);
        break;
    }
  }

  void print(std::size_t limit) const {
    for (const Tally* tally : {&verifier, &others})
      if (tally->judged || tally->live) tally->print();
    if (insns_kernel)
      fmt::print(
          "accepted by both: {} instructions processed, the kernel {} ({:.3f}); {:.1f} ms, {:.2f} million a "
          "second; most memory for one program {:.1f} MiB\n",
          insns, insns_kernel, static_cast<double>(insns) / static_cast<double>(insns_kernel),
          static_cast<double>(nanoseconds) * 1e-6,
          nanoseconds ? static_cast<double>(insns) * 1e3 / static_cast<double>(nanoseconds) : 0.0,
          static_cast<double>(peak_bytes) / (1 << 20));
    print_groups("crashed or too slow", broken, limit);
    print_groups("accepted, the kernel rejects; by the kernel's line", false_accepts, limit);
    print_groups("rejected, the kernel accepts; by our line", false_rejects, limit);
    print_groups("not supported", unsupported, limit);
    print_groups("not reached", not_reached, limit);
    if (!unclassed.empty()) {
      fmt::print("\nlines that classes.txt does not class ({}):\n", unclassed.size());
      for (const std::string& line : unclassed) fmt::print("  {}\n", line);
    }
  }
};

// "file prog" -> whether it agreed, and our verdict.
using Saved = std::map<std::string, std::pair<bool, std::string>>;

Result<Saved> read_saved(const std::string& path) {
  base::Buffer bytes = TRY(base::read_file(path));
  std::string_view text = base::as_text(bytes);
  Saved out;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == line.npos || second == line.npos) return fail(EINVAL, "{}: no saved verdicts", path);
    out[std::string(line.substr(0, first))] = {line.substr(first + 1, second - first - 1) == "agrees",
                                               std::string(line.substr(second + 1))};
  }
  return out;
}

int report(const Error& error) {
  fmt::print(stderr, "verdicts: {}\n", error.message);
  return 1;
}

bool parse(int count, char** words, Settings& settings) {
  enum : int {
    objects = 1000,
    kernel,
    only,
    log,
    live,
    list,
    reasons,
    save,
    since,
    jobs,
    seconds,
    no_messages,
    slowest,
    speed,
    rounds,
    require_speed,
    require
  };
  const option known[] = {{"objects", required_argument, nullptr, objects},
                          {"kernel", required_argument, nullptr, kernel},
                          {"only", required_argument, nullptr, only},
                          {"log", optional_argument, nullptr, log},
                          {"live", no_argument, nullptr, live},
                          {"list", no_argument, nullptr, list},
                          {"reasons", required_argument, nullptr, reasons},
                          {"save", required_argument, nullptr, save},
                          {"since", required_argument, nullptr, since},
                          {"jobs", required_argument, nullptr, jobs},
                          {"seconds", required_argument, nullptr, seconds},
                          {"no-messages", no_argument, nullptr, no_messages},
                          {"slowest", required_argument, nullptr, slowest},
                          {"speed", optional_argument, nullptr, speed},
                          {"rounds", required_argument, nullptr, rounds},
                          {"require-speed", no_argument, nullptr, require_speed},
                          {"require", required_argument, nullptr, require},
                          {}};
  if (const char* folder = std::getenv("SKEP_SELFTESTS")) settings.trial.objects = folder;
  auto optional_number = [&](std::uint32_t otherwise) {
    const char* text = optarg;
    if (!text && optind < count && words[optind][0] >= '0' && words[optind][0] <= '9') text = words[optind++];
    return text ? static_cast<std::uint32_t>(std::atoi(text)) : otherwise;
  };
  for (int what; (what = getopt_long(count, words, "", known, nullptr)) != -1;) switch (what) {
      case objects: settings.trial.objects = optarg; break;
      case kernel: {
        auto row = std::find_if(std::begin(kernels), std::end(kernels),
                                [](const Kernel& k) { return k.name == optarg; });
        if (row == std::end(kernels)) return false;
        settings.kernel = row;
        break;
      }
      case only: settings.only.push_back(optarg); break;
      case log: settings.trial.log_level = optional_number(2); break;
      case live: settings.trial.live = true; break;
      case list: settings.list = true; break;
      case reasons: settings.reasons = static_cast<std::size_t>(std::atoi(optarg)); break;
      case save: settings.save = optarg; break;
      case since: settings.since = optarg; break;
      case jobs: settings.trial.jobs = static_cast<unsigned>(std::atoi(optarg)); break;
      case seconds: settings.trial.seconds = static_cast<unsigned>(std::atoi(optarg)); break;
      case no_messages: settings.trial.every_message = false; break;
      case require:
        if (std::sscanf(optarg, "%lf,%lf", &settings.require_verifier, &settings.require_others) != 2)
          return false;
        break;
      case speed:
        settings.speed = true;
        settings.timing.programs = optional_number(settings.timing.programs);
        break;
      case rounds: settings.timing.rounds = static_cast<unsigned>(std::atoi(optarg)); break;
      case require_speed: settings.speed = settings.require_speed = true; break;
      case slowest: settings.slowest = static_cast<std::size_t>(std::atoi(optarg)); break;
      default: return false;
    }
  return optind == count;
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return !path.empty() && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

int compare_saved(const Settings& settings, const std::vector<Record>& records,
                  const std::vector<Outcome>& outcomes) {
  Result<Saved> saved = read_saved(settings.since);
  if (!saved) return report(saved.error());
  std::size_t better = 0;
  std::vector<std::string> worse;
  for (std::size_t i = 0; i < records.size(); i++) {
    auto before = saved->find(records[i].file + " " + records[i].prog);
    if (before == saved->end() || !records[i].judged()) continue;
    bool agree = agrees(records[i], outcomes[i]);
    better += agree && !before->second.first;
    if (!agree && before->second.first)
      worse.push_back(fmt::format("{}/{}: kernel {}, ours {}: {}", records[i].file, records[i].prog,
                                  records[i].verdict, verdict_word(outcomes[i]),
                                  records[i].accepted() ? outcomes[i].reason : records[i].reason));
  }
  fmt::print("\nsince {}: {} became right, {} became wrong\n", settings.since, better, worse.size());
  for (const std::string& line : worse) fmt::print("  {}\n", line);
  return 0;
}

int run(Settings& settings) {
  const Kernel& kernel = *settings.kernel;
  std::string record_path = fmt::format("{}/kernel-verdicts/{}", SKEP_DATA_DIR, kernel.record);
  if (!is_folder(settings.trial.objects)) {
    fmt::print(
        "skipped: no objects; make them with tests/conformance/selftests/build and name the folder with "
        "--objects or $SKEP_SELFTESTS\n");
    return 77;
  }
  if (::access(record_path.c_str(), R_OK) != 0) {
    fmt::print("skipped: no records in '{}'\n", record_path);
    return 77;
  }
  Result<std::vector<Record>> all = read_records(record_path);
  if (!all) return report(all.error());
  auto classes = Classes::read(SKEP_SOURCE_DIR "/tests/conformance/selftests/classes.txt");
  if (!classes) return report(classes.error());
  auto exceptions = read_exceptions(SKEP_SOURCE_DIR "/tests/conformance/selftests/exceptions.txt");
  if (!exceptions) return report(exceptions.error());
  auto btf_bytes = test_support::read_xz(fmt::format("{}/btf/{}", SKEP_DATA_DIR, kernel.btf));
  if (!btf_bytes) return report(btf_bytes.error());
  auto types = btf::Btf::parse(*btf_bytes);
  if (!types) return report(types.error());
  types->find("task_struct", btf::Kind::struct_);  // builds the index of names once, before the forks

  std::vector<Record> records;
  for (const Record& record : *all)
    if (!record.prog.empty() &&
        (settings.only.empty() || std::any_of(settings.only.begin(), settings.only.end(),
                                              [&](const std::string& what) { return wanted(record, what); })))
      records.push_back(record);
  // Programs of one file together: the record of another kernel may list them otherwise.
  std::stable_sort(records.begin(), records.end(),
                   [](const Record& a, const Record& b) { return a.file < b.file; });
  if (records.empty()) return report({ENOENT, "nothing of that name is in the record"});

  runtime::VerifyOptions& verify = settings.trial.verify;
  verify.kernel_btf_bytes = *btf_bytes;
  verify.around.kernel_btf = &*types;
  verify.around.version = kernel.version;
  verify.around.error_injection = kernel.error_injection;
  verify.around.privileges = kernel.privileged ? verify::Privileges::root() : verify::Privileges::none();
  settings.trial.weak_externs = kernel.name != "6.18";
  kernel::Kernel here;
  verify.around.cpus = here.possible_cpus();
  if (auto text = here.kconfig()) verify.kconfig = std::move(*text);
  if (auto text = here.kallsyms()) verify.kallsyms = std::move(*text);

  if (settings.speed) {
    auto good = measure_speed(records, settings.trial, settings.timing);
    if (!good) return report(good.error());
    if (!*good && settings.require_speed) fmt::print("\nslower than required\n");
    return *good || !settings.require_speed ? 0 : 1;
  }
  if (settings.trial.log_level) settings.trial.jobs = 1;
  auto outcomes = run_trials(records, settings.trial);
  if (!outcomes) return report(outcomes.error());

  Report summary{*classes, *exceptions};
  std::string saved;
  for (std::size_t i = 0; i < records.size(); i++) {
    const Record& record = records[i];
    const Outcome& out = (*outcomes)[i];
    summary.add(record, out);
    bool agree = agrees(record, out);
    saved += fmt::format("{} {}\t{}\t{}\n", record.file, record.prog, agree ? "agrees" : "differs",
                         verdict_word(out));
    if (settings.list)
      fmt::print(
          "{} {}/{}: kernel {} {} | ours {} {}{}\n",
          !record.judged() ? " "
          : agree          ? "="
                           : "!",
          record.file, record.prog, record.verdict, record.reason, verdict_word(out), out.reason,
          out.live_judged() ? fmt::format(" | live {} {}", answer_name(out.live), out.live_reason) : "");
  }
  summary.print(settings.reasons);
  if (settings.slowest) {
    std::vector<const Outcome*> sorted;
    for (const Outcome& out : *outcomes) sorted.push_back(&out);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](auto* a, auto* b) { return a->verify_ns > b->verify_ns; });
    fmt::print("\nslowest:\n");
    for (std::size_t i = 0; i < std::min(settings.slowest, sorted.size()); i++)
      fmt::print("  {:9.2f} ms {:8} insns {:7.1f} MiB {}/{}\n",
                 static_cast<double>(sorted[i]->verify_ns) * 1e-6, sorted[i]->insns,
                 static_cast<double>(sorted[i]->peak_bytes) / (1 << 20), sorted[i]->file, sorted[i]->prog);
  }
  if (!settings.since.empty()) compare_saved(settings, records, *outcomes);
  if (!settings.save.empty())
    if (auto written = base::write_file(settings.save, base::as_bytes(saved)); !written)
      return report(written.error());
  if (settings.require_verifier < 0) return 0;
  auto falls_short = [](const Tally& tally, double percent) {
    bool short_of = tally.unsafe != 0 ||
                    static_cast<double>(tally.agree) * 100 < percent * static_cast<double>(tally.judged);
    if (short_of) fmt::print("\n{}: less than {} % agree, or an accept is unsafe\n", tally.name, percent);
    return short_of;
  };
  bool verifier = falls_short(summary.verifier, settings.require_verifier);
  bool others = falls_short(summary.others, settings.require_others);
  return verifier || others ? 1 : 0;
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::string_view(words[1]) == "--structs") return run_structs(count - 2, words + 2);
  Settings settings;
  if (!parse(count, words, settings)) {
    fmt::print(stderr, "{}", usage_text);
    return 2;
  }
  return run(settings);
}
