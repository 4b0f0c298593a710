// oracle: engines against each other. Random programs from consecutive seeds run on every engine that was
// asked for; who leaves something else behind than the checked interpreter is told, its program is made
// smaller and written as a golden file.
//
// Programs run in a child process: a crash or a hang of an engine is a result like any other.
#include <dirent.h>
#include <fmt/format.h>
#include <getopt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "bare.h"
#include "boundary.h"
#include "compare.h"
#include "generator.h"
#include "golden.h"
#include "pools.h"
#include "shrink.h"
#include "skep/isa/ops.h"
#include "skep/kernel/kernel.h"
#include "sound.h"
#if SKEP_HAVE_JIT
#include "skep/jit/jit.h"
#endif

namespace skep::oracle {
namespace {

constexpr const char* usage =
    "usage: oracle [options]\n"
    "  --programs N      how many (default 1000)\n"
    "  --seed S          of the first one; the others follow (default 1)\n"
    "  --engines LIST    of vm, jit, kernel (default vm)\n"
    "  --mode MODE       valid or wild (default valid)\n"
    "  --sound           what the verifier accepts must run without a fault and inside of its states;\n"
    "                    with --engines kernel also compares the verdicts, --replay takes its golden files\n"
    "  --shrink DIR      writes what disagrees, made smaller, to DIR\n"
    "  --seconds T       ends after that time\n"
    "  --rows            fails if a row of the instruction table was never run\n"
    "  --refusals        prints why the kernel refused, and why wild programs were not compared\n"
    "  --print           prints the case of --seed as a golden file\n"
    "  --replay FILE...  runs golden files instead\n"
    "  --bare PATH...    runs bare programs (files or folders) on every engine instead\n"
    "  --bless           with --replay: writes the results into the files\n";

struct Settings {
  std::uint64_t programs = 1000, seed = 1;
  bool jit = false, kernel = false, wild = false, refusals = false, rows = false, print = false,
       bless = false, bare = false, sound = false;
  double seconds = 0;
  std::string shrink_to;
  std::vector<std::string> files;
};

constexpr unsigned reasons_limit = 200;
struct Reason {
  char text[120];
  std::uint64_t count, seed;  // of the first one
};

// What the child tells the parent, in shared memory.
struct Shared {
  std::atomic<std::uint64_t> seed;  // under way
  char engine[32];
  std::uint64_t programs, compared, disagreed, accepted, refused_by_kernel, refused, faulted, faults_compared,
      endless, chance, instructions;
  std::uint64_t rows[isa::op_count];
  Reason reasons[reasons_limit];
  std::uint64_t bad_seeds[64];
  unsigned bad_count;
};

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Case make_case(const Settings& settings, std::uint64_t seed) {
  GeneratorOptions options;
  options.for_kernel = settings.kernel;
  if (settings.sound) return generate_boundary(seed);
  return settings.wild ? generate_wild(seed, options) : generate(seed, options);
}

// Faults of machine code go back to it; all others end the process as usual.
void on_signal(int number, siginfo_t* info, void* context) {
#if SKEP_HAVE_JIT
  if ((number == SIGSEGV || number == SIGBUS) && jit::recover(info->si_addr, context)) return;
#endif
  (void)info;
  (void)context;
  signal(number, SIG_DFL);
}
void catch_signals() {
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  for (int number : {SIGSEGV, SIGBUS}) sigaction(number, &action, nullptr);
}

// A reason without what differs from program to program.
std::string kind_of(const std::string& reason) {
  std::string kind;
  bool number = false;
  for (char c : reason) {
    bool digit = c >= '0' && c <= '9';
    if (digit && number) continue;
    kind += digit ? 'N' : c;
    number = digit;
  }
  return kind.substr(0, sizeof Reason::text - 1);
}

void count_reason(Shared& shared, const std::string& reason, std::uint64_t seed) {
  std::string kind = kind_of(reason);
  for (Reason& r : shared.reasons) {
    if (r.count == 0) {
      std::memcpy(r.text, kind.c_str(), kind.size() + 1);
      r.seed = seed;
    }
    if (kind != r.text) continue;
    r.count++;
    return;
  }
}

void count(Shared& shared, const Case& c, const Judged& judged, std::uint64_t seed, bool kernel) {
  shared.programs++;
  for (const Code& code : c.programs) {
    shared.instructions += code.size();
    for (const isa::Decoded& d : code) shared.rows[d.op]++;
  }
  shared.faults_compared += judged.fault_compared;
  switch (judged.verdict) {
    case Verdict::agreed:
      shared.compared++;
      if (kernel && !c.wild) (judged.kernel_accepted ? shared.accepted : shared.refused_by_kernel)++;
      if (!judged.kernel_refusal.empty()) count_reason(shared, judged.kernel_refusal, seed);
      return;
    case Verdict::disagreed: break;
    case Verdict::refused:
      shared.refused++;
      if (c.wild) return;
      break;
    case Verdict::faulted:
      shared.faulted++;
      if (c.wild) return;
      break;
    case Verdict::endless:
      shared.endless++;
      if (c.wild) return;
      break;
    case Verdict::chance:
      shared.chance++;
      count_reason(shared, judged.text, seed);
      return;
  }
  shared.disagreed++;
  if (shared.bad_count < std::size(shared.bad_seeds)) shared.bad_seeds[shared.bad_count++] = seed;
  fmt::print("seed {}: {}\n", seed, judged.text);
  fflush(stdout);
}

[[noreturn]] void work(const Settings& settings, Shared& shared, std::uint64_t first, double until) {
  catch_signals();
  auto engines = make_engines(settings.jit, settings.kernel);
  if (!engines) {
    fmt::print(stderr, "oracle: {}\n", engines.error().message);
    _exit(engines.error().code == EPERM || engines.error().code == EOPNOTSUPP ? 77 : 2);
  }
  for (std::uint64_t seed = first; seed < settings.seed + settings.programs; seed++) {
    if (until > 0 && now() > until) break;
    shared.seed.store(seed);
    Case c = make_case(settings, seed);
    Judged judged = judge(*engines, c, {.explain_refusals = settings.refusals});
    count(shared, c, judged, seed, settings.kernel);
  }
  _exit(0);
}

// Asked in a child of its own each time.
class StillWrong final : public Question {
 public:
  // `suspect`: a smaller case must not depend on chance.
  StillWrong(Engines& engines, Verdict verdict, bool suspect)
      : engines_(engines), verdict_(verdict), suspect_(suspect) {}
  bool still(const Case& c) override {
    pid_t child = fork();
    if (child == 0) {
      alarm(5);
      catch_signals();
      Judged judged = judge(engines_, c, {.suspect = suspect_});
      _exit(judged.verdict == verdict_ ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    // A crash is what we look for as well.
    return WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 1);
  }

 private:
  Engines& engines_;
  Verdict verdict_;
  bool suspect_;
};

// What `work` has to say, from a child of its own: it may crash or hang.
template <class Work>
std::string ask_child(unsigned seconds, Work work) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    catch_signals();
    close(ends[0]);
    const std::string text = work();
    [[maybe_unused]] ssize_t written = write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return fmt::format("ended with {}",
                       WTERMSIG(status) == SIGALRM ? "no answer" : strsignal(WTERMSIG(status)));
  return text;
}

// Who disagrees.
std::string describe(Engines& engines, const Case& c) {
  return ask_child(5, [&] { return judge(engines, c).text; });
}

void write_smaller(const Settings& settings, Engines& engines, std::uint64_t seed) {
  Case c = make_case(settings, seed);
  bool suspect = !engines.here->load(c) || engines.here->find_chance(c).empty();
  Verdict verdict = Verdict::agreed;
  for (Verdict v : {Verdict::disagreed, Verdict::faulted, Verdict::endless, Verdict::refused})
    if (verdict == Verdict::agreed && StillWrong(engines, v, suspect).still(c)) verdict = v;
  if (verdict == Verdict::agreed) {
    fmt::print("seed {}: not wrong when it runs again\n", seed);
    return;
  }
  StillWrong question(engines, verdict, suspect);
  Golden golden;
  golden.c = shrink(c, question);
  golden.note = fmt::format("seed {}, {} programs: {}", seed, settings.wild ? "wild" : "valid",
                            describe(engines, golden.c));
  if (engines.here->load(golden.c)) {
    Outcome outcome;
    engines.here->run(golden.c, EngineKind::vm_checked, outcome);
    golden.result = print_result(golden.c, outcome);
  }
  std::string path = fmt::format("{}/{}-{}.txt", settings.shrink_to, settings.wild ? "wild" : "valid", seed);
  std::ofstream(path) << print_golden(golden);
  fmt::print("{}: {}\n", path, golden.note);
}

int replay(const Settings& settings) {
  catch_signals();
  auto engines = make_engines(settings.jit, settings.kernel);
  if (!engines) {
    fmt::print(stderr, "oracle: {}\n", engines.error().message);
    return 77;
  }
  unsigned bad = 0, accepted = 0;
  for (const std::string& path : settings.files) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    auto golden = parse_golden(text.str());
    if (!file || !golden) {
      fmt::print("{}: {}\n", path, file ? golden.error().message : "cannot be read");
      bad++;
      continue;
    }
    Judged judged = judge(*engines, golden->c, {.explain_refusals = true});
    accepted += judged.kernel_accepted;
    bool may_fault = golden->c.wild;
    bool wrong = judged.verdict != Verdict::agreed && !(judged.verdict == Verdict::faulted && may_fault);
    std::string result = print_result(golden->c, judged.checked);
    if (wrong) {
      fmt::print("{}: {}\n", path, judged.text);
    } else if (settings.bless) {
      golden->result = result;
      std::ofstream(path) << print_golden(*golden);
    } else if (result != golden->result) {
      fmt::print("{}: the result is\n{}must be\n{}", path, result, golden->result);
      wrong = true;
    }
    bad += wrong;
  }
  fmt::print("oracle: {} golden files, {} wrong{}\n", settings.files.size(), bad,
             settings.kernel ? fmt::format(", {} accepted by the kernel", accepted) : "");
  return bad ? 1 : 0;
}

// The files themselves, and those of folders, in order of their names.
std::vector<std::string> list_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    DIR* dir = opendir(path.c_str());
    if (!dir) {
      files.push_back(path);
      continue;
    }
    while (const dirent* entry = readdir(dir)) {
      std::string name = entry->d_name;
      if (name.ends_with(".data") || name.ends_with(".txt")) files.push_back(path + "/" + name);
    }
    closedir(dir);
  }
  std::sort(files.begin(), files.end());
  return files;
}

