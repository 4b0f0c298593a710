// What the assembler knows while it works: sections, symbols, where it is; and expressions over them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "skep/isa/asm_lex.h"
#include "skep/isa/assemble.h"

namespace skep::isa {

// A place in the source, for messages.
struct SourceLine {
  std::uint32_t number = 0;
  std::string_view text;
};

// Where `.` is, and which numeric labels are before and after.
struct Here {
  std::uint32_t section = 0;
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;  // statements so far
  SourceLine line;
};

// number, or number bytes beyond the start of a section, or number beyond an undefined symbol.
struct Value {
  std::int64_t number = 0;
  std::uint32_t section = AsmSymbol::absolute;
  std::uint32_t symbol = no_symbol;  // that the expression names; for relocations
  static constexpr std::uint32_t no_symbol = ~std::uint32_t{0};
  bool absolute() const { return section == AsmSymbol::absolute; }
};

class AsmState {
 public:
  AsmState(const AssembleOptions& options, Diagnostics& diagnostics)
      : options(options), diagnostics(diagnostics) {}

  void error(const SourceLine& line, const Token& token, std::string message);
  void warning(const SourceLine& line, const Token& token, std::string message);

  // The symbol with this name, made (undefined) if there is none yet. Names beginning with .L are not kept in
  // the symbol table.
  std::uint32_t symbol(std::string_view name);
  std::optional<std::uint32_t> find_symbol(std::string_view name) const;
  std::uint32_t section_symbol(std::uint32_t section);
  std::uint32_t section(std::string_view name);

  // Defines a label here; false (and an error) if it is already defined.
  bool define_label(const Token& name, const Here& here);
  void define_numeric_label(std::uint64_t number, const Here& here);

  // The value of the expression at tokens[at]; `at` moves behind it. Empty after an error.
  // `forward`: symbols that are not defined yet are an error unless true.
  std::optional<Value> evaluate(std::span<const Token> tokens, std::size_t& at, const Here& here,
                                bool forward);

  const AssembleOptions& options;
  Diagnostics& diagnostics;
  Assembly assembly;

 private:
  struct NumericLabel {
    std::uint64_t sequence;
    std::uint32_t section;
    std::uint64_t offset;
  };
  struct Evaluation {
    std::span<const Token> tokens;
    std::size_t at;
    const Here& here;
    bool forward;
    unsigned depth = 0;
  };

  std::optional<Value> binary(Evaluation& e, int least);
  std::optional<Value> unary(Evaluation& e);
  std::optional<Value> primary(Evaluation& e);
  std::optional<Value> combine(Evaluation& e, const Token& sign, char operation, const Value& a,
                               const Value& b);
  std::optional<Value> numeric_label(Evaluation& e, const Token& token);

  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  std::unordered_map<std::string, std::uint32_t> by_section_;
  std::map<std::uint32_t, std::uint32_t> section_symbols_;
  std::unordered_map<std::uint64_t, std::vector<NumericLabel>> numeric_labels_;
};

}  // namespace skep::isa
