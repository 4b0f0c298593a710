// skep verify: the kernel's verdict on each program of an object, without a kernel.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "cli/commands.h"
#include "cli/compile.h"
#include "cli/explain_text.h"
#include "cli/judge.h"
#include "cli/text.h"
#include "cli/verify_log.h"
#include "cli/verify_matrix.h"
#include "skep/base/diagnostics.h"
#include "skep/base/json.h"
#include "skep/object/parse.h"

namespace skep::cli {

namespace {

struct VerifyCommand {
  std::string source;
  std::vector<std::string> programs;
  std::vector<Kernel> kernels;
  std::vector<std::string> btf;
  std::uint32_t log_level = 0;
  std::uint64_t budget = 0;  // 0: none
  bool cost = false, unprivileged = false, json = false, strict = false;
};

Result<VerifyCommand> read_options(const Arguments& arguments) {
  VerifyCommand out;
  out.source = arguments.positional[0];
  out.programs = arguments.all("prog");
  for (const std::string& list : arguments.all("kernel"))
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t comma = std::min(list.find(',', at), list.size());
      out.kernels.push_back(TRY(read_kernel(std::string_view(list).substr(at, comma - at))));
      at = comma + 1;
    }
  if (out.kernels.empty()) out.kernels.push_back(newest_kernel());
  out.btf = arguments.all("btf");
  if (const std::string* level = arguments.find("log"))
    out.log_level = static_cast<std::uint32_t>(TRY(parse_number("log", *level, 1, 7)));
  if (const std::string* n = arguments.find("budget"))
    out.budget = TRY(parse_number("budget", *n, 1, 1'000'000));
  out.cost = arguments.has("cost");
  out.unprivileged = arguments.has("unprivileged");
  out.json = arguments.has("json");
  out.strict = arguments.has("strict");
  if (out.kernels.size() > 1)
    for (std::string_view name : {"log", "cost", "budget"})
      if (arguments.has(name)) return fail(EINVAL, "--{} is of one version: give one --kernel", name);
  return out;
}

// --- Cost: where the instructions went ---

struct Cost {
  Place place;
  std::uint64_t processed = 0;
};

std::vector<Cost> costs(const runtime::Judged& judged) {
  std::map<Place, std::uint64_t> sums;
  for (isa::Slot slot = 0; slot < judged.verdict.facts.size(); slot++)
    if (std::uint32_t count = judged.verdict.facts[slot].processed) {
      Place place = place_of(judged, slot);
      place.column = 0;
      sums[place] += count;
    }
  std::vector<Cost> out;
  for (auto& [place, processed] : sums) out.push_back({place, processed});
  std::stable_sort(out.begin(), out.end(),
                   [](const Cost& a, const Cost& b) { return a.processed > b.processed; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text;
}

void print_cost(const Judgement& found) {
  constexpr std::size_t rows = 20;
  const verify::Stats& stats = found.verdict().stats;
  say("  states: {} kept, {} at most for one instruction; {} KiB at the peak\n", grouped(stats.total_states),
      stats.max_states_per_insn, grouped((stats.peak_memory_bytes + 1023) / 1024));
  std::vector<Cost> lines = costs(found.judged);
  Table table({"instructions", "share", "function", "line", "source"});
  for (std::size_t i = 0; i < std::min(rows, lines.size()); i++) {
    const Cost& cost = lines[i];
    double share = stats.insns_processed ? 100.0 * static_cast<double>(cost.processed) /
                                               static_cast<double>(stats.insns_processed)
                                         : 0;
    table.row({grouped(cost.processed), fmt::format("{:.1f} %", share), printable(cost.place.function),
               cost.place.line ? fmt::format("{}", cost.place.line) : "?",
               printable(trimmed(cost.place.text))});
  }
  say("{}", table.print());
  if (lines.size() > rows) say("  ... {} more lines\n", lines.size() - rows);
}

// --- Output ---

void print_place(const Judgement& found) {
  const runtime::Judged& judged = found.judged;
  if (!judged.model) return;
  Place place = place_of(judged, found.verdict().insn);
  std::string insn = instruction_text(judged, found.verdict().insn);
  if (place.line) {
    base::Diagnostic diagnostic;
    diagnostic.severity = found.decision == Decision::rejected ? base::Severity::error : base::Severity::note;
    diagnostic.where = {place.file, place.line, place.column, 1};
    diagnostic.message = found.reason;
    diagnostic.source_line = place.text;
    say("{}", printable(base::print(diagnostic)));
  }
  if (!insn.empty())
    say("  at instruction {}{}: {}\n", found.verdict().insn,
        place.function.empty() ? "" : fmt::format(" of {}", printable(place.function)), printable(insn));
}

// The rejection explained, from the log of its path. Verified again if that was not asked for.
verify::Explanation explanation(const Judgement& found) {
  const verify::Model& model = found.judged.model->model;
  const verify::Verdict* verdict = &found.verdict();
  verify::Verdict again;
  if (verdict->log.empty()) {
    again = verify::verify(model, {.log_level = verify::log_level::reasons});
    verdict = &again;
  }
  return verify::explain(verify::parse_log(verdict->log), program_text(model.prog, *verdict));
}

void print_text(const Judgement& found, const VerifyCommand& command) {
  const verify::Stats& stats = found.verdict().stats;
  std::string name = fmt::format("{} ({})", printable(found.program->name), type_name(*found.program));
  switch (found.decision) {
    case Decision::accepted:
      say("{}: accepted, {} instructions processed\n", name, grouped(stats.insns_processed));
      break;
    case Decision::rejected:
      say("{}: rejected ({}){}\n", name, base::errno_name(found.code),
          found.judged.model ? "" : ": " + printable(found.reason));
      break;
    case Decision::undecided: say("{}: undecided: {}\n", name, printable(found.reason)); break;
    case Decision::not_loaded: say("{}: not loaded: {}\n", name, printable(found.reason)); break;
  }
  if (found.decision == Decision::rejected && found.judged.model)
    say("{}", explain_text(explanation(found)));
  else if (found.decision == Decision::undecided)
    print_place(found);
  if (command.log_level) say("{}", printable(found.verdict().log));
  if (command.cost && found.judged.model) print_cost(found);
  if (command.budget && stats.insns_processed > command.budget)
    say("{}: {} instructions processed, the budget is {}\n", name, grouped(stats.insns_processed),
        grouped(command.budget));
}

void put_json(base::JsonWriter& json, const Judgement& found, const VerifyCommand& command) {
  const verify::Verdict& verdict = found.verdict();
  json.object();
  json.member("name", found.program->name);
  json.member("section", found.program->section);
  json.member("type", type_name(*found.program));
  json.member("verdict", decision_name(found.decision));
  if (found.decision != Decision::accepted) {
    json.member("errno", found.code);
    json.member("reason", found.reason);
  }
  if (found.judged.model) {
    if (found.decision != Decision::accepted) {
      json.key("at");
      json.object();
      json.member("insn", verdict.insn);
      json.member("text", instruction_text(found.judged, verdict.insn));
      put_place(json, place_of(found.judged, verdict.insn));
      json.end();
    }
    if (found.decision == Decision::rejected) {
      json.key("explanation");
      json.object();
      put_explanation(json, explanation(found));
      json.end();
    }
    json.member("insns_processed", verdict.stats.insns_processed);
    json.member("total_states", verdict.stats.total_states);
    json.member("peak_memory_bytes", verdict.stats.peak_memory_bytes);
    json.member("stack_depth", verdict.stats.total_stack_depth);
  }
  if (command.log_level) json.member("log", verdict.log);
  if (command.cost && found.judged.model) {
    json.key("cost");
    json.array();
    for (const Cost& cost : costs(found.judged)) {
      json.object();
      json.member("insns_processed", cost.processed);
      put_place(json, cost.place);
      json.end();
    }
    json.end();
  }
  json.end();
}

Result<int> verify_object(const VerifyCommand& command) {
  Buffer bytes = TRY(read_object(command.source));
  object::OpenOptions open;
  open.name = object_name(command.source);
  open.strict = command.strict;
  Diagnostics warnings;
  Result<object::ObjectSpec> spec = object::parse(bytes, open, warnings);
  say(stderr, "{}", printable(warnings.print()));
  if (!spec) return Failure(std::move(spec).error().in(command.source));
  std::vector<const object::ProgramSpec*> programs;
  for (const object::ProgramSpec& program : spec->programs)
    if (command.programs.empty() ||
        std::find(command.programs.begin(), command.programs.end(), program.name) != command.programs.end())
      programs.push_back(&program);
  for (const std::string& name : command.programs)
    if (!spec->find_program(name)) return fail(ENOENT, "{}: has no program '{}'", command.source, name);
  if (programs.empty()) return fail(ENOENT, "{}: has no programs", command.source);
  if (command.kernels.size() > 1)
    return print_matrix(
        {command.source, *spec, programs, command.kernels, command.btf, command.unprivileged, command.json});
  const Kernel& kernel = command.kernels[0];
  Side side;
  const std::string types = TRY(btf_for(command.btf, kernel));
  TRY(read_side(types, *spec, side));
  if (!side.btf) say(stderr, "note: no kernel BTF at {}; name one with --btf\n", host_btf);
  if (!kernel.judged) say(stderr, "note: {} is {}\n", kernel.name, not_judged);

  JudgeOptions how{kernel.version, command.unprivileged, command.log_level};
  base::JsonWriter json(true);
  json.object();
  json.member("object", command.source);
  json.member("kernel", kernel.name);
  json.member("judged", kernel.judged);
  json.key("programs");
  json.array();
  bool all_well = true;
  for (const object::ProgramSpec* program : programs) {
    Judgement found = judge(*spec, *program, how, side);
    all_well = all_well && found.decision == Decision::accepted &&
               (!command.budget || found.verdict().stats.insns_processed <= command.budget);
    if (command.json)
      put_json(json, found, command);
    else
      print_text(found, command);
  }
  json.end();
  json.end();
  if (command.json) say("{}", json.take());
  return all_well ? Exit::ok : Exit::failed;
}

// "--log 6" is a level, any other word a file.
bool is_level(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == word.npos;
}

int run_log(const Arguments& arguments, const std::string& file) {
  for (const char* other : {"kernel", "unprivileged", "cost", "budget"})
    if (arguments.has(other)) {
      report({EINVAL, fmt::format("--{} does not go with --log FILE", other)});
      return Exit::usage;
    }
  LogCommand command{.file = file, .json = arguments.has("json"), .strict = arguments.has("strict")};
  if (const std::string* object = arguments.find("object"))
    command.object = *object;
  else if (!arguments.positional.empty())
    command.object = arguments.positional[0];
  if (const std::string* program = arguments.find("prog")) command.program = *program;
  if (const std::string* btf = arguments.find("btf")) command.btf = *btf;
  Result<int> result = explain_log_file(command);
  if (!result) return report(result.error());
  return *result;
}

}  // namespace

int run_verify(const Arguments& arguments) {
  if (const std::string* log = arguments.find("log"); log && !is_level(*log)) return run_log(arguments, *log);
  if (arguments.positional.empty() || arguments.has("object")) {
    report({EINVAL, arguments.positional.empty() ? "names no object; 'skep help verify' shows the options"
                                                 : "--object goes with --log FILE"});
    return Exit::usage;
  }
  Result<VerifyCommand> command = read_options(arguments);
  if (!command) {
    report(command.error());
    return Exit::usage;
  }
  Result<int> result = verify_object(*command);
  if (!result) return report(result.error());
  return *result;
}

}  // namespace skep::cli