int run_bare_files(const Settings& settings) {
  struct Count {
    std::string_view engine;
    EngineKind kind;
    unsigned good;
  };
  std::vector<Count> counts{{"checked interpreter", EngineKind::vm_checked, 0},
                            {"unchecked interpreter", EngineKind::vm_unchecked, 0}};
  if (settings.jit && have_jit()) counts.push_back({"jit", EngineKind::jit, 0});
  std::optional<kernel::Kernel> kernel;
  if (settings.kernel) kernel.emplace();
  unsigned wrong = 0, programs = 0, in_kernel = 0;
  bool seen[isa::op_count] = {};
  for (const std::string& path : list_files(settings.files)) {
    auto test = parse_bare(path);
    if (!test) {
      fmt::print("{}\n", test.error().message);
      wrong++;
      continue;
    }
    programs++;
    for (isa::OpId id : bare_rows(*test)) seen[id] = true;
    for (Count& count : counts) {
      // A fault that checks alone find is nothing for the others.
      bool asked = count.kind == EngineKind::vm_checked
                       ? !test->native
                       : !test->checked_only && (!test->native || count.kind == EngineKind::jit);
      std::string problem =
          asked ? ask_child(10, [&] { return run_bare(*test, count.kind); }) : std::string();
      if (!problem.empty()) fmt::print("{}: {}: {}\n", test->name, count.engine, problem);
      count.good += problem.empty();
      wrong += !problem.empty();
    }
    bool accepted = false;
    if (kernel && !test->here && test->result != "fault") {
      std::string problem = run_bare_in_kernel(*test, *kernel, &accepted);
      if (accepted && !problem.empty()) {
        fmt::print("{}: kernel: {}\n", test->name, problem);
        wrong++;
      }
    }
    in_kernel += accepted;
  }
  fmt::print("oracle: {} bare programs", programs);
  for (const Count& count : counts) fmt::print(", {} {}", count.engine, count.good);
  if (kernel) fmt::print(", kernel judged {}", in_kernel);
  fmt::print(", {} wrong\n", wrong);
  if (settings.rows)
    for (isa::OpId id = 0; id < isa::op_count; id++)
      if (made(isa::row(id)) == Made::by_golden && !seen[id]) {
        fmt::print("no file has {}\n", isa::row(id).name);
        wrong++;
      }
  return wrong || programs == 0 ? 1 : 0;
}

