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
  // Goes back: to the section before the last change; to the one that push_section left. False if there is
  // none.
  virtual bool previous_section() = 0;
  virtual void push_section() = 0;
  virtual bool pop_section() = 0;
  // Appends `count` bytes; false (and an error at `why`) if the section would grow too large.
  virtual bool append(std::size_t count, std::uint8_t fill, const Token& why) = 0;
  // Appends a number of 1, 2, 4 or 8 bytes whose value is known later.
  virtual void append_datum(std::span<const Token> expression, unsigned bytes) = 0;
  // Notes .reloc: `place` is an expression for the offset in this section, known later.
  virtual void append_relocation(std::span<const Token> place, AsmRelocType type, std::uint32_t symbol) = 0;

 protected:
  ~DirectiveHost() = default;
};

// Directives for debuggers (.loc, .cfi_*, .file with a number): read over, whatever their arguments are.
bool is_ignored(std::span<const Token> tokens);

// tokens[0] is the directive's name.
void run_directive(DirectiveHost& host, std::span<const Token> tokens);

// name = expression
void assign_symbol(DirectiveHost& host, const Token& name, std::span<const Token> expression);

}  // namespace skep::isa
