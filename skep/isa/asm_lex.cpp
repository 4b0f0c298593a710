// Lines into tokens.
#include "skep/isa/asm_lex.h"

namespace skep::isa {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
}
constexpr bool continues_word(char c) { return starts_word(c) || is_digit(c); }

constexpr unsigned digit_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A') + 10;
  return 99;
}

void lex_number(Token& token) {
  std::string_view text = token.text;
  char last = text.back();
  bool digits = true;
  for (char c : text.substr(0, text.size() - 1)) digits = digits && is_digit(c);
  if (digits && text.size() > 1 && (last == 'b' || last == 'f')) {
    token.kind = TokenKind::numeric_label;
    return;
  }
  unsigned base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 2 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) {
    base = 2;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  for (char c : text) {
    unsigned digit = digit_value(c);
    if (digit >= base) {
      token.message = "not a number";
      return;
    }
    if (token.value > (~std::uint64_t{0} - digit) / base) {
      token.message = "number does not fit 64 bits";
      return;
    }
    token.value = token.value * base + digit;
  }
  token.kind = TokenKind::number;
}

}  // namespace

std::vector<Token> lex_line(std::string_view line, bool& in_comment) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (at < line.size()) {
    if (in_comment) {
      std::size_t end = line.find("*/", at);
      if (end == std::string_view::npos) return tokens;
      in_comment = false;
      at = end + 2;
      continue;
    }
    char c = line[at];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
      continue;
    }
    if (c == '#' || (c == '/' && line.substr(at, 2) == "//")) return tokens;
    if (c == '/' && line.substr(at, 2) == "/*") {
      in_comment = true;
      at += 2;
      continue;
    }
    std::size_t end = at + 1;
    Token token;
    if (starts_word(c) || is_digit(c)) {
      while (end < line.size() && continues_word(line[end])) ++end;
      token.text = line.substr(at, end - at);
      if (is_digit(c))
        lex_number(token);
      else
        token.kind = TokenKind::identifier;
    } else if (c == '"') {
      while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
      if (end < line.size()) {
        token.kind = TokenKind::string;
        token.text = line.substr(at + 1, end - at - 1);
        ++end;
      } else {
        end = line.size();
        token.text = line.substr(at);
        token.message = "string has no end";
      }
    } else if (c == placeholder_mark && end < line.size()) {
      token.kind = TokenKind::placeholder;
      token.text = line.substr(end, 1);
      ++end;
    } else if (c > ' ' && c < 127) {
      token.kind = TokenKind::punctuation;
      token.text = line.substr(at, 1);
    } else {
      token.text = line.substr(at, 1);
      token.message = "unexpected byte";
    }
    token.column = static_cast<std::uint32_t>(at) + 1;
    token.length = static_cast<std::uint32_t>(end - at);
    tokens.push_back(token);
    at = end;
  }
  return tokens;
}

bool is_temporary(std::string_view name) {
  if (name.starts_with(".L")) return true;
  return name.starts_with("LBB") && name.size() > 3 && is_digit(name[3]) &&
         name.find_first_not_of("0123456789_", 3) == std::string_view::npos;
}

bool unescape(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return false;
    switch (text[i]) {
      case 'n': out += '\n'; continue;
      case 't': out += '\t'; continue;
      case 'r': out += '\r'; continue;
      case 'b': out += '\b'; continue;
      case 'f': out += '\f'; continue;
      case '\\': out += '\\'; continue;
      case '"': out += '"'; continue;
      default: break;
    }
    unsigned base = 8, value = 0, most = 3, count = 0;
    if (text[i] == 'x' || text[i] == 'X') {
      base = 16;
      most = 2;
      ++i;
    }
    while (count < most && i < text.size() && digit_value(text[i]) < base) {
      value = value * base + digit_value(text[i]);
      ++i;
      ++count;
    }
    if (count == 0 || value > 255) return false;
    --i;
    out += static_cast<char>(value);
  }
  return true;
}

}  // namespace skep::isa
