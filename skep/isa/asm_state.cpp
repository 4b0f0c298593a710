// Symbols and expressions of the assembler. Operators bind as in C.
#include "skep/isa/asm_state.h"

#include <algorithm>

namespace skep::isa {
namespace {

base::Location location(const AssembleOptions& options, const SourceLine& line, const Token& token) {
  return {.file = options.file, .line = line.number, .column = token.column, .length = token.length};
}

// How tightly a binary operator binds; 0: it is none.
int binding(std::span<const Token> tokens, std::size_t at) {
  if (at >= tokens.size() || tokens[at].kind != TokenKind::punctuation) return 0;
  switch (tokens[at].text[0]) {
    case '*':
    case '/':
    case '%': return 6;
    case '+':
    case '-': return 5;
    case '<':
    case '>': return at + 1 < tokens.size() && tokens[at + 1].is(tokens[at].text[0]) ? 4 : 0;
    case '&': return 3;
    case '^': return 2;
    case '|': return 1;
    default: return 0;
  }
}

constexpr unsigned deepest = 64;

}  // namespace

void AsmState::error(const SourceLine& line, const Token& token, std::string message) {
  diagnostics.error(location(options, line, token), std::move(message), std::string(line.text));
}

void AsmState::warning(const SourceLine& line, const Token& token, std::string message) {
  diagnostics.warning(location(options, line, token), std::move(message), std::string(line.text));
}

std::optional<std::uint32_t> AsmState::find_symbol(std::string_view name) const {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

std::uint32_t AsmState::symbol(std::string_view name) {
  auto [place, is_new] = by_name_.try_emplace(name, static_cast<std::uint32_t>(assembly.symbols.size()));
  if (is_new) assembly.symbols.push_back({.name = std::string(name)});
  return place->second;
}

std::uint32_t AsmState::section_symbol(std::uint32_t section) {
  auto [place, is_new] =
      section_symbols_.try_emplace(section, static_cast<std::uint32_t>(assembly.symbols.size()));
  if (is_new)
    assembly.symbols.push_back(
        {.name = assembly.sections[section].name, .section = section, .kind = SymbolKind::section});
  return place->second;
}

std::uint32_t AsmState::section(std::string_view name) {
  auto [place, is_new] =
      by_section_.try_emplace(std::string(name), static_cast<std::uint32_t>(assembly.sections.size()));
  if (!is_new) return place->second;
  AsmSection fresh;
  fresh.name = name;
  fresh.executable = name == ".text" || name.starts_with(".text.");
  fresh.writable = name == ".data" || name == ".bss" || name == ".maps" || name.starts_with(".data.") ||
                   name.starts_with(".bss.");
  fresh.no_bits = name == ".bss" || name.starts_with(".bss.");
  for (std::string_view prefix : {".BTF", ".debug", ".comment", ".note", ".llvm"})
    if (name.starts_with(prefix)) fresh.allocated = false;
  if (fresh.executable) fresh.alignment = 4;          // as clang; instructions make it 8
  if (name.starts_with(".BTF")) fresh.alignment = 4;  // records of 32-bit numbers
  assembly.sections.push_back(std::move(fresh));
  // Symbols stand in the order in which the source mentions them. `.data` names the section, `license` may be
  // a label.
  std::uint32_t symbol = section_symbol(place->second);
  if (name.starts_with('.')) by_name_.try_emplace(place->first, symbol);
  return place->second;
}

bool AsmState::define_label(const Token& name, const Here& here) {
  AsmSymbol& made = assembly.symbols[symbol(name.text)];
  if (made.section != AsmSymbol::undefined) {
    error(here.line, name, fmt::format("symbol '{}' is already defined", name.text));
    return false;
  }
  made.section = here.section;
  made.value = here.offset;
  return true;
}

void AsmState::define_numeric_label(std::uint64_t number, const Here& here) {
  numeric_labels_[number].push_back({here.sequence, here.section, here.offset});
}

std::optional<Value> AsmState::evaluate(std::span<const Token> tokens, std::size_t& at, const Here& here,
                                        bool forward) {
  Evaluation e{.tokens = tokens, .at = at, .here = here, .forward = forward};
  std::optional<Value> value = binary(e, 1);
  at = e.at;
  return value;
}

std::optional<Value> AsmState::binary(Evaluation& e, int least) {
  std::optional<Value> left = unary(e);
  while (left.has_value()) {
    int power = binding(e.tokens, e.at);
    if (power < least || power == 0) break;
    const Token& sign = e.tokens[e.at];
    e.at += power == 4 ? 2 : 1;
    std::optional<Value> right = binary(e, power + 1);
    if (!right.has_value()) return right;
    left = combine(e, sign, sign.text[0], *left, *right);
  }
  return left;
}

std::optional<Value> AsmState::unary(Evaluation& e) {
  bool negate = false, invert = false;
  const Token* sign = nullptr;
  // -~-x: each sign is applied to what stands right of it, so they are collected and undone from the right.
  std::vector<char> signs;
  while (e.at < e.tokens.size() &&
         (e.tokens[e.at].is('-') || e.tokens[e.at].is('+') || e.tokens[e.at].is('~'))) {
    sign = &e.tokens[e.at++];
    signs.push_back(sign->text[0]);
    negate = negate || signs.back() == '-';
    invert = invert || signs.back() == '~';
  }
  std::optional<Value> value = primary(e);
  if (!value.has_value() || (!negate && !invert)) return value;
  if (!value->absolute()) {
    error(e.here.line, *sign, "only a number can be negated or inverted, not an address");
    return std::nullopt;
  }
  std::uint64_t number = static_cast<std::uint64_t>(value->number);
  for (; !signs.empty(); signs.pop_back()) {
    if (signs.back() == '-') number = 0 - number;
    if (signs.back() == '~') number = ~number;
  }
  value->number = static_cast<std::int64_t>(number);
  return value;
}

std::optional<Value> AsmState::primary(Evaluation& e) {
  if (e.at >= e.tokens.size()) {
    Token end = e.tokens.empty() ? Token{} : e.tokens.back();
    end.column += end.length;
    end.length = 1;
    error(e.here.line, end, "expected a number or symbol");
    return std::nullopt;
  }
  const Token& token = e.tokens[e.at++];
  switch (token.kind) {
    case TokenKind::number: return Value{.number = static_cast<std::int64_t>(token.value)};
    case TokenKind::numeric_label: return numeric_label(e, token);
    case TokenKind::string:  // a symbol with an unusual name
    case TokenKind::identifier: {
      if (token.is("."))
        return Value{.number = static_cast<std::int64_t>(e.here.offset), .section = e.here.section};
      std::uint32_t index = symbol(token.text);
      const AsmSymbol& known = assembly.symbols[index];
      if (known.section == AsmSymbol::undefined && !e.forward) {
        error(e.here.line, token, fmt::format("symbol '{}' is not defined before this line", token.text));
        return std::nullopt;
      }
      std::uint64_t number = known.section == AsmSymbol::common ? 0 : known.value;
      return Value{.number = static_cast<std::int64_t>(number), .section = known.section, .symbol = index};
    }
    case TokenKind::punctuation:
      if (token.is('(') && e.depth < deepest) {
        ++e.depth;
        std::optional<Value> inner = binary(e, 1);
        --e.depth;
        if (inner.has_value() && (e.at >= e.tokens.size() || !e.tokens[e.at].is(')'))) {
          error(e.here.line, token, "this parenthesis is not closed");
          return std::nullopt;
        }
        ++e.at;
        return inner;
      }
      break;
    case TokenKind::placeholder:
    case TokenKind::bad: break;
  }
  error(e.here.line, token, fmt::format("expected a number or symbol, found '{}'", token.text));
  return std::nullopt;
}

// 1b: the last label 1: before this statement or on it; 1f: the next one after it.
std::optional<Value> AsmState::numeric_label(Evaluation& e, const Token& token) {
  bool back = token.text.back() == 'b';
  std::uint64_t number = 0;
  for (char c : token.text.substr(0, token.text.size() - 1))
    number = number * 10 + static_cast<unsigned>(c - '0');
  const NumericLabel* found = nullptr;
  if (auto labels = numeric_labels_.find(number); labels != numeric_labels_.end()) {
    // Sorted by sequence: the source is read from top to bottom.
    auto after =
        std::upper_bound(labels->second.begin(), labels->second.end(), e.here.sequence,
                         [](std::uint64_t at, const NumericLabel& label) { return at < label.sequence; });
    if (back && after != labels->second.begin()) found = &*(after - 1);
    if (!back && after != labels->second.end()) found = &*after;
  }
  if (found == nullptr) {
    error(e.here.line, token,
          fmt::format("no label '{}:' {} this line", token.text.substr(0, token.text.size() - 1),
                      back ? "before" : "after"));
    return std::nullopt;
  }
  return Value{.number = static_cast<std::int64_t>(found->offset), .section = found->section};
}

std::optional<Value> AsmState::combine(Evaluation& e, const Token& sign, char operation, const Value& a,
                                       const Value& b) {
  std::uint64_t x = static_cast<std::uint64_t>(a.number), y = static_cast<std::uint64_t>(b.number);
  auto number = [](std::uint64_t value) { return Value{.number = static_cast<std::int64_t>(value)}; };
  if (operation == '+' && (a.absolute() || b.absolute())) {
    Value sum = a.absolute() ? b : a;
    sum.number = number(x + y).number;
    return sum;
  }
  if (operation == '-' && b.absolute()) {
    Value difference = a;
    difference.number = number(x - y).number;
    return difference;
  }
  if (operation == '-' && a.section == b.section && a.section < assembly.sections.size())
    return number(x - y);
  if (!a.absolute() || !b.absolute()) {
    error(e.here.line, sign,
          "addresses can only be subtracted from addresses in the same section, or moved by a number");
    return std::nullopt;
  }
  switch (operation) {
    case '*': return number(x * y);
    case '&': return number(x & y);
    case '|': return number(x | y);
    case '^': return number(x ^ y);
    case '<':
    case '>':
      if (y <= 63) return number(operation == '<' ? x << y : x >> y);
      error(e.here.line, sign, fmt::format("shift by {}, must be 0 to 63", b.number));
      return std::nullopt;
    default: break;
  }
  // Division is signed, as in C.
  if (b.number == 0) {
    error(e.here.line, sign, "division by 0");
    return std::nullopt;
  }
  if (b.number == -1) return number(operation == '/' ? 0 - x : 0);
  return Value{.number = operation == '/' ? a.number / b.number : a.number % b.number};
}

}  // namespace skep::isa
