#include "sound.h"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "boundary.h"
#include "contain.h"
#include "golden.h"
#include "shrink.h"
#include "skep/isa/decode.h"
#include "skep/vm/state.h"

namespace skep::oracle {
namespace {

constexpr std::uint64_t insn_limit = 40'000;
constexpr unsigned sampled_percent = 60;

// The program as verify() takes it.
struct Loaded {
  std::vector<isa::Insn> insns;
  std::vector<verify::FuncInfo> functions;
  verify::Model model;
};

std::string fault_text(const Outcome& out) { return fmt::format("fault: {}", out.message); }

// Holds each moment of a run against the states.
class Containment final : public Watch {
 public:
  const Recorder* recorder = nullptr;
  const verify::Verdict* verdict = nullptr;
  std::uint64_t checked = 0;
  std::string wrong;

  bool on_insn(const image::Image& image, std::uint32_t inst, const vm::Registers& registers,
               const vm::State& state, const image::RunContext& ctx) override {
    const isa::Slot slot = image.slot_of[inst];
    if (!verdict->facts[slot].reachable) return stop(slot, "the verifier found it to be dead code");
    if (recorder == nullptr) return true;
    Concrete now;
    now.registers = registers.r;
    now.depth = state.depth;
    for (unsigned i = 0; i <= state.depth; i++) {
      now.frame_pointers[i] = state.frame_pointer(i);
      now.saved[i] = state.frames[i].saved;
    }
    now.context = reinterpret_cast<std::uint64_t>(ctx.context);
    now.packet_meta = reinterpret_cast<std::uint64_t>(ctx.packet.meta);
    now.packet = reinterpret_cast<std::uint64_t>(ctx.packet.data);
    now.packet_end = reinterpret_cast<std::uint64_t>(ctx.packet.data_end);
    now.regions = ctx.regions->all();
    now.poison = vm::poison;
    std::string why;
    switch (recorder->check(slot, now, why)) {
      case Recorder::Finding::unchecked: return true;
      case Recorder::Finding::inside: checked++; return true;
      case Recorder::Finding::outside: return stop(slot, why);
    }
    return true;
  }
  void on_branch(const image::Image& image, std::uint32_t inst, bool taken) override {
    const isa::Slot slot = image.slot_of[inst];
    const unsigned dead = verdict->facts[slot].dead_branch;
    if (wrong.empty() && dead == (taken ? 1u : 2u))
      wrong = fmt::format("slot {}: the branch was said to be {} taken", slot, taken ? "never" : "always");
  }

 private:
  bool stop(isa::Slot slot, std::string_view why) {
    if (wrong.empty()) wrong = fmt::format("slot {}: {}", slot, why);
    return false;
  }
};

}  // namespace

struct SoundJudge::Body {
  std::unique_ptr<InProcess> engine;
  Buffer type_bytes;
  std::unique_ptr<btf::Btf> types;
  Recorder recorder;
  Outcome out;

