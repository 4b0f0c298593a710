// Directives: one table row each. Meanings are those of GNU as and clang's integrated assembler.
#include "skep/isa/asm_directives.h"

#include <algorithm>

namespace skep::isa {
namespace {

using Tokens = std::span<const Token>;

struct Call {
  DirectiveHost& host;
  Tokens tokens;    // [0] is the name
  unsigned number;  // from the table
  Tokens arguments() const { return tokens.subspan(1); }
  void error(const Token& token, std::string message) const {
    host.state().error(host.here().line, token, std::move(message));
  }
};

// Arguments separated by commas that are not inside parentheses.
std::vector<Tokens> split(Tokens tokens) {
  std::vector<Tokens> parts;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is('(')) ++depth;
    if (tokens[i].is(')')) --depth;
    if (depth > 0 || !tokens[i].is(',')) continue;
    parts.push_back(tokens.subspan(begin, i - begin));
    begin = i + 1;
  }
  if (!tokens.empty()) parts.push_back(tokens.subspan(begin));
  return parts;
}

// The number that an argument is, now. Symbols must be defined before.
std::optional<std::int64_t> number_now(const Call& call, Tokens argument) {
  std::size_t at = 0;
  std::optional<Value> value = call.host.state().evaluate(argument, at, call.host.here(), false);
  if (!value.has_value()) return std::nullopt;
  if (at != argument.size()) {
    call.error(argument[at], fmt::format("unexpected '{}'", argument[at].text));
    return std::nullopt;
  }
  if (!value->absolute()) {
    call.error(argument[0], "must be a number, not an address");
    return std::nullopt;
  }
  return value->number;
}

// The symbol that an argument names, or an error.
std::optional<std::uint32_t> symbol_named(const Call& call, Tokens argument) {
  if (argument.size() != 1 || argument[0].text.empty() ||
      (argument[0].kind != TokenKind::identifier && argument[0].kind != TokenKind::string)) {
    call.error(argument.empty() ? call.tokens[0] : argument[0], "expected the name of a symbol");
    return std::nullopt;
  }
  return call.host.state().symbol(argument[0].text);
}

bool argument_count(const Call& call, const std::vector<Tokens>& parts, std::size_t least, std::size_t most) {
  bool empty = std::any_of(parts.begin(), parts.end(), [](Tokens part) { return part.empty(); });
  if (!empty && parts.size() >= least && parts.size() <= most) return true;
  std::string range = least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
  call.error(call.tokens[0], empty ? fmt::format("{}: an argument is empty", call.tokens[0].text)
                                   : fmt::format("{} has {} arguments, must be {}", call.tokens[0].text,
                                                 parts.size(), range));
  return false;
}

void ignore(const Call&) {}

void data(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 1, ~std::size_t{0})) return;
  for (Tokens part : parts) {
    // Each number stands on its own place for `.`.
    call.host.append_datum(part, call.number);
  }
}