int report(const Settings& settings, const Shared& shared, double spent) {
  int status = shared.disagreed ? 1 : 0;
  if (settings.refusals) {
    std::vector<Reason> reasons;
    for (const Reason& r : shared.reasons)
      if (r.count) reasons.push_back(r);
    std::sort(reasons.begin(), reasons.end(),
              [](const Reason& a, const Reason& b) { return a.count > b.count; });
    for (const Reason& r : reasons)
      fmt::print("{:8} {}: {} (seed {})\n", r.count, settings.wild ? "not compared" : "refused", r.text,
                 r.seed);
  }
  unsigned rows = 0, wanted = 0;
  for (isa::OpId id = 0; id < isa::op_count; id++) {
    if (made(isa::row(id)) == Made::by_golden) continue;
    wanted++;
    rows += shared.rows[id] != 0;
    if (settings.rows && shared.rows[id] == 0) {
      fmt::print("never generated: {}\n", isa::row(id).name);
      status = 1;
    }
  }
  fmt::print("oracle: {} programs, {} compared, {} disagreements", shared.programs, shared.compared,
             shared.disagreed);
  if (settings.kernel)
    fmt::print(
        ", {} accepted by the kernel ({:.1f}%)", shared.accepted,
        100.0 * static_cast<double>(shared.accepted) /
            static_cast<double>(std::max<std::uint64_t>(1, shared.accepted + shared.refused_by_kernel)));
  fmt::print("\n");
  if (settings.wild)
    fmt::print(
        "        {} faulted ({} compared with machine code), {} refused, {} endless, {} depend on "
        "chance\n",
        shared.faulted, shared.faults_compared, shared.refused, shared.endless, shared.chance);
  fmt::print("        {} instructions, {} of {} rows of the table, {:.1f} s, {:.0f} programs/s\n",
             shared.instructions, rows, wanted, spent, static_cast<double>(shared.programs) / spent);
  return status;
}