  Result<void> load(const Case& c, Loaded& loaded) {
    for (const isa::Decoded& d : c.programs[0]) {
      isa::Encoded encoded = TRY(isa::encode(d));
      loaded.insns.insert(loaded.insns.end(), encoded.insns, encoded.insns + encoded.slots);
    }
    verify::Model& model = loaded.model;
    for (const MapRow& row : map_rows) {
      verify::MapModel map;
      map.name = row.name;
      map.type = row.type;
      map.key_size = row.key_size;
      map.value_size = row.value_size;
      map.max_entries = row.max_entries;
      model.maps.push_back(std::move(map));
    }
    model.prog.name = "p0";
    model.prog.type = c.type;
    model.prog.gpl = true;
    model.prog.insns = loaded.insns;
    const std::vector<std::uint32_t> slots = function_slots(c.programs[0]);
    if (slots.size() > 1) {
      for (std::uint32_t slot : slots)
        loaded.functions.push_back({slot, slot == 0 ? global_function : static_function});
      model.prog.btf = types.get();
      model.prog.funcs = loaded.functions;
    }
    model.kernel = judge_of(c.seed);
    return {};
  }
};

SoundJudge::SoundJudge(std::unique_ptr<Body> body) : body_(std::move(body)) {}
SoundJudge::~SoundJudge() = default;

Result<std::unique_ptr<SoundJudge>> SoundJudge::create() {
  auto body = std::make_unique<Body>();
  body->engine = TRY(InProcess::create());
  body->type_bytes = function_types();
  body->types = std::make_unique<btf::Btf>(TRY(btf::Btf::parse(body->type_bytes)));
  return std::unique_ptr<SoundJudge>(new SoundJudge(std::move(body)));
}

Sound SoundJudge::judge(Case& c, unsigned runs) {
  Body& b = *body_;
  Sound sound;
  Loaded loaded;
  if (c.programs.size() != 1 || !b.load(c, loaded)) {
    sound.verdict.reason = "it cannot be encoded";
    return sound;
  }
  verify::Options options;
  options.log_level = 0;
  options.insn_limit = insn_limit;
  sound.verdict = verify::verify(loaded.model, options);
  if (!sound.verdict.accepted) return sound;

  // Again, with all states and hardly any pruning. That is no second opinion on the verdict: on the paths
  // that pruning spares, numbers may be linked to more registers than a branch can tell of, or contradict
  // themselves.
  b.recorder.begin(loaded.insns.size(), sampled_percent, c.seed);
  options.observer = &b.recorder;
  const verify::Verdict recorded = verify::verify(loaded.model, options);
  sound.recorded = recorded.accepted;
  if (!recorded.accepted && recorded.code != E2BIG && recorded.code != ENOMEM)
    sound.refused_unpruned = recorded.reason;
  if (Result<void> done = b.engine->load(c); !done) {
    sound.wrong = fmt::format("the loader refuses it: {}", done.error().message);
    return sound;
  }
  Containment watch;
  watch.verdict = &sound.verdict;
  if (sound.recorded) watch.recorder = &b.recorder;
  for (unsigned run = 0; run < runs && sound.wrong.empty(); run++) {
    if (run != 0) refill(c, c.seed + (std::uint64_t{run} << 48));
    b.engine->run_watched(c, watch, b.out);
    sound.wrong = watch.wrong;
    sound.endless |= b.out.out_of_budget;
    if (sound.wrong.empty() && b.out.end != End::exited && !b.out.out_of_budget)
      sound.wrong = fault_text(b.out);
  }
  sound.checked = watch.checked;
  return sound;
}

namespace {

// What went wrong, without what differs from program to program.
enum class Sort : std::uint8_t { nothing, fault, outside, other };
Sort sort_of(const Sound& sound) {
  if (sound.wrong.empty()) return Sort::nothing;
  if (sound.wrong.starts_with("fault")) return Sort::fault;
  return sound.wrong.starts_with("slot") ? Sort::outside : Sort::other;
}

class StillUnsound final : public Question {
 public:
  StillUnsound(SoundJudge& judge, Sort sort) : judge_(judge), sort_(sort) {}
  bool still(const Case& c) override {
    Case copy = c;
    return sort_of(judge_.judge(copy, 1)) == sort_;
  }

 private:
  SoundJudge& judge_;
  Sort sort_;
};

std::string verdict_text(const Sound& sound) {
  if (sound.verdict.accepted) return "accepted\n";
  return fmt::format("refused at slot {}: {}\n", sound.verdict.insn, sound.verdict.reason);
}

std::string kind_of(std::string_view reason) {
  std::string kind;
  for (const char c : reason) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit || kind.empty() || kind.back() != 'N') kind += digit ? 'N' : c;
  }
  return kind;
}

double seconds_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

using Reasons = std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>;  // how often, first seed
void count_reason(Reasons& reasons, std::string_view reason, std::uint64_t seed) {
  auto& [times, first] = reasons[kind_of(reason)];
  if (times++ == 0) first = seed;
}
void print_reasons(const Reasons& reasons, std::string_view who) {
  std::vector<std::pair<std::string, std::pair<std::uint64_t, std::uint64_t>>> sorted(reasons.begin(),
                                                                                      reasons.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
  for (const auto& [reason, times] : sorted)
    fmt::print("{:8} {}: {} (seed {})\n", times.first, who, reason, times.second);
}

char under_way[40] = "seed ?\n";
void say_seed(int number) {
  [[maybe_unused]] ssize_t written = write(2, under_way, sizeof under_way);
  signal(number, SIG_DFL);
  raise(number);
}

void write_case(SoundJudge& judge, const SoundSettings& settings, const Case& c, Sort sort) {
  StillUnsound question(judge, sort);
  Golden golden;
  golden.c = question.still(c) ? shrink(c, question) : c;
  Case copy = golden.c;
  const Sound sound = judge.judge(copy, 1);
  golden.note = fmt::format("seed {}: {}", c.seed, sound.wrong);
  golden.result = verdict_text(sound);
  const std::string path = fmt::format("{}/sound-{}.txt", settings.shrink_to, c.seed);
  std::ofstream(path) << print_golden(golden);
  fmt::print("{}\n", path);
}

}  // namespace

