// The assembler's directives, and what they may ask of the assembler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "skep/isa/asm_state.h"

namespace skep::isa {

class DirectiveHost {
 public:
  virtual AsmState& state() = 0;
  virtual Here& here() = 0;
  virtual AsmSection& section() = 0;
  virtual void select_section(std::uint32_t index) = 0;
  // Appends `count` bytes; false (and an error at `why`) if the section would grow too large.
  virtual bool append(std::size_t count, std::uint8_t fill, const Token& why) = 0;
  // Appends a number of 1, 2, 4 or 8 bytes whose value is known later.
  virtual void append_datum(std::span<const Token> expression, unsigned bytes) = 0;

 protected:
  ~DirectiveHost() = default;
};

// Directives for debuggers and linkers (.file, .loc, .cfi_*): read over, whatever their arguments are.
bool is_ignored(const Token& name);

// tokens[0] is the directive's name.
void run_directive(DirectiveHost& host, std::span<const Token> tokens);

// name = expression
void assign_symbol(DirectiveHost& host, const Token& name, std::span<const Token> expression);

}  // namespace skep::isa
