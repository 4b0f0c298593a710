// The templates of the table, read backwards: each is lexed into literals and operands, and all of one
// dialect make a trie. A statement walks the trie, literals before registers before expressions, with
// backtracking.
#include "skep/isa/asm_match.h"

#include <algorithm>

#include "skep/base/check.h"

namespace skep::isa {
namespace {

// What stands on an edge: a literal token, or an operand. The letters are those of the templates, reduced to
// what reading needs: d s wide registers, D S narrow ones, o offset, i imm, h upper imm, j target, k plain
// off, x y address spaces.
struct Edge {
  char operand = 0;  // 0: literal
  TokenKind kind = TokenKind::bad;
  std::string text;
  std::uint64_t value = 0;
  std::size_t next = 0;
};

struct Node {
  std::vector<Edge> edges;
  int op = -1;  // a template ends here
};

constexpr char plain_operation[][8] = {"",    "add",  "sub", "mul", "div", "sdiv",
                                       "mod", "smod", "or",  "and", "xor"};

std::string_view operation_word(const Op& op) {
  if (op.operation == Operation::xchg) return "xchg";
  if (op.operation == Operation::cmpxchg) return "cmpxchg";
  std::size_t index = static_cast<std::size_t>(op.operation);
  return index < std::size(plain_operation) ? plain_operation[index] : "";
}

// A template with what the row decides already filled in, operands marked for the lexer. Besides the
// printer's placeholders: $N the operation's word, $F "fetch_" before those that have a form without, $3 "32"
// in 32 bits.
std::string expand(std::string_view text, const Op& op, Dialect dialect) {
  bool narrow = dialect == Dialect::kernel && op.width != 64;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      out += text[i];
      continue;
    }
    char letter = text[++i];
    auto operand = [&](char kind) {
      out += placeholder_mark;
      out += kind;
    };
    switch (letter) {
      case 'p': out += op.symbol; break;
      case 'm': out += op.gnu; break;
      case 't': out += fmt::format("{}{}", op.sign_from != 0 ? 's' : 'u', op.width); break;
      case 'n': out += std::to_string(op.width); break;
      case 'b': out += std::to_string(op.sign_from); break;
      case 'u': out += std::to_string(op.field_value); break;
      case '6': out += op.width == 64 ? "64" : ""; break;
      case '3': out += op.width == 32 ? "32" : ""; break;
      case 'N': out += operation_word(op); break;
      case 'F': out += op.fetch && op.syntax == &rows::fetch_syntax ? "fetch_" : ""; break;
      case 'Z': out += narrow ? "w0" : "r0"; break;
      case 'D':
      case 'V': operand(narrow ? 'D' : 'd'); break;
      case 'S':
      case 'W': operand(narrow ? 'S' : 's'); break;
      case 'i':
      case 'q':
      case 'l':
      case 'v': operand('i'); break;
      case 'j':
      case 'J': operand('j'); break;
      case 'd':
      case 's':
      case 'o':
      case 'h':
      case 'k':
      case 'x':
      case 'y': operand(letter); break;
      default: check(false, "a template has a placeholder that the assembler does not know");
    }
  }
  return out;
}

class Trie {
 public:
  explicit Trie(Dialect dialect) {
    nodes_.emplace_back();
    for (OpId id = 0; id < op_count; ++id)
      for (std::string_view text : templates(row(id), dialect)) add(expand(text, row(id), dialect), id);
  }
  const Node& operator[](std::size_t index) const { return nodes_[index]; }

 private:
  static std::vector<std::string_view> templates(const Op& op, Dialect dialect) {
    const Syntax& syntax = *op.syntax;
    std::vector<std::string_view> texts;
    if (dialect == Dialect::gnu) {
      texts.push_back(syntax.exact_gnu.empty() ? syntax.gnu : syntax.exact_gnu);
      add_gnu_aliases(op, texts);
      return texts;
    }
    if (!syntax.exact_kernel.empty()) texts.push_back(syntax.exact_kernel);
    // `call 5` alone means the helper.
    if (op.action != Class::call || syntax.exact_kernel.empty()) texts.push_back(syntax.kernel);
    // The log's lddw is a mov's text, its calls are the usual ones.
    if (!syntax.log.empty() && op.action != Class::load_imm64 && op.action != Class::call)
      texts.push_back(syntax.log);
    if (op.operation == Operation::call_local) texts.push_back("call pc $J");
    // clang's spelling of a mov that clears the upper half.
    if (op.operation == Operation::mov && op.width == 32 && op.source == Source::reg && op.sign_from == 0)
      texts.push_back("$d = $S");
    return texts;
  }

