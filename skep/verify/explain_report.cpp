// What the kernel's own report (Linux 7.3 and later) adds to an explanation: where ours knows the reason, the
// place and the path that it may lack; else the whole of it.
#include <algorithm>
#include <utility>

#include "skep/verify/explain.h"
#include "skep/verify/rules.h"

namespace skep::verify {

namespace {

// The report's problems as categories of ours.
struct ProblemRow {
  std::string_view problem, category;
};
constexpr ProblemRow problems[] = {
    {"Unreadable register", "uninitialised-read"},
    {"Missing stack argument", "uninitialised-read"},
    {"Invalid dereference", "not-a-pointer"},
    {"Invalid call argument", "wrong-argument-type"},
    {"Access outside bounds", "memory-out-of-bounds"},
    {"Unreleased resource", "leaked-reference"},
    {"Operation is not allowed in this context", "sleeping"},
    {"Required context is not active", "lock-misuse"},
    {"Unmatched context exit", "lock-misuse"},
};

std::string without_full_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

Cause cause_of(const ReportEvent& event) {
  Cause out;
  out.slot = event.slot.value_or(0);
  out.place = event.place;
  out.insn = event.insn;
  out.sentence = event.label.empty() || event.text.starts_with(event.label) ? event.text
                                                                            : event.label + ": " + event.text;
  return out;
}

}  // namespace

void use_report(const LogReport& report, Explanation& out) {
  if (!out.has_insn && report.at.slot) {
    out.has_insn = true;
    out.slot = *report.at.slot;
    out.insn = report.at.insn;
  }
  const bool same_place = report.at.slot && out.slot == *report.at.slot;
  if (same_place && report.at.place.line != 0) out.place = report.at.place;
  if (out.advice.empty()) out.advice = report.suggestion;
  if (out.path.empty()) {
    for (const std::vector<ReportEvent>* events : {&report.locks, &report.path})
      for (const ReportEvent& event : *events) out.path.push_back(cause_of(event));
  }
  if (out.category->id != "other") return;
  const auto row = std::find_if(std::begin(problems), std::end(problems),
                                [&](const ProblemRow& r) { return r.problem == report.problem; });
  if (row != std::end(problems)) out.category = find_category(row->category);
  if (!report.reason.empty())
    out.headline = without_full_stop(report.reason);
  else if (!report.problem.empty())
    out.headline = report.problem;
  if (out.reason.empty()) {
    out.reason = report.category + (report.problem.empty() ? "" : ": " + report.problem);
    out.reason_line = report.line;
  }
}

}  // namespace skep::verify