int run(const Settings& settings) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  Shared& shared = *static_cast<Shared*>(memory);
  double begin = now(), until = settings.seconds > 0 ? begin + settings.seconds : 0;
  const double patience = settings.kernel ? 100 : 15;  // seconds for one program
  for (std::uint64_t first = settings.seed;;) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) work(settings, shared, first, until);
    int status = 0;
    std::uint64_t seen = shared.seed.load();
    double since = now();
    bool hung = false;
    while (waitpid(child, &status, WNOHANG) == 0) {
      usleep(5000);
      if (std::uint64_t at = shared.seed.load(); at != seen) {
        seen = at;
        since = now();
      } else if (now() - since > patience && !hung) {
        hung = true;
        kill(child, SIGKILL);
      }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
    if (WIFEXITED(status)) break;
    std::uint64_t seed = shared.seed.load();
    fmt::print("seed {}: an engine {}\n", seed,
               hung ? "gave no answer" : fmt::format("ended with {}", strsignal(WTERMSIG(status))));
    shared.programs++;
    shared.disagreed++;
    if (shared.bad_count < std::size(shared.bad_seeds)) shared.bad_seeds[shared.bad_count++] = seed;
    if (shared.disagreed > 200) break;
    if (settings.kernel && !hung && WTERMSIG(status) == SIGKILL) {
      // Only a fault inside of the kernel does this; whoever goes on has others pay for it.
      fmt::print("the kernel had an accident: see its log. Stopped.\n");
      break;
    }
    first = seed + 1;
  }
  double spent = now() - begin;
  if (!settings.shrink_to.empty() && shared.bad_count) {
    if (auto engines = make_engines(settings.jit, settings.kernel))
      for (unsigned i = 0; i < std::min(shared.bad_count, 20U); i++)
        write_smaller(settings, *engines, shared.bad_seeds[i]);
  }
  return report(settings, shared, spent);
}

