// Layout of an explanation.
//
//   fw.bpf.c:11:10: error: `idx` can be up to 255, but a value of map `table` has 64 bytes
//   [map-out-of-bounds]
//       11 |   v[idx] = 1;
//          |          ^
//     in firewall, at instruction 17: *(u8 *)(r0 +0) = r1
//     how it comes to this:
//        9 |   __u32 idx = data[13];
//          |   1. `idx` is read from the packet (1 byte): a number from 0 to 255
//     needed: `idx` from 0 to 63
//     to fix it: compare it with the limit before the access
//         if (idx >= 64)
//             return 0;
//     the kernel says: R0 max value is outside of the allowed memory range
#include "cli/explain_text.h"

#include "cli/text.h"
#include "skep/base/diagnostics.h"

namespace skep::cli {

namespace {

// `text` behind `first`, broken at spaces; further lines begin with `next`.
std::string wrapped(std::string_view first, std::string_view next, std::string_view text, std::size_t width) {
  std::string out(first);
  std::size_t column = first.size();
  bool begins = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!begins && column + 1 + word.size() > width) {
      out += '\n';
      out += next;
      column = next.size();
      begins = true;
    }
    if (!begins) out += ' ', column++;
    out += word;
    column += word.size();
    begins = false;
  }
  return out + '\n';
}

std::string path_text(const verify::Explanation& e, std::size_t width) {
  std::string out;
  std::string file = e.place.file, function = e.place.function;
  const verify::SourcePlace* shown = nullptr;
  for (std::size_t i = 0; i < e.path.size(); i++) {
    const verify::Cause& cause = e.path[i];
    const verify::SourcePlace& at = cause.place;
    if (!shown || shown->line != at.line || shown->file != at.file || shown->text != at.text) {
      if (at.file != file && !at.file.empty())
        out += fmt::format("  {}:\n", at.file);
      else if (at.function != function && !at.function.empty())
        out += fmt::format("  in {}:\n", at.function);
      file = at.file;
      function = at.function;
      if (at.text.empty())
        out += fmt::format("{:>6} : {}\n", cause.slot, cause.insn);
      else if (at.line == 0)
        out += fmt::format("       | {}\n", at.text);
      else
        out += fmt::format("{:>6} | {}\n", at.line, at.text);
    }
    shown = &at;
    const std::string number = fmt::format("       |   {}. ", i + 1);
    out += wrapped(number, "       |" + std::string(number.size() - 8, ' '), cause.sentence, width);
  }
  return out;
}

}  // namespace

std::string explain_text(const verify::Explanation& e, std::size_t width) {
  base::Diagnostic diagnostic;
  diagnostic.severity = base::Severity::error;
  if (!e.place.file.empty() && e.place.line != 0)
    diagnostic.where = {e.place.file, e.place.line, e.place.column, 1};
  diagnostic.message = fmt::format("{} [{}]", e.headline, e.category->id);
  diagnostic.source_line = e.place.text;
  std::string out = base::print(diagnostic);
  if (diagnostic.where.line == 0 && !e.place.text.empty()) out += fmt::format("       | {}\n", e.place.text);
  if (e.has_insn) {
    out += e.place.function.empty() ? fmt::format("  at instruction {}", e.slot)
                                    : fmt::format("  in {}, at instruction {}", e.place.function, e.slot);
    out += e.insn.empty() ? "\n" : fmt::format(": {}\n", e.insn);
  }
  if (!e.path.empty()) out += "  how it comes to this:\n" + path_text(e, width);
  if (!e.raw_state.empty() && e.category->id == "other")
    out += fmt::format("  value: {} = {}\n", e.culprit, e.raw_state);
  if (!e.needed.empty()) out += wrapped("  needed: ", "          ", e.needed, width);
  if (!e.advice.empty()) out += wrapped("  to fix it: ", "             ", e.advice, width);
  if (!e.snippet.empty()) {
    if (e.advice.empty()) out += "  to fix it:\n";
    for (std::string_view rest = e.snippet; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      out += fmt::format("      {}\n", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (!e.reason.empty()) out += fmt::format("  the kernel says: {}\n", e.reason);
  if (e.category->id == "other")
    for (const std::string& line : e.details) out += fmt::format("                   {}\n", line);
  return printable(out);
}

namespace {

void put_place(base::JsonWriter& json, const verify::SourcePlace& place) {
  if (!place.function.empty()) json.member("function", place.function);
  if (!place.file.empty()) json.member("file", place.file);
  if (place.line) json.member("line", place.line);
  if (place.column) json.member("column", place.column);
  if (!place.text.empty()) json.member("source", place.text);
}

void put_known(base::JsonWriter& json, std::string_view name, const std::string& text) {
  if (!text.empty()) json.member(name, text);
}

}  // namespace

void put_explanation(base::JsonWriter& json, const verify::Explanation& e) {
  json.member("category", e.category->id);
  json.member("title", e.category->title);
  json.member("headline", e.headline);
  if (e.has_insn) {
    json.key("at");
    json.object();
    json.member("insn", e.slot);
    put_known(json, "text", e.insn);
    put_place(json, e.place);
    json.end();
  }
  if (!e.culprit.empty()) {
    json.key("value");
    json.object();
    json.member("where", e.culprit);
    put_known(json, "expression", e.expression);
    put_known(json, "state", e.state);
    put_known(json, "log", e.raw_state);
    json.end();
  }
  json.key("path");
  json.array();
  for (const verify::Cause& cause : e.path) {
    json.object();
    json.member("insn", cause.slot);
    json.member("text", cause.insn);
    put_place(json, cause.place);
    json.member("sentence", cause.sentence);
    json.end();
  }
  json.end();
  put_known(json, "needed", e.needed);
  put_known(json, "advice", e.advice);
  put_known(json, "snippet", e.snippet);
  put_known(json, "reason", e.reason);
  json.key("details");
  json.array();
  for (const std::string& line : e.details) json.string(line);
  json.end();
}

verify::ProgramText program_text(const verify::ProgModel& program, const verify::Verdict& verdict) {
  verify::ProgramText out;
  out.name = program.name;
  out.type = program.type;
  out.attach_type = program.attach_type;
  out.insns = program.insns;
  for (const verify::SubprogFacts& sub : verdict.subprogs)
    out.functions.push_back({sub.first, sub.end, sub.name});
  if (!program.btf) return out;
  for (const verify::LineInfo& line : program.lines) {
    verify::ProgramText::Line row;
    row.slot = line.slot;
    row.place.file = program.btf->string(line.file_off);
    row.place.line = line.line_col >> 10;
    row.place.column = line.line_col & 0x3ff;
    row.place.text = program.btf->string(line.line_off);
    out.lines.push_back(std::move(row));
  }
  return out;
}

}  // namespace skep::cli
