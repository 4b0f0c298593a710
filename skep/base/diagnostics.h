// Many problems with positions: what a compiler, assembler, linker or loader has to say about a text or a
// file.
//
//   fw.s:3:9: error: unknown register 'r12'
//       3 | r1 = r12
//         |      ^~~
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/result.h"

namespace skep::base {

enum class Severity : std::uint8_t { note, warning, error };

struct Location {
  std::string file;          // as the user named it; empty: no position
  std::uint32_t line = 0;    // from 1; 0: the whole file
  std::uint32_t column = 0;  // from 1, in bytes; 0: the whole line
  std::uint32_t length = 1;  // bytes that the caret underlines
};

struct Diagnostic {
  Severity severity;
  Location where;
  std::string message;
  std::string source_line;  // the line's text without its newline; empty: no snippet
};

class Diagnostics {
 public:
  void add(Severity severity, Location where, std::string message, std::string source_line = {});
  void error(Location where, std::string message, std::string source_line = {}) {
    add(Severity::error, std::move(where), std::move(message), std::move(source_line));
  }
  void warning(Location where, std::string message, std::string source_line = {}) {
    add(Severity::warning, std::move(where), std::move(message), std::move(source_line));
  }
  bool has_errors() const { return errors_ != 0; }
  std::size_t errors() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return all_; }
  // Everything, one after the other, with snippets and carets; ends with a newline unless empty.
  std::string print() const;

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
};

std::string print(const Diagnostic& diagnostic);

}  // namespace skep::base

namespace skep {
using base::Diagnostics;
}