// number 0: without a NUL at the end, 1: with one
void text(const Call& call) {
  for (Tokens part : split(call.arguments())) {
    std::string bytes;
    if (part.size() != 1 || part[0].kind != TokenKind::string || !unescape(part[0].text, bytes)) {
      return call.error(part.empty() ? call.tokens[0] : part[0], "expected a string in double quotes");
    }
    if (call.number != 0) bytes += '\0';
    std::size_t at = call.host.section().bytes.size();
    if (!call.host.append(bytes.size(), 0, call.tokens[0])) return;
    std::copy(bytes.begin(), bytes.end(),
              call.host.section().bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

// number 0: unsigned, 1: signed
void leb128(const Call& call) {
  for (Tokens part : split(call.arguments())) {
    std::optional<std::int64_t> value = number_now(call, part);
    if (!value.has_value()) return;
    bool more = true;
    for (std::int64_t left = *value; more;) {
      std::uint8_t byte = static_cast<std::uint8_t>(left & 0x7f);
      if (call.number != 0) {
        left >>= 7;
        more = !((left == 0 && (byte & 0x40) == 0) || (left == -1 && (byte & 0x40) != 0));
      } else {
        left = static_cast<std::int64_t>(static_cast<std::uint64_t>(left) >> 7);
        more = left != 0;
      }
      if (!call.host.append(1, static_cast<std::uint8_t>(byte | (more ? 0x80 : 0)), call.tokens[0])) return;
    }
  }
}

void zero(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 1, 2)) return;
  std::optional<std::int64_t> count = number_now(call, parts[0]);
  std::optional<std::int64_t> fill = parts.size() == 2 ? number_now(call, parts[1]) : 0;
  if (!count.has_value() || !fill.has_value()) return;
  if (*count < 0) return call.error(parts[0][0], fmt::format("{} bytes, must not be negative", *count));
  call.host.append(static_cast<std::size_t>(*count), static_cast<std::uint8_t>(*fill), parts[0][0]);
}

// number 0: the argument is bytes, 1: a power of two
void align(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (parts.empty() || parts.size() > 3 || parts[0].empty())
    return call.error(call.tokens[0], fmt::format("{} needs an alignment", call.tokens[0].text));
  std::optional<std::int64_t> given = number_now(call, parts[0]);
  if (!given.has_value()) return;
  std::int64_t bytes = call.number == 0              ? *given
                       : *given >= 0 && *given <= 16 ? std::int64_t{1} << *given
                                                     : -1;
  if (bytes < 1 || bytes > 65536 || (bytes & (bytes - 1)) != 0)
    return call.error(parts[0][0],
                      fmt::format("alignment {} must be a power of two up to 65536 bytes", *given));
  std::optional<std::int64_t> fill = parts.size() >= 2 && !parts[1].empty() ? number_now(call, parts[1]) : 0;
  if (!fill.has_value()) return;
  std::uint64_t unit = static_cast<std::uint64_t>(bytes);
  AsmSection& section = call.host.section();
  section.alignment = section.alignment_said ? std::max(section.alignment, unit) : unit;
  section.alignment_said = true;
  std::size_t size = section.bytes.size();
  call.host.append((size + unit - 1) / unit * unit - size, static_cast<std::uint8_t>(*fill), call.tokens[0]);
}

// .text, .data, .bss, .rodata
void known_section(const Call& call) {
  call.host.select_section(call.host.state().section(call.tokens[0].text));
}

// Letters of .section's flags; those that are not here (G, o, ?) say what BPF objects do not have.
struct SectionFlag {
  char letter;
  bool AsmSection::* flag;
};
constexpr SectionFlag section_flags[] = {
    {'a', &AsmSection::allocated}, {'w', &AsmSection::writable}, {'x', &AsmSection::executable},
    {'M', &AsmSection::merge},     {'S', &AsmSection::strings},  {'e', &AsmSection::excluded},
};

// Flags are letters; @type is progbits, nobits or a number, and the size of an entry follows in mergeable
// sections.
void describe_section(const Call& call, std::span<const Tokens> parts) {
  AsmSection& chosen = call.host.section();
  if (!parts.empty() && !parts[0].empty()) {
    const Token& flags = parts[0][0];
    if (flags.kind != TokenKind::string) return call.error(flags, "expected flags in double quotes");
    for (const SectionFlag& row : section_flags) chosen.*row.flag = false;
    for (char letter : flags.text) {
      auto row = std::find_if(std::begin(section_flags), std::end(section_flags),
                              [&](const SectionFlag& of) { return of.letter == letter; });
      if (row == std::end(section_flags))
        return call.error(flags, fmt::format("unknown section flag '{}', there are a w x M S e", letter));
      chosen.*row->flag = true;
    }
  }
  if (parts.size() >= 2 && !parts[1].empty()) {
    const Token& type = parts[1].back();
    chosen.no_bits = type.is("nobits");
    if (type.kind == TokenKind::number && type.value != 0 && type.value <= UINT32_MAX)
      chosen.type = static_cast<std::uint32_t>(type.value);
    else if (!type.is("nobits") && !type.is("progbits"))
      return call.error(
          type, fmt::format("unknown section type '{}', must be progbits, nobits or a number", type.text));
    if (chosen.no_bits && !chosen.bytes.empty() &&
        std::any_of(chosen.bytes.begin(), chosen.bytes.end(), [](std::uint8_t byte) { return byte != 0; }))
      return call.error(type, fmt::format("section '{}' has bytes already", chosen.name));
  }
  if (chosen.merge && parts.size() >= 3 && !parts[2].empty())
    if (std::optional<std::int64_t> size = number_now(call, parts[2]))
      chosen.entry_size = static_cast<std::uint64_t>(*size);
}

// The name that an argument spells: in quotes, or tokens without space between them (tc/ingress.1,
// fentry/do-it).
std::optional<std::string> section_name(const Call& call, std::span<const Tokens> parts) {
  std::string name;
  if (!parts.empty() && !parts[0].empty()) {
    if (parts[0].size() == 1 && parts[0][0].kind == TokenKind::string) {
      if (!unescape(parts[0][0].text, name)) name.clear();
    } else {
      for (const Token& token : parts[0]) name += token.text;
    }
  }
  if (!name.empty() && name.find('\0') == std::string::npos) return name;
  call.error(parts.empty() || parts[0].empty() ? call.tokens[0] : parts[0][0],
             "expected the name of a section");
  return std::nullopt;
}

// .section name[, "flags"[, @type[, entry size]]]; number 1: .pushsection
void section(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  std::optional<std::string> name = section_name(call, parts);
  if (!name.has_value()) return;
  if (call.number != 0) call.host.push_section();
  call.host.select_section(call.host.state().section(*name));
  describe_section(call, std::span(parts).subspan(1));
}

// number 0: .previous, 1: .popsection
void go_back(const Call& call) {
  if (call.number == 0 ? call.host.previous_section() : call.host.pop_section()) return;
  call.error(call.tokens[0], fmt::format("{}: there is no section to go back to", call.tokens[0].text));
}

// number: the Binding
void bind(const Call& call) {
  for (Tokens part : split(call.arguments())) {
    std::optional<std::uint32_t> symbol = symbol_named(call, part);
    if (!symbol.has_value()) return;
    AsmSymbol& named = call.host.state().assembly.symbols[*symbol];
    named.binding = static_cast<Binding>(call.number);
    named.said_local = named.binding == Binding::local;
  }
}

// number: the Visibility
void show(const Call& call) {
  for (Tokens part : split(call.arguments())) {
    std::optional<std::uint32_t> symbol = symbol_named(call, part);
    if (!symbol.has_value()) return;
    call.host.state().assembly.symbols[*symbol].visibility = static_cast<Visibility>(call.number);
  }
}

// .type name, @function | %object | STT_FUNC
void type(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 2, 2)) return;
  std::optional<std::uint32_t> symbol = symbol_named(call, parts[0]);
  if (!symbol.has_value()) return;
  const Token& kind = parts[1].back();
  AsmSymbol& named = call.host.state().assembly.symbols[*symbol];
  if (kind.is("function") || kind.is("STT_FUNC"))
    named.kind = SymbolKind::function;
  else if (kind.is("object") || kind.is("STT_OBJECT"))
    named.kind = SymbolKind::object;
  else if (kind.is("notype") || kind.is("STT_NOTYPE"))
    named.kind = SymbolKind::none;
  else
    call.error(kind, fmt::format("unknown type '{}', must be function, object or notype", kind.text));
}

