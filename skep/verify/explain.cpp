// explain(): finds the line that says why, the rule that knows it, the value that it is about, and follows
// the value back.
#include "skep/verify/explain.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "skep/base/check.h"
#include "skep/verify/rules.h"

namespace skep::verify {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// How much of the line a capture takes; 0: none.
std::size_t capture_length(std::string_view kind, std::string_view line) {
  std::size_t n = 0;
  if (kind == "reg") {
    if (!line.starts_with("R")) return 0;
    n = 1;
    while (n < line.size() && is_digit(line[n])) n++;
    return n > 1 ? n : 0;
  }
  if (kind == "num" || kind == "arg") {
    if (line.starts_with("-")) n = 1;
    if (line.substr(n).starts_with("0x")) {
      n += 2;
      while (n < line.size() && is_hex(line[n])) n++;
      return n;
    }
    const std::size_t digits = n;
    while (n < line.size() && is_digit(line[n])) n++;
    return n > digits ? n : 0;
  }
  while (n < line.size() && std::string_view(" ',()#").find(line[n]) == std::string_view::npos) n++;
  return n;
}

bool match_from(std::string_view pattern, std::string_view line, std::vector<std::string>& captured,
                unsigned depth) {
  while (!pattern.empty()) {
    if (pattern.front() == '*') {
      pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      if (depth == 0) return false;
      const std::size_t kept = captured.size();
      for (std::size_t i = 0; i <= line.size(); i++) {
        if (match_from(pattern, line.substr(i), captured, depth - 1)) return true;
        captured.resize(kept);
      }
      return false;
    }
    if (pattern.front() == '{') {
      const std::size_t close = pattern.find('}');
      // The longest that lets the rest match: "bpf_{name}-ed region".
      std::size_t length = capture_length(pattern.substr(1, close - 1), line);
      pattern.remove_prefix(close + 1);
      const std::size_t kept = captured.size();
      for (; length > 0; length--) {
        captured.emplace_back(line.substr(0, length));
        const char next = length < line.size() ? line[length] : '\0';
        const bool fits =
            pattern.empty() ? next == '\0' : pattern[0] == '*' || pattern[0] == '{' || pattern[0] == next;
        if (fits && match_from(pattern, line.substr(length), captured, depth)) return true;
        captured.resize(kept);
      }
      return false;
    }
    if (line.empty() || line.front() != pattern.front()) return false;
    pattern.remove_prefix(1);
    line.remove_prefix(1);
  }
  return line.empty();
}

// The place of the capture of a kind, as the number in it.
std::optional<LogPlace> captured_number(const Rule& rule, const std::vector<std::string>& captured,
                                        std::string_view kind) {
  std::size_t index = 0;
  for (std::size_t at = rule.pattern.find('{'); at != std::string_view::npos;
       at = rule.pattern.find('{', at + 1), index++) {
    const std::string_view word = rule.pattern.substr(at + 1, rule.pattern.find('}', at) - at - 1);
    if (word != kind || index >= captured.size()) continue;
    std::string_view text = captured[index];
    if (text.starts_with("R")) text.remove_prefix(1);
    LogPlace number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) return {};
    return number;
  }
  return {};
}

void find_culprit(const Rule& rule, Story& story) {
  if (!story.has_steps()) return;
  std::optional<LogPlace> place;
  switch (rule.culprit) {
    case Culprit::none: return;
    case Culprit::reg: place = captured_number(rule, story.captured, "reg"); break;
    case Culprit::argument: place = captured_number(rule, story.captured, "arg"); break;
    case Culprit::arg0:
      place = captured_number(rule, story.captured, "arg");
      if (place) ++*place;
      break;
    case Culprit::result: place = 0; break;
    case Culprit::scalar:
    case Culprit::pointer: {
      const auto& insn = story.failing().insn;
      if (!insn) return;
      place = insn->dst;
      if (insn->row().source == isa::Source::reg) {
        const LogValue* left = story.value(story.trail.node(insn->dst));
        const bool left_points = left && left->is_pointer();
        if (left_points == (rule.culprit == Culprit::scalar)) place = insn->src;
      }
      break;
    }
  }
  if (place && *place >= 0 && *place <= 10) story.set_culprit(*place);
}

const Rule* find_rule(const LogMessage& message, std::vector<std::string>& captured) {
  for (std::span<const Rule> rules : {memory_rules(), call_rules(), program_rules()})
    for (const Rule& rule : rules) {
      captured.clear();
      if (matches(rule.pattern, message.text, captured)) return &rule;
    }
  return nullptr;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view line, std::vector<std::string>& captured) {
  if (line.size() > 1000) line = line.substr(0, 1000);
  return match_from(pattern, line, captured, 4);
}

void suggest(std::string& field, std::string text) {
  if (field.empty()) field = std::move(text);
}

void set_category(Story& story, std::string_view id) {
  story.out.category = find_category(id);
  check(story.out.category != nullptr, "a rule names a category that exists");
}

static Explanation explain_by_rules(const Log& log, const ProgramText& program) {
  Explanation out;
  out.category = find_category("other");
  // The last line that a rule knows; what stands around it are details.
  const Rule* rule = nullptr;
  std::size_t at = log.messages.size();
  std::vector<std::string> captured;
  while (!rule && at > 0) rule = find_rule(log.messages[--at], captured);
  if (!rule && !log.messages.empty()) at = log.messages.size() - 1;
  for (std::size_t i = 0; i < log.messages.size(); i++) {
    if (i != at && out.details.size() < 16) out.details.push_back(log.messages[i].text);
    if (i == at) out.reason = log.messages[i].text, out.reason_line = log.messages[i].line;
  }

  Story story(log, program, out);
  story.captured = std::move(captured);
  for (std::size_t i = 0; i < story.captured.size() && i < 9; i++)
    story.words[std::string(1, static_cast<char>('1' + i))] = story.captured[i];
  if (story.has_steps()) {
    out.has_insn = true;
    out.slot = story.failing().slot;
    out.insn = story.failing().text;
    out.place = story.place(story.last());
    story.words["callee"] = story.callee().empty() ? "the function" : story.callee() + "()";
  }
  story.words["prog"] = program.name.empty() ? "the program" : quoted(program.name);
  story.words["leave"] = story.leave();
  story.words["ctx"] = story.context_name();
  story.words.try_emplace("v", "the value");
  story.words.try_emplace("state", "not known");
  if (!rule) {
    out.headline = out.reason.empty() ? "the log says no reason" : "the verifier refuses this";
    return out;
  }
  set_category(story, rule->category);
  find_culprit(*rule, story);
  if (rule->refine) rule->refine(story);
  if (story.has_steps()) story.trace(story.culprit);
  suggest(out.headline, story.fill(rule->headline));
  suggest(out.needed, story.fill(rule->needed));
  suggest(out.advice, story.fill(rule->advice));
  suggest(out.snippet, std::string(rule->snippet));
  out.snippet = story.fill(out.snippet);
  if (!log.validating.empty() && out.category->id != "global-function")
    out.advice += fmt::format(
        "{}{}() is a global function, which is verified for any arguments, not for those of its "
        "callers; a static function is verified with each call",
        out.advice.empty() ? "" : ". ", log.validating);
  story.tell_causes();
  return out;
}

Explanation explain(const Log& log, const ProgramText& program) {
  Explanation out = explain_by_rules(log, program);
  if (log.report) use_report(*log.report, out);
  return out;
}

}  // namespace skep::verify