  // Other assemblers' names: binutils 2.41 (aadd), uBPF and bpf_conformance (the rest).
  static void add_gnu_aliases(const Op& op, std::vector<std::string_view>& texts) {
    switch (op.action) {
      case Class::endian:
        texts.push_back("$p$n $d");
        if (op.operation == Operation::bswap) texts.push_back("swap$n $d");
        return;
      case Class::alu:
        if (op.sign_from != 0) texts.push_back("movsx$b$n $d,$s");
        return;
      case Class::atomic:
        texts.push_back("lock $F$N$3 [$d$o],$s");
        if (op.syntax == &rows::fetch_syntax) texts.push_back("lock fetch $N$3 [$d$o],$s");
        if (!op.fetch && op.operation == Operation::add) texts.push_back("aadd$3 [$d$o],$s");
        return;
      case Class::jump:
        if (jumps_by_imm(op)) texts.push_back("ja32 $J");
        return;
      case Class::call:
        if (op.operation == Operation::call_register) texts.push_back("call $d");
        if (op.operation == Operation::call_helper) texts.push_back("call helper $i");
        if (op.operation == Operation::call_kfunc) texts.push_back("call runtime $i");
        return;
      case Class::load:
      case Class::store:
      case Class::store_imm:
      case Class::load_acquire:
      case Class::store_release:
      case Class::packet_absolute:
      case Class::packet_indirect:
      case Class::load_imm64:
      case Class::jump_if:
      case Class::jump_indirect:
      case Class::may_goto:
      case Class::addr_space_cast:
      case Class::exit: return;
    }
  }

  void add(const std::string& text, OpId id) {
    bool in_comment = false;
    std::size_t at = 0;
    for (const Token& token : lex_line(text, in_comment)) {
      check(token.kind != TokenKind::bad, "a template does not lex");
      Edge edge;
      edge.operand = token.kind == TokenKind::placeholder ? token.text[0] : '\0';
      if (edge.operand == 0) {
        edge.kind = token.kind;
        edge.text = token.text;
        edge.value = token.value;
      }
      at = follow(at, edge);
    }
    check(nodes_[at].op < 0 || nodes_[at].op == id, "two rows are written alike");
    nodes_[at].op = id;
  }

  std::size_t follow(std::size_t at, Edge& edge) {
    for (const Edge& known : nodes_[at].edges)
      if (known.operand == edge.operand && known.kind == edge.kind && known.text == edge.text)
        return known.next;
    edge.next = nodes_.size();
    // Literals first, then registers, then expressions.
    auto rank = [](const Edge& of) {
      if (of.operand == 0) return 0;
      return std::string_view("dsDS").find(of.operand) != std::string_view::npos ? 1 : 2;
    };
    std::vector<Edge>& edges = nodes_[at].edges;
    edges.insert(std::upper_bound(edges.begin(), edges.end(), edge,
                                  [&](const Edge& x, const Edge& y) { return rank(x) < rank(y); }),
                 edge);
    std::size_t next = edge.next;
    nodes_.emplace_back();
    return next;
  }

  std::vector<Node> nodes_;
};

const Trie& trie_of(Dialect dialect) {
  static const Trie kernel(Dialect::kernel), gnu(Dialect::gnu);
  return dialect == Dialect::gnu ? gnu : kernel;
}

std::string describe(const Edge& edge, Dialect dialect) {
  switch (edge.operand) {
    case 0: return "'" + edge.text + "'";
    case 'd':
    case 's': return dialect == Dialect::gnu ? "a register (%r0 to %r9, %fp)" : "a register (r0 to r10)";
    case 'D':
    case 'S': return "a 32-bit register (w0 to w9)";
    case 'o': return "an offset such as '+ 8'";
    case 'j': return "a label or a distance such as '+3'";
    case 'x':
    case 'y': return "an address space";
    default: return "a number or symbol";
  }
}

