// Tables and targets.
#include "bench/jit/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "skep/base/json.h"

namespace skep::bench {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string number(double value, int digits) {
  return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}

// Instructions per second, in thousand millions.
double speed(const Row& row, EngineId engine) {
  return static_cast<double>(row.traits.executed) / row.times.of(engine);
}

std::string_view kind(const Traits& traits) { return traits.calls ? "calls" : "arithmetic"; }

template <class Wanted>
std::vector<double> ratios(const std::vector<Row>& rows, EngineId engine, EngineId to, Wanted wanted) {
  std::vector<double> out;
  for (const Row& row : rows)
    if (wanted(row.traits)) {
      double ratio = row.times.ratio(engine, to);
      if (!std::isnan(ratio)) out.push_back(ratio);
    }
  return out;
}

double of_row(const std::vector<Row>& rows, std::string_view name, EngineId engine) {
  for (const Row& row : rows)
    if (row.name == name) return speed(row, engine);
  return nan;
}

}  // namespace

std::vector<Target> judge(const std::vector<Row>& rows, double insns_per_second) {
  auto all = [](const Traits&) { return true; };
  auto helper_free = [](const Traits& t) { return !t.calls_helpers; };
  auto arithmetic = [](const Traits& t) { return !t.calls; };
  auto calls = [](const Traits& t) { return t.calls; };
  auto mean = [&](EngineId engine, EngineId to, auto wanted) {
    return geometric_mean(ratios(rows, engine, to, wanted));
  };
  std::vector<double> to_kernel = ratios(rows, EngineId::jit, EngineId::kernel, all);
  return {
      {"jit / kernel, arithmetic, geometric mean", mean(EngineId::jit, EngineId::kernel, arithmetic), 1.0,
       false},
      {"jit / kernel, calls, helpers, callbacks, maps, geometric mean",
       mean(EngineId::jit, EngineId::kernel, calls), 0.5, false},
      {"jit / kernel, the worst", to_kernel.empty() ? nan : *std::ranges::max_element(to_kernel), 1.1, false},
      {"jit / gcc, helper-free, geometric mean", mean(EngineId::jit, EngineId::native, helper_free), 1.25,
       false},
      {"jit, 10^6 insns/s compiled", insns_per_second / 1e6, 5, true},
      {"checked interpreter / gcc, helper-free, geometric mean",
       mean(EngineId::checked, EngineId::native, helper_free), 20, false},
      {"checked interpreter, 10^9 insns/s, xorshift", of_row(rows, "xorshift", EngineId::checked), 0.2, true},
      {"unchecked interpreter, 10^9 insns/s, xorshift", of_row(rows, "xorshift", EngineId::unchecked), 0.35,
       true},
  };
}

std::string print_text(const Report& report) {
  std::string out;
  for (const auto& [what, value] : report.machine) out += fmt::format("{:<24} {}\n", what, value);
  out += fmt::format("{:<24} {} ns, subtracted from the kernel's column\n\n", "kernel, no work",
                     number(report.nothing_ns, 1));
  constexpr const char* head = "{:<17}{:<11}{:>8}{:>10}{:>10}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}\n";
  out += fmt::format(head, "ns per run", "", "insns", "checked", "unchecked", "jit", "kernel", "gcc",
                     "jit/kern", "jit/gcc", "chk/gcc", "chk G/s", "unc G/s");
  for (const Row& row : report.rows) {
    const Times& t = row.times;
    out += fmt::format(head, row.name, kind(row.traits), row.traits.executed,
                       number(t.of(EngineId::checked), 0), number(t.of(EngineId::unchecked), 0),
                       number(t.of(EngineId::jit), 0), number(t.of(EngineId::kernel), 0),
                       number(t.of(EngineId::native), 0), number(t.ratio(EngineId::jit, EngineId::kernel), 2),
                       number(t.ratio(EngineId::jit, EngineId::native), 2),
                       number(t.ratio(EngineId::checked, EngineId::native), 1),
                       number(speed(row, EngineId::checked), 2), number(speed(row, EngineId::unchecked), 2));
  }
  out +=
      fmt::format("\n{:<40}{:>8}{:>14}{:>14}\n", "bytes of code per instruction", "slots", "jit", "kernel");
  for (const CodeSize& size : report.sizes)
    out += fmt::format("{:<40}{:>8}{:>14}{:>14}\n", size.program, size.slots,
                       number(static_cast<double>(size.jit) / size.slots, 2),
                       number(size.kernel ? static_cast<double>(size.kernel) / size.slots : nan, 2));
  out += fmt::format("\ncancellable / jit: geometric mean {}\n\n",
                     number(geometric_mean(ratios(report.rows, EngineId::cancellable, EngineId::jit,
                                                  [](const Traits&) { return true; })),
                            3));
  for (const Target& target : report.targets)
    out += fmt::format("{:<6} {:<64}{:>8}  ({} {})\n", target.met() ? "ok" : "MISSED", target.what,
                       number(target.value, 3), target.at_least ? "at least" : "at most", target.limit);
  return out;
}

std::string print_json(const Report& report) {
  base::JsonWriter json(true);
  json.object();
  json.key("machine");
  json.object();
  for (const auto& [what, value] : report.machine) json.member(what, value);
  json.member("kernel_nothing_ns", report.nothing_ns);
  json.end();
  json.key("programs");
  json.array();
  for (const Row& row : report.rows) {
    json.object();
    json.member("name", row.name);
    json.member("kind", kind(row.traits));
    json.member("helper_free", !row.traits.calls_helpers);
    json.member("insns", row.traits.insns);
    json.member("executed", row.traits.executed);
    json.member("code_bytes", static_cast<std::uint64_t>(row.traits.code_bytes));
    json.member("kernel_code_bytes", row.traits.kernel_code_bytes);
    json.key("ns");
    json.object();
    for (std::size_t i = 0; i < engine_count; i++) json.member(engine_names[i], row.times.ns[i]);
    json.end();
    json.key("least_ns");
    json.object();
    for (std::size_t i = 0; i < engine_count; i++) {
      const auto& rounds = row.times.rounds[i];
      json.member(engine_names[i], rounds.empty() ? nan : *std::ranges::min_element(rounds));
    }
    json.end();
    json.end();
  }
  json.end();
  json.key("code_sizes");
  json.array();
  for (const CodeSize& size : report.sizes) {
    json.object();
    json.member("program", size.program);
    json.member("slots", size.slots);
    json.member("jit_bytes", static_cast<std::uint64_t>(size.jit));
    json.member("kernel_bytes", size.kernel);
    json.end();
  }
  json.end();
  json.key("targets");
  json.array();
  for (const Target& target : report.targets) {
    json.object();
    json.member("what", target.what);
    json.member("value", target.value);
    json.member(target.at_least ? "at_least" : "at_most", target.limit);
    json.member("met", target.met());
    json.end();
  }
  json.end();
  json.end();
  return json.take() + "\n";
}

}  // namespace skep::bench