void size(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 2, 2)) return;
  std::optional<std::uint32_t> symbol = symbol_named(call, parts[0]);
  std::optional<std::int64_t> bytes = number_now(call, parts[1]);
  if (!symbol.has_value() || !bytes.has_value()) return;
  call.host.state().assembly.symbols[*symbol].size = static_cast<std::uint64_t>(*bytes);
}

void set(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 2, 2)) return;
  if (!symbol_named(call, parts[0]).has_value()) return;
  assign_symbol(call.host, parts[0][0], parts[1]);
}

// .comm name, size[, alignment]
void common(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 2, 3)) return;
  std::optional<std::uint32_t> symbol = symbol_named(call, parts[0]);
  std::optional<std::int64_t> bytes = number_now(call, parts[1]);
  std::optional<std::int64_t> unit = parts.size() == 3 ? number_now(call, parts[2]) : 1;
  if (!symbol.has_value() || !bytes.has_value() || !unit.has_value()) return;
  if (*bytes < 0 || *unit < 1 || (*unit & (*unit - 1)) != 0)
    return call.error(parts[1][0], fmt::format("{} bytes at alignment {} cannot be", *bytes, *unit));
  AsmSymbol& named = call.host.state().assembly.symbols[*symbol];
  if (named.section != AsmSymbol::undefined && named.section != AsmSymbol::common)
    return call.error(parts[0][0], fmt::format("symbol '{}' is already defined", named.name));
  named.section = AsmSymbol::common;
  named.kind = SymbolKind::object;
  if (named.binding == Binding::local) named.binding = Binding::global;
  named.size = static_cast<std::uint64_t>(*bytes);
  named.value = static_cast<std::uint64_t>(*unit);
}