bool parse_engines(std::string_view list, Settings& settings) {
  while (!list.empty()) {
    std::size_t end = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (name == "jit")
      settings.jit = true;
    else if (name == "kernel")
      settings.kernel = true;
    else if (name != "vm")
      return false;
  }
  return true;
}

int start(int argc, char** argv) {
  enum : int {
    programs = 256,
    seed,
    engines,
    mode,
    shrink_to,
    seconds,
    rows,
    refusals,
    print,
    replay_files,
    bless,
    bare,
    sound
  };
  const option options[] = {{"programs", 1, nullptr, programs}, {"seed", 1, nullptr, seed},
                            {"engines", 1, nullptr, engines},   {"mode", 1, nullptr, mode},
                            {"shrink", 1, nullptr, shrink_to},  {"seconds", 1, nullptr, seconds},
                            {"rows", 0, nullptr, rows},         {"refusals", 0, nullptr, refusals},
                            {"print", 0, nullptr, print},       {"replay", 0, nullptr, replay_files},
                            {"bless", 0, nullptr, bless},       {"bare", 0, nullptr, bare},
                            {"sound", 0, nullptr, sound},       {}};
  Settings settings;
  bool good = true, replaying = false;
  for (int got; (got = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    std::string_view value = optarg ? optarg : "";
    switch (got) {
      case programs: settings.programs = std::strtoull(optarg, nullptr, 0); break;
      case seed: settings.seed = std::strtoull(optarg, nullptr, 0); break;
      case engines: good &= parse_engines(value, settings); break;
      case mode:
        good &= value == "valid" || value == "wild";
        settings.wild = value == "wild";
        break;
      case shrink_to: settings.shrink_to = value; break;
      case seconds: settings.seconds = std::strtod(optarg, nullptr); break;
      case rows: settings.rows = true; break;
      case refusals: settings.refusals = true; break;
      case print: settings.print = true; break;
      case replay_files: replaying = true; break;
      case bless: settings.bless = true; break;
      case bare: settings.bare = true; break;
      case sound: settings.sound = true; break;
      default: good = false; break;
    }
  }
  for (int i = optind; i < argc; i++) settings.files.emplace_back(argv[i]);
  if (!good || (replaying || settings.bare) != !settings.files.empty()) {
    fmt::print(stderr, "{}", usage);
    return 2;
  }
  if (settings.print) {
    Golden golden;
    golden.c = make_case(settings, settings.seed);
    golden.note = fmt::format("seed {}", settings.seed);
    fmt::print("{}", print_golden(golden));
    return 0;
  }
  if (settings.sound && replaying) return replay_sound(settings.files, settings.bless);
  if (settings.sound)
    return run_sound({.programs = settings.programs,
                      .seed = settings.seed,
                      .seconds = settings.seconds,
                      .kernel = settings.kernel,
                      .refusals = settings.refusals,
                      .shrink_to = settings.shrink_to});
  if (settings.bare) return run_bare_files(settings);
  return replaying ? replay(settings) : run(settings);
}

}  // namespace
}  // namespace skep::oracle

int main(int argc, char** argv) { return skep::oracle::start(argc, argv); }