int run_sound(const SoundSettings& settings) {
  auto made = SoundJudge::create();
  std::unique_ptr<KernelEngine> kernel;
  if (settings.kernel) {
    auto got = KernelEngine::create();
    if (!got) {
      fmt::print(stderr, "oracle: {}\n", got.error().message);
      return 77;
    }
    kernel = std::move(*got);
  }
  if (!made) {
    fmt::print(stderr, "oracle: {}\n", made.error().message);
    return 2;
  }
  SoundJudge& judge = **made;
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) signal(number, say_seed);
  const double begin = seconds_now();
  std::uint64_t programs = 0, accepted = 0, recorded = 0, runs = 0, endless = 0, checked = 0, insns = 0;
  std::uint64_t faults = 0, outside = 0, others = 0, kernel_accepted = 0, kernel_judged = 0;
  std::uint64_t refused_unpruned = 0;
  Reasons ours, ours_alone, kernels, unpruned;
  for (std::uint64_t seed = settings.seed; seed < settings.seed + settings.programs; seed++) {
    if (settings.seconds > 0 && seconds_now() - begin > settings.seconds) break;
    *fmt::format_to_n(under_way, sizeof under_way - 2, "seed {}\n", seed).out = '\0';
    Case c = generate_boundary(seed);
    if (c.programs.empty()) continue;
    programs++;
    insns += c.programs[0].size();
    const Sound sound = judge.judge(c, settings.runs);
    // Only the rules of the kernel that runs can be held against it.
    if (kernel && judge_of(seed) == uapi::since(6, 18)) {
      std::string reason;
      const bool taken = kernel->load(c, &reason);
      kernel_judged++;
      kernel_accepted += taken;
      if (sound.verdict.accepted && !taken) count_reason(kernels, reason, seed);
      if (!sound.verdict.accepted && taken) count_reason(ours_alone, sound.verdict.reason, seed);
    }
    if (!sound.verdict.accepted) {
      count_reason(ours, sound.verdict.reason, seed);
      continue;
    }
    accepted++;
    recorded += sound.recorded;
    if (!sound.refused_unpruned.empty()) {
      refused_unpruned++;
      count_reason(unpruned, sound.refused_unpruned, seed);
    }
    runs += settings.runs;
    endless += sound.endless;
    checked += sound.checked;
    const Sort sort = sort_of(sound);
    if (sort == Sort::nothing) continue;
    (sort == Sort::fault ? faults : sort == Sort::outside ? outside : others)++;
    fmt::print("seed {}: {}\n", seed, sound.wrong);
    fflush(stdout);
    if (!settings.shrink_to.empty() && faults + outside + others <= 20) write_case(judge, settings, c, sort);
  }
  const double spent = seconds_now() - begin;
  if (settings.refusals) print_reasons(ours, "refused");
  if (settings.refusals) print_reasons(unpruned, "accepted, refused when nothing is pruned");
  print_reasons(ours_alone, "refused, the kernel accepts");
  print_reasons(kernels, "accepted, the kernel refuses");
  auto percent = [](std::uint64_t part, std::uint64_t of) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(1, of));
  };
  fmt::print("oracle: {} programs, {} accepted ({:.1f}%), {} runs, {} faults\n", programs, accepted,
             percent(accepted, programs), runs, faults);
  fmt::print(
      "        states of {} ({:.1f}% of the accepted): {} moments checked, {} outside; {} other findings\n",
      recorded, percent(recorded, accepted), checked, outside, others);
  fmt::print("        {} of the accepted are refused when nothing is pruned: they ran without states\n",
             refused_unpruned);
  if (kernel)
    fmt::print("        the kernel accepted {} of {} ({:.1f}%)\n", kernel_accepted, kernel_judged,
               percent(kernel_accepted, kernel_judged));
  fmt::print("        {} instructions, {} runs out of budget, {:.1f} s, {:.0f} programs/s\n", insns, endless,
             spent, static_cast<double>(programs) / spent);
  return faults + outside + others != 0 || accepted == 0 ? 1 : 0;
}

int replay_sound(const std::vector<std::string>& files, bool bless) {
  auto judge = SoundJudge::create();
  if (!judge) return 2;
  unsigned wrong = 0;
  for (const std::string& path : files) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    auto golden = parse_golden(text.str());
    if (!file || !golden) {
      fmt::print("{}: {}\n", path, file ? golden.error().message : "cannot be read");
      wrong++;
      continue;
    }
    Case c = golden->c;
    const Sound sound = (*judge)->judge(c, 1);
    const std::string verdict = verdict_text(sound);
    if (!sound.wrong.empty()) {
      fmt::print("{}: {}\n", path, sound.wrong);
      wrong++;
    } else if (bless) {
      golden->result = verdict;
      std::ofstream(path) << print_golden(*golden);
    } else if (verdict != golden->result) {
      fmt::print("{}: the verdict is\n{}must be\n{}", path, verdict, golden->result);
      wrong++;
    }
  }
  fmt::print("oracle: {} files, {} wrong\n", files.size(), wrong);
  return wrong != 0 ? 1 : 0;
}

}  // namespace skep::oracle
