#include "skep/verify/log_report.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace skep::verify {

namespace {

using Text = std::string_view;

constexpr Text first_line = "Verification failed:";

bool take(Text& text, Text word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take_number(Text& text, std::uint32_t& out) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ec != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()));
  return true;
}

void skip_space(Text& text) { text.remove_prefix(std::min(text.find_first_not_of(' '), text.size())); }

// Wrapped text is one paragraph again.
void append(std::string& paragraph, Text line) {
  if (!paragraph.empty()) paragraph += ' ';
  paragraph += line;
}

}  // namespace

bool ReportReader::begins(Text line) { return line.starts_with(first_line); }

void ReportReader::begin(Text line, std::uint32_t number) {
  report_ = LogReport{};
  report_.line = number;
  section_ = Section::none;
  part_ = Part::place;
  take(line, first_line);
  skip_space(line);
  const std::size_t colon = line.find(": ");
  report_.category = std::string(line.substr(0, colon));
  if (colon != Text::npos) report_.problem = std::string(line.substr(colon + 2));
}

bool ReportReader::read(Text line) {
  struct Title {
    Text name;
    Section section;
  };
  constexpr Title titles[] = {{"Reason:", Section::reason},
                              {"At:", Section::at},
                              {"Causal path:", Section::path},
                              {"Active lock:", Section::lock},
                              {"Suggestion:", Section::suggestion}};
  if (line.empty()) return true;
  for (const Text end :
       {Text("processed "), Text("verification time "), Text("stack depth "), Text("-- END ")})
    if (line.starts_with(end)) return false;
  for (const Title& title : titles)
    if (line == title.name) {
      section_ = title.section;
      part_ = Part::place;
      return true;
    }
  switch (section_) {
    case Section::none: note(line); break;
    case Section::reason: append(report_.reason, line); break;
    case Section::suggestion: append(report_.suggestion, line); break;
    case Section::at:
    case Section::path:
    case Section::lock: read_event_line(line); break;
  }
  return true;
}

void ReportReader::note(Text line) { report_.notes.emplace_back(line); }

ReportEvent& ReportReader::event() {
  if (section_ == Section::at) return report_.at;
  std::vector<ReportEvent>& events = section_ == Section::path ? report_.path : report_.locks;
  if (events.empty()) events.emplace_back();
  return events.back();
}

void ReportReader::read_event_line(Text line) {
  if (line == "Source context:") {
    part_ = Part::source;
    return;
  }
  if (line == "Instruction context:") {
    part_ = Part::insns;
    return;
  }
  if (read_lane(line) || read_place(line)) return;
  if (section_ != Section::path || line != "no retained diagnostic events on this path") note(line);
}

// ">>> 12 | text", "11 | text", and what stands under the place: "| ^-- label: text", "|     text".
bool ReportReader::read_lane(Text line) {
  Text rest = line;
  const bool here = take(rest, ">>> ");
  skip_space(rest);
  std::uint32_t number = 0;
  const bool numbered = take_number(rest, number);
  skip_space(rest);
  if (!take(rest, "|")) return false;
  if (numbered) {
    take(rest, " ");
    if (!here) return true;
    if (part_ == Part::insns) {
      event().slot = number;
      event().insn = std::string(rest);
    } else {
      event().place.line = number;
      event().place.text = std::string(rest);
    }
    return true;
  }
  skip_space(rest);
  if (take(rest, "^-- ")) {
    const std::size_t colon = rest.find(": ");
    event().label = std::string(rest.substr(0, colon));
    event().text = colon == Text::npos ? std::string() : std::string(rest.substr(colon + 2));
  } else {
    append(event().text, rest);
  }
  return true;
}

// "insn 12", "file.c:12:9", "function @ file.c:12:9": a new event begins.
bool ReportReader::read_place(Text line) {
  ReportEvent next;
  Text rest = line;
  std::uint32_t number = 0;
  if (take(rest, "insn ")) {
    if (!take_number(rest, number) || !rest.empty()) return false;
    next.slot = number;
  } else {
    if (const std::size_t at = line.find(" @ "); at != Text::npos) {
      next.place.function = std::string(line.substr(0, at));
      rest = line.substr(at + 3);
    }
    std::uint32_t values[2];  // column, line
    for (std::uint32_t& value : values) {
      const std::size_t colon = rest.rfind(':');
      if (colon == Text::npos) return false;
      Text digits = rest.substr(colon + 1);
      if (!take_number(digits, value) || !digits.empty()) return false;
      rest = rest.substr(0, colon);
    }
    if (rest.empty()) return false;
    next.place.file = std::string(rest);
    next.place.line = values[1];
    next.place.column = values[0];
  }
  part_ = Part::place;
  if (section_ == Section::at)
    report_.at = std::move(next);
  else
    (section_ == Section::path ? report_.path : report_.locks).push_back(std::move(next));
  return true;
}

LogReport ReportReader::finish() { return std::exchange(report_, {}); }

}  // namespace skep::verify
