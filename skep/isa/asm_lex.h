// The assembler's tokens. Operators are single characters; `s>>=` is an identifier and three of them, in
// source and templates alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skep::isa {

enum class TokenKind : std::uint8_t {
  identifier,     // letters, digits, `_`, `.`, `$`
  number,         // value holds it
  numeric_label,  // 1b, 1f: text holds it
  string,         // text without its quotes, escapes untouched
  punctuation,    // one character
  placeholder,    // in templates: text is the letter
  bad,            // text is what could not be read; message says why
};

struct Token {
  TokenKind kind = TokenKind::bad;
  std::string_view text;
  std::uint64_t value = 0;
  std::uint32_t column = 0, length = 1;  // in the line, from 1, bytes
  const char* message = "";

  bool is(char c) const { return kind == TokenKind::punctuation && text[0] == c; }
  bool is(std::string_view word) const { return kind == TokenKind::identifier && text == word; }
};

// The tokens of one line. `in_comment` says whether a block comment began before the line and is updated.
// The tokens' text points into the line.
std::vector<Token> lex_line(std::string_view line, bool& in_comment);

// Marks a placeholder in a template that is lexed: this character and the letter.
inline constexpr char placeholder_mark = '\x01';

// Labels that do not become symbols: .L..., and clang's names of basic blocks (LBB0_2).
bool is_temporary(std::string_view name);

// "a\n\x41" without the quotes, decoded; false if an escape is broken.
bool unescape(std::string_view text, std::string& out);

}  // namespace skep::isa
