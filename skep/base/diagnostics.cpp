// Printing of diagnostics with a snippet and a caret.
#include "skep/base/diagnostics.h"

namespace skep::base {

void Diagnostics::add(Severity severity, Location where, std::string message, std::string source_line) {
  if (severity == Severity::error) errors_++;
  all_.push_back({severity, std::move(where), std::move(message), std::move(source_line)});
}

static std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "error";
}

std::string print(const Diagnostic& d) {
  std::string out;
  if (!d.where.file.empty()) {
    out += d.where.file;
    if (d.where.line) out += fmt::format(":{}", d.where.line);
    if (d.where.line && d.where.column) out += fmt::format(":{}", d.where.column);
    out += ": ";
  }
  out += fmt::format("{}: {}\n", name_of(d.severity), d.message);
  if (d.source_line.empty() || !d.where.line) return out;
  out += fmt::format("{:>6} | {}\n", d.where.line, d.source_line);
  if (!d.where.column) return out;
  out += "       | ";
  std::size_t column = d.where.column - 1;
  for (std::size_t i = 0; i < column && i < d.source_line.size(); i++)
    out += d.source_line[i] == '\t' ? '\t' : ' ';  // keeps the caret under tabbed text
  std::size_t rest = column < d.source_line.size() ? d.source_line.size() - column : 1;
  std::size_t length = d.where.length < 1 ? 1 : d.where.length;
  if (length > rest) length = rest;
  out += '^';
  out.append(length - 1, '~');
  out += '\n';
  return out;
}

std::string Diagnostics::print() const {
  std::string out;
  for (const Diagnostic& d : all_) out += base::print(d);
  return out;
}

}  // namespace skep::base