bool same_literal(const Edge& edge, const Token& token) {
  if (edge.kind != token.kind) return false;
  return token.kind == TokenKind::number ? edge.value == token.value : edge.text == token.text;
}

// Parentheses may nest this deep.
constexpr unsigned deepest = 64;

// Finds where an expression ends, and how far one that is broken goes.
class Skipper {
 public:
  Skipper(std::span<const Token> tokens, Dialect dialect) : tokens_(tokens), dialect_(dialect) {}

  // The token after the expression; `at` itself if there is none.
  std::size_t binary(std::size_t at, unsigned depth = 0) {
    std::size_t end = unary(at, depth);
    if (end == at) return at;
    while (end < tokens_.size() && tokens_[end].kind == TokenKind::punctuation) {
      char c = tokens_[end].text[0];
      std::size_t next = end + 1;
      if (c == '<' || c == '>') {
        if (next >= tokens_.size() || !tokens_[next].is(c)) break;
        ++next;
      } else if (std::string_view("+-*/%&|^").find(c) == std::string_view::npos) {
        break;
      }
      std::size_t after = unary(next, depth);
      if (after == next) break;
      end = after;
    }
    return end;
  }

  // The last token that something else should have stood in place of, and what.
  std::size_t stuck_at = 0;
  const char* wanted = nullptr;

 private:
  std::size_t unary(std::size_t at, unsigned depth) {
    const std::size_t start = at;
    while (at < tokens_.size() && (tokens_[at].is('-') || tokens_[at].is('+') || tokens_[at].is('~'))) ++at;
    if (at >= tokens_.size()) return missing(start, at, "a number or symbol");
    switch (tokens_[at].kind) {
      case TokenKind::number:
      case TokenKind::string:
      case TokenKind::numeric_label: return at + 1;
      case TokenKind::identifier:
        if ((dialect_ == Dialect::kernel && looks_like_register(tokens_[at])) || tokens_[at].is("ll") ||
            tokens_[at].is("goto"))
          return missing(start, at, "a number or symbol");
        return at + 1;
      case TokenKind::punctuation: {
        if (!tokens_[at].is('(') || depth >= deepest) return missing(start, at, "a number or symbol");
        std::size_t end = binary(at + 1, depth + 1);
        if (end == at + 1) return start;
        if (end >= tokens_.size() || !tokens_[end].is(')')) return missing(start, end, "')'");
        return end + 1;
      }
      case TokenKind::placeholder:
      case TokenKind::bad: return start;
    }
    return start;
  }

  std::size_t missing(std::size_t start, std::size_t at, const char* what) {
    if (at >= stuck_at) {
      stuck_at = at;
      wanted = what;
    }
    return start;
  }

  std::span<const Token> tokens_;
  Dialect dialect_;
};

class Walker {
 public:
  Walker(std::span<const Token> tokens, Dialect dialect)
      : tokens_(tokens),
        dialect_(dialect == Dialect::gnu ? Dialect::gnu : Dialect::kernel),
        trie_(trie_of(dialect_)) {}

  Match run() {
    match_.found = walk(0, 0, {});
    if (!match_.found) {
      std::sort(match_.expected.begin(), match_.expected.end());
      match_.expected.erase(std::unique(match_.expected.begin(), match_.expected.end()),
                            match_.expected.end());
    }
    return std::move(match_);
  }

 private:
  bool walk(std::size_t node_index, std::size_t at, const OperandPlaces& places) {
    const Node& node = trie_[node_index];
    if (at == tokens_.size() && node.op >= 0) {
      match_.op = static_cast<OpId>(node.op);
      match_.places = places;
      return true;
    }
    note_failure(node, at);
    for (const Edge& edge : node.edges) {
      OperandPlaces taken = places;
      std::size_t next = take(edge, at, taken);
      if (next != none && walk(edge.next, next, taken)) return true;
    }
    return false;
  }

  static constexpr std::size_t none = ~std::size_t{0};

