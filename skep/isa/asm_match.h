// Finds the row of the table that a statement's tokens spell: a trie over the templates of one dialect.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skep/isa/asm_lex.h"
#include "skep/isa/ops.h"
#include "skep/isa/print.h"

namespace skep::isa {

// Where the operands of a matched statement stand. Expressions are indices of their first token; -1: not
// there.
struct OperandPlaces {
  std::int16_t dst = -1, src = -1;  // register numbers
  std::int32_t off = -1;            // offset (begins with its sign), or plain
  std::int32_t imm = -1;
  std::int32_t imm_high = -1;  // map_value(imm, imm_high)
  std::int32_t target = -1;    // of a jump
  bool pc_relative = false;    // target was written `pc+3`
  std::int32_t to_space = -1, from_space = -1;
};

struct Match {
  bool found = false;
  OpId op = 0;
  OperandPlaces places;
  // If nothing was found: the token that no template could go beyond (tokens.size(): the end), and what would
  // have been right there.
  std::size_t failed_at = 0;
  std::vector<std::string> expected;
};

Match match_instruction(std::span<const Token> tokens, Dialect dialect);

// A register's name in a dialect at tokens[at] (`r1`, `w1`; `%r1`, `%fp`): its number and how many tokens it
// takes; number -1: none.
struct RegisterName {
  int number = -1;
  bool wide = true;
  unsigned tokens = 1;
};
RegisterName register_at(std::span<const Token> tokens, std::size_t at, Dialect dialect);

// r1, w10, but also r11 and w99, which do not exist: never a symbol in the kernel's dialect.
bool looks_like_register(const Token& token);

// The token after the expression that begins at tokens[at]; `at` itself if there is none.
std::size_t skip_expression(std::span<const Token> tokens, std::size_t at, Dialect dialect);

}  // namespace skep::isa