// .file "name.c"; with a number first it is a row of .debug_line, see is_ignored
void file(const Call& call) {
  std::string name;
  const Token& given = call.tokens.size() == 2 ? call.tokens[1] : call.tokens[0];
  if (given.kind != TokenKind::string || !unescape(given.text, name) || name.find('\0') != std::string::npos)
    return call.error(given, "expected the name of a file");
  call.host.state().assembly.symbols.push_back(
      {.name = name, .section = AsmSymbol::absolute, .kind = SymbolKind::file});
}

struct RelocationName {
  std::string_view name;
  AsmRelocType type;
};
constexpr RelocationName relocation_names[] = {
    {"R_BPF_NONE", AsmRelocType::none},
    {"R_BPF_64_64", AsmRelocType::insn64},
    {"R_BPF_64_ABS64", AsmRelocType::abs64},
    {"R_BPF_64_ABS32", AsmRelocType::abs32},
    {"R_BPF_64_NODYLD32", AsmRelocType::nodyld32},
    {"R_BPF_64_32", AsmRelocType::call32},
    {"R_BPF_GNU_64_16", AsmRelocType::jump16},
};

// .reloc offset, R_BPF_64_64, symbol: a relocation without a change of the bytes, which hold the addend
void relocation(const Call& call) {
  std::vector<Tokens> parts = split(call.arguments());
  if (!argument_count(call, parts, 3, 3)) return;
  const Token& name = parts[1][0];
  auto row = std::find_if(std::begin(relocation_names), std::end(relocation_names),
                          [&](const RelocationName& of) { return name.is(of.name); });
  if (row == std::end(relocation_names) || parts[1].size() != 1)
    return call.error(name, fmt::format("unknown relocation type '{}'", name.text));
  std::optional<std::uint32_t> symbol = symbol_named(call, parts[2]);
  if (symbol.has_value()) call.host.append_relocation(parts[0], row->type, *symbol);
}

// number 0: there shall be an .llvm_addrsig, 1: and this symbol in it
void significant(const Call& call) {
  AsmState& state = call.host.state();
  if (!state.assembly.address_significant) state.assembly.address_significant.emplace();
  if (call.number == 0) return;
  for (Tokens part : split(call.arguments())) {
    std::optional<std::uint32_t> symbol = symbol_named(call, part);
    if (!symbol.has_value()) return;
    state.assembly.address_significant->push_back(*symbol);
  }
}