  std::size_t take(const Edge& edge, std::size_t at, OperandPlaces& places) {
    if (edge.operand == 0) return at < tokens_.size() && same_literal(edge, tokens_[at]) ? at + 1 : none;
    switch (edge.operand) {
      case 'd': return take_register(at, true, places.dst);
      case 'D': return take_register(at, false, places.dst);
      case 's': return take_register(at, true, places.src);
      case 'S': return take_register(at, false, places.src);
      case 'o':
        if (at >= tokens_.size() || (!tokens_[at].is('+') && !tokens_[at].is('-')))
          return at;  // no offset: 0
        return take_expression(at, places.off);
      case 'i': return take_expression(at, places.imm);
      case 'h': return take_expression(at, places.imm_high);
      case 'k': return take_expression(at, places.off);
      case 'x': return take_expression(at, places.to_space);
      case 'y': return take_expression(at, places.from_space);
      case 'j':
        places.pc_relative = at + 1 < tokens_.size() && tokens_[at].is("pc") &&
                             (tokens_[at + 1].is('+') || tokens_[at + 1].is('-'));
        return take_expression(places.pc_relative ? at + 1 : at, places.target);
      default: check(false, "unknown operand in a template"); return none;
    }
  }

  std::size_t take_register(std::size_t at, bool wide, std::int16_t& place) const {
    RegisterName name = register_at(tokens_, at, dialect_);
    if (name.number < 0 || name.wide != wide) return none;
    if (place >= 0 && place != name.number) return none;  // named twice, must be the same
    place = static_cast<std::int16_t>(name.number);
    return at + name.tokens;
  }

  std::size_t take_expression(std::size_t at, std::int32_t& place) {
    Skipper skipper(tokens_, dialect_);
    std::size_t end = skipper.binary(at);
    // One that has not even begun is the template's affair.
    if (skipper.wanted && skipper.stuck_at > at && fails_at(skipper.stuck_at))
      match_.expected.push_back(skipper.wanted);
    if (end == at) return none;
    place = static_cast<std::int32_t>(at);
    return end;
  }

  // Whether nothing went further than `at`, which is the place to speak of then.
  bool fails_at(std::size_t at) {
    if (at < match_.failed_at) return false;
    if (at > match_.failed_at) match_.expected.clear();
    match_.failed_at = at;
    return true;
  }

  void note_failure(const Node& node, std::size_t at) {
    if (!fails_at(at)) return;
    if (node.op >= 0) match_.expected.push_back("the end of the statement");
    for (const Edge& edge : node.edges) match_.expected.push_back(describe(edge, dialect_));
  }

  std::span<const Token> tokens_;
  Dialect dialect_;
  const Trie& trie_;
  Match match_;
};

}  // namespace

RegisterName register_at(std::span<const Token> tokens, std::size_t at, Dialect dialect) {
  RegisterName name;
  if (at >= tokens.size()) return name;
  if (dialect == Dialect::gnu) {
    if (!tokens[at].is('%') || ++at >= tokens.size()) return name;
    name.tokens = 2;
    if (tokens[at].is("fp")) {
      name.number = 10;
      return name;
    }
  }
  if (tokens[at].kind != TokenKind::identifier) return name;
  std::string_view text = tokens[at].text;
  if (text.size() < 2 || text.size() > 3) return name;
  if (text[0] != 'r' && (text[0] != 'w' || dialect == Dialect::gnu)) return name;
  name.wide = text[0] == 'r';
  if (text.size() == 2 && text[1] >= '0' && text[1] <= '9') name.number = text[1] - '0';
  if (text.substr(1) == "10") name.number = 10;
  return name;
}

bool looks_like_register(const Token& token) {
  std::string_view text = token.text;
  if (token.kind != TokenKind::identifier || text.size() < 2 || (text[0] != 'r' && text[0] != 'w'))
    return false;
  return std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::size_t skip_expression(std::span<const Token> tokens, std::size_t at, Dialect dialect) {
  return Skipper(tokens, dialect).binary(at);
}

Match match_instruction(std::span<const Token> tokens, Dialect dialect) {
  return Walker(tokens, dialect).run();
}

}  // namespace skep::isa