struct Directive {
  std::string_view name;
  void (*run)(const Call& call);
  unsigned number = 0;
};

constexpr Directive directives[] = {
    {".section", section, 0},
    {".pushsection", section, 1},
    {".popsection", go_back, 1},
    {".previous", go_back, 0},
    {".text", known_section},
    {".data", known_section},
    {".bss", known_section},
    {".rodata", known_section},
    {".globl", bind, static_cast<unsigned>(Binding::global)},
    {".global", bind, static_cast<unsigned>(Binding::global)},
    {".weak", bind, static_cast<unsigned>(Binding::weak)},
    {".local", bind, static_cast<unsigned>(Binding::local)},
    {".extern", bind, static_cast<unsigned>(Binding::global)},
    {".internal", show, static_cast<unsigned>(Visibility::internal)},
    {".hidden", show, static_cast<unsigned>(Visibility::hidden)},
    {".protected", show, static_cast<unsigned>(Visibility::protected_)},
    {".type", type},
    {".size", size},
    {".set", set},
    {".equ", set},
    {".byte", data, 1},
    {".2byte", data, 2},
    {".short", data, 2},
    {".half", data, 2},
    {".hword", data, 2},
    {".4byte", data, 4},
    {".long", data, 4},
    {".int", data, 4},
    {".word", data, 4},
    {".8byte", data, 8},
    {".quad", data, 8},
    {".dword", data, 8},
    {".ascii", text, 0},
    {".asciz", text, 1},
    {".string", text, 1},
    {".uleb128", leb128, 0},
    {".sleb128", leb128, 1},
    {".zero", zero},
    {".skip", zero},
    {".space", zero},
    {".align", align, 0},
    {".balign", align, 0},
    {".p2align", align, 1},
    {".comm", common},
    {".file", file},
    {".reloc", relocation},
    {".addrsig", significant, 0},
    {".addrsig_sym", significant, 1},
    // They make DWARF's line table and frame descriptions, which nothing that loads BPF objects reads (lines
    // are in .BTF.ext), and a comment.
    {".ident", ignore},
    {".loc", ignore},
    {".cfi_startproc", ignore},
    {".cfi_endproc", ignore},
    {".cfi_sections", ignore},
    {".cfi_def_cfa", ignore},
    {".cfi_def_cfa_offset", ignore},
    {".cfi_def_cfa_register", ignore},
    {".cfi_offset", ignore},
    {".cfi_escape", ignore},
};

}  // namespace

bool is_ignored(std::span<const Token> tokens) {
  const Token& name = tokens[0];
  if (name.is(".file")) return tokens.size() > 1 && tokens[1].kind == TokenKind::number;
  for (const Directive& directive : directives)
    if (directive.run == ignore && name.is(directive.name)) return true;
  return false;
}

void run_directive(DirectiveHost& host, std::span<const Token> tokens) {
  Call call{.host = host, .tokens = tokens, .number = 0};
  for (const Directive& directive : directives) {
    if (directive.name != tokens[0].text) continue;
    call.number = directive.number;
    return directive.run(call);
  }
  call.error(tokens[0], fmt::format("unknown directive '{}'", tokens[0].text));
}

void assign_symbol(DirectiveHost& host, const Token& name, std::span<const Token> expression) {
  AsmState& state = host.state();
  std::size_t at = 0;
  std::optional<Value> value = state.evaluate(expression, at, host.here(), false);
  if (!value.has_value()) return;
  if (at != expression.size())
    return state.error(host.here().line, expression[at], fmt::format("unexpected '{}'", expression[at].text));
  AsmSymbol& symbol = state.assembly.symbols[state.symbol(name.text)];
  if (symbol.section != AsmSymbol::undefined && symbol.section != AsmSymbol::absolute)
    return state.error(host.here().line, name, fmt::format("symbol '{}' is already defined", name.text));
  symbol.section = value->section;
  symbol.value = static_cast<std::uint64_t>(value->number);
}

}  // namespace skep::isa
