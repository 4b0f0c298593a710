// The assembler's two passes. First: every statement is read, instructions are matched, sizes are known,
// labels get their places. Second: expressions are evaluated, instructions encoded, relocations written down.
#include "skep/isa/assemble.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "skep/base/check.h"
#include "skep/isa/asm_directives.h"
#include "skep/isa/asm_match.h"
#include "skep/isa/asm_state.h"
#include "skep/isa/decode.h"

namespace skep::isa {
namespace {

constexpr std::size_t most_errors = 50;

// What the first pass leaves to the second.
struct Pending {
  Here here;
  std::span<const Token> tokens = {};
  // An instruction ...
  bool is_instruction = false;
  OpId op = 0;
  OperandPlaces places = {};
  // ... or a datum of so many bytes, its expression at tokens[0] ...
  unsigned data_bytes = 0;
  // ... or a relocation, its place at tokens[0].
  AsmRelocType relocation = AsmRelocType::none;
  std::uint32_t symbol = 0;
};

class Assembler : public DirectiveHost {
 public:
  Assembler(const AssembleOptions& options, Diagnostics& diagnostics) : state_(options, diagnostics) {
    dialect_ = options.dialect == Dialect::gnu ? Dialect::gnu : Dialect::kernel;
    here_.section = state_.section(".text");
  }

  void read(std::string_view text) {
    bool in_comment = false;
    while (!text.empty() && !given_up()) {
      std::size_t end = text.find('\n');
      here_.line.text = text.substr(0, end);
      ++here_.line.number;
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (here_.line.text.ends_with('\r')) here_.line.text.remove_suffix(1);
      lines_.push_back(lex_line(here_.line.text, in_comment));
      statements(lines_.back());
    }
  }

  void resolve() {
    for (const Pending& pending : pending_) {
      if (given_up()) return;
      if (pending.is_instruction)
        place_instruction(pending);
      else if (pending.data_bytes != 0)
        place_datum(pending);
      else
        place_relocation(pending);
    }
    sort_relocations();
  }

  Assembly finish() {
    drop_unused_symbols();
    return std::move(state_.assembly);
  }

  // DirectiveHost: what directives may do.
  AsmState& state() override { return state_; }
  Here& here() override { return here_; }
  AsmSection& section() override { return state_.assembly.sections[here_.section]; }
  void select_section(std::uint32_t index) override {
    before_ = std::exchange(here_.section, index);
    here_.offset = section().bytes.size();
  }
  bool previous_section() override {
    if (!before_.has_value()) return false;
    select_section(*before_);
    return true;
  }
  void push_section() override { pushed_.push_back({here_.section, before_}); }
  bool pop_section() override {
    if (pushed_.empty()) return false;
    select_section(pushed_.back().first);
    before_ = pushed_.back().second;
    pushed_.pop_back();
    return true;
  }
  bool append(std::size_t count, std::uint8_t fill, const Token& why) override {
    if (count > largest_output - total_bytes_) {
      state_.error(here_.line, why,
                   fmt::format("the sections would be larger than {} bytes", largest_output));
      return false;
    }
    total_bytes_ += count;
    section().bytes.resize(section().bytes.size() + count, fill);
    here_.offset = section().bytes.size();
    return true;
  }
  void append_datum(std::span<const Token> expression, unsigned bytes) override {
    pending_.push_back({.here = here_, .tokens = expression, .data_bytes = bytes});
    append(bytes, 0, expression.front());
  }
  void append_relocation(std::span<const Token> place, AsmRelocType type, std::uint32_t symbol) override {
    pending_.push_back({.here = here_, .tokens = place, .relocation = type, .symbol = symbol});
  }

 private:
  static constexpr std::size_t largest_output = std::size_t{1} << 28;

  bool given_up() const { return state_.diagnostics.errors() >= most_errors; }

  void statements(std::span<const Token> tokens) {
    while (!tokens.empty()) {
      auto end = std::find_if(tokens.begin(), tokens.end(), [](const Token& t) { return t.is(';'); });
      std::size_t count = static_cast<std::size_t>(end - tokens.begin());
      statement(tokens.first(count));
      tokens = tokens.subspan(std::min(count + 1, tokens.size()));
    }
  }

  void statement(std::span<const Token> tokens) {
    ++here_.sequence;
    while (tokens.size() >= 2 && tokens[1].is(':')) {
      if (!label(tokens[0])) return;
      tokens = tokens.subspan(2);
    }
    if (tokens.empty() || is_ignored(tokens)) return;
    for (const Token& token : tokens) {
      if (token.kind != TokenKind::bad) continue;
      state_.error(here_.line, token, fmt::format("{}: '{}'", token.message, token.text));
      return;
    }
    if (is_assignment(tokens)) {
      assign_symbol(*this, tokens[0], tokens.subspan(2));
    } else if (tokens[0].kind == TokenKind::identifier && tokens[0].text.starts_with('.')) {
      run_directive(*this, tokens);
    } else {
      instruction(tokens);
    }
  }

  bool label(const Token& name) {
    if (name.kind == TokenKind::number) {
      state_.define_numeric_label(name.value, here_);
      return true;
    }
    bool word = name.kind == TokenKind::identifier && register_at({&name, 1}, 0, dialect_).number < 0;
    if (!word && (name.kind != TokenKind::string || name.text.empty())) {
      state_.error(here_.line, name, fmt::format("'{}' cannot be a label", name.text));
      return false;
    }
    return state_.define_label(name, here_);
  }

  bool is_assignment(std::span<const Token> tokens) const {
    return tokens.size() >= 3 &&
           (tokens[0].kind == TokenKind::identifier || tokens[0].kind == TokenKind::string) &&
           tokens[1].is('=') && !tokens[2].is('=') && register_at(tokens, 0, dialect_).number < 0 &&
           !looks_like_register(tokens[0]);
  }

  void instruction(std::span<const Token> tokens) {
    Match match = match_instruction(tokens, dialect_);
    if (!match.found) return no_match(tokens, match);
    AsmSection& target = section();
    if (here_.offset % sizeof(Insn) != 0) {
      state_.error(here_.line, tokens[0],
                   fmt::format("instruction at offset {:#x}, which is not a multiple of 8", here_.offset));
      return;
    }
    if (target.no_bits) {
      state_.error(here_.line, tokens[0], fmt::format("section '{}' holds no bytes", target.name));
      return;
    }
    target.executable = true;
    if (!target.alignment_said) target.alignment = sizeof(Insn);
    if (match.op == op("exit")) first_exit_.try_emplace(here_.section, here_.offset);
    target.lines.push_back({here_.offset, here_.line.number});
    pending_.push_back(
        {.here = here_, .tokens = tokens, .is_instruction = true, .op = match.op, .places = match.places});
    append(row(match.op).slots * sizeof(Insn), 0, tokens[0]);
  }

  void no_match(std::span<const Token> tokens, const Match& match) {
    Token at = tokens.back();
    if (match.failed_at < tokens.size()) {
      at = tokens[match.failed_at];
    } else {
      at.column += at.length;
      at.length = 1;
    }
    const Token& name = at.is('%') && match.failed_at + 1 < tokens.size() ? tokens[match.failed_at + 1] : at;
    if (name.kind == TokenKind::identifier && looks_like_register(name)) {
      if (register_at(tokens, match.failed_at, dialect_).number < 0) {
        std::string_view known = dialect_ == Dialect::gnu ? "%r0 to %r10 and %fp" : "r0 to r10";
        state_.error(here_.line, name, fmt::format("unknown register '{}', there are {}", name.text, known));
        return;
      }
      state_.error(here_.line, name, fmt::format("'{}' cannot stand here", name.text) + expected(match));
      return;
    }
    if (match.failed_at == 0) {
      const Match other = match_instruction(tokens, other_dialect());
      state_.error(here_.line, at,
                   fmt::format("unknown instruction '{}'{}", at.text,
                               other.failed_at > 0 ? other_dialect_hint() : ""));
      return;
    }
    bool at_end = match.failed_at >= tokens.size();
    state_.error(
        here_.line, at,
        (at_end ? std::string("the statement ends too early") : fmt::format("unexpected '{}'", at.text)) +
            expected(match));
  }

  Dialect other_dialect() const { return dialect_ == Dialect::gnu ? Dialect::kernel : Dialect::gnu; }
  const char* other_dialect_hint() const {
    return dialect_ == Dialect::gnu ? "; the kernel's dialect has it (--dialect kernel)"
                                    : "; the GNU dialect has it (--dialect gnu)";
  }

  static std::string expected(const Match& match) {
    constexpr std::size_t most = 6;
    std::string text;
    for (std::size_t i = 0; i < std::min(match.expected.size(), most); ++i)
      text += (i == 0 ? ", expected " : i + 1 == match.expected.size() ? " or " : ", ") + match.expected[i];
    if (match.expected.size() > most) text += ", ...";
    return text;
  }

  // ---- second pass

  void place_datum(const Pending& pending) {
    std::size_t at = 0;
    std::optional<Value> value = state_.evaluate(pending.tokens, at, pending.here, true);
    if (!value.has_value()) return;
    if (at != pending.tokens.size()) {
      state_.error(pending.here.line, pending.tokens[at],
                   fmt::format("unexpected '{}'", pending.tokens[at].text));
      return;
    }
    AsmSection& target = state_.assembly.sections[pending.here.section];
    if (!value->absolute()) {
      if (pending.data_bytes != 4 && pending.data_bytes != 8) {
        state_.error(pending.here.line, pending.tokens[0],
                     fmt::format("an address needs 4 or 8 bytes, not {}", pending.data_bytes));
        return;
      }
      if (target.no_bits) {
        state_.error(pending.here.line, pending.tokens[0],
                     fmt::format("section '{}' holds no bytes, so no address can be in it", target.name));
        return;
      }
      AsmRelocType type = pending.data_bytes == 8 ? AsmRelocType::abs64 : data32_type(*value);
      value->number = relocate(target, pending.here, type, *value);
    }
    std::int64_t number = value->number;
    unsigned bits = pending.data_bytes * 8;
    if (bits < 64 && (number < -(std::int64_t{1} << (bits - 1)) || number >= std::int64_t{1} << bits)) {
      state_.error(pending.here.line, pending.tokens[0],
                   fmt::format("{} does not fit {} bits", number, bits));
      return;
    }
    if (target.no_bits && number != 0) {
      state_.error(pending.here.line, pending.tokens[0],
                   fmt::format("section '{}' holds no bytes, so only 0 can be in it", target.name));
      return;
    }
    std::uint8_t* bytes = target.bytes.data() + pending.here.offset;
    std::endian order = state_.options.order;
    switch (pending.data_bytes) {
      case 1: *bytes = static_cast<std::uint8_t>(number); break;
      case 2: base::store(bytes, static_cast<std::int16_t>(number), order); break;
      case 4: base::store(bytes, static_cast<std::int32_t>(number), order); break;
      case 8: base::store(bytes, number, order); break;
      default: check(false, "a datum has 1, 2, 4 or 8 bytes");
    }
  }

  // clang's rule for 32-bit data: offsets that .BTF.ext (by temporary labels) and .BTF (by names of
  // variables) hold are not the loader's to change.
  AsmRelocType data32_type(const Value& value) const {
    if (value.section >= state_.assembly.sections.size()) return AsmRelocType::abs32;
    const AsmSection& target = state_.assembly.sections[value.section];
    bool temporary =
        value.symbol == Value::no_symbol || state_.assembly.symbols[value.symbol].name.starts_with(".L");
    bool kept = target.allocated && (temporary ? target.executable : target.writable);
    return kept ? AsmRelocType::nodyld32 : AsmRelocType::abs32;
  }

  // Notes a relocation at `here` against what the value names; returns the addend. Local symbols are replaced
  // by their section, as clang and GNU as do, unless what lies beyond them may be merged away.
  std::int64_t relocate(AsmSection& target, const Here& here, AsmRelocType type, const Value& value) {
    std::uint32_t symbol = value.symbol;
    std::int64_t addend = value.number;
    if (value.section < state_.assembly.sections.size()) {
      std::int64_t own = 0;
      bool local = true;
      if (symbol != Value::no_symbol) {
        const AsmSymbol& named = state_.assembly.symbols[symbol];
        own = static_cast<std::int64_t>(named.value);
        local = named.binding == Binding::local &&
                !(state_.assembly.sections[value.section].merge && own != addend);
      }
      if (local)
        symbol = state_.section_symbol(value.section);
      else
        addend -= own;
    }
    target.relocations.push_back(
        {.offset = here.offset, .type = type, .symbol = symbol, .line = here.line.number});
    return addend;
  }

  void place_relocation(const Pending& pending) {
    std::size_t at = 0;
    std::optional<Value> place = state_.evaluate(pending.tokens, at, pending.here, true);
    if (!place.has_value()) return;
    AsmSection& target = state_.assembly.sections[pending.here.section];
    std::uint64_t offset = static_cast<std::uint64_t>(place->number);
    if ((!place->absolute() && place->section != pending.here.section) || offset >= target.bytes.size())
      return state_.error(pending.here.line, pending.tokens[0],
                          fmt::format("relocation at {}, must lie in this section ({} bytes)", place->number,
                                      target.bytes.size()));
    // A temporary label at a section's start stands for the section.
    const AsmSymbol& named = state_.assembly.symbols[pending.symbol];
    bool whole =
        named.name.starts_with(".L") && named.value == 0 && named.section < state_.assembly.sections.size();
    target.relocations.push_back({.offset = offset,
                                  .type = pending.relocation,
                                  .symbol = whole ? state_.section_symbol(named.section) : pending.symbol,
                                  .line = pending.here.line.number});
  }

  // By place; .reloc may have come late.
  void sort_relocations() {
    for (AsmSection& section : state_.assembly.sections)
      std::stable_sort(section.relocations.begin(), section.relocations.end(),
                       [](const AsmRelocation& a, const AsmRelocation& b) { return a.offset < b.offset; });
  }

  void place_instruction(const Pending& pending) {
    const Op& op = row(pending.op);
    const OperandPlaces& places = pending.places;
    Decoded decoded{.op = pending.op, .slots = op.slots};
    if (places.dst >= 0) decoded.dst = static_cast<std::uint8_t>(places.dst);
    if (places.src >= 0) decoded.src = static_cast<std::uint8_t>(places.src);
    bool good = true;
    if (places.off >= 0) {
      std::optional<std::int64_t> off = constant(pending, places.off, -0x8000, 0x7fff, "offset");
      good = good && off.has_value();
      decoded.off = static_cast<std::int16_t>(off.value_or(0));
    }
    if (places.to_space >= 0) {
      std::optional<std::int64_t> to = constant(pending, places.to_space, 0, 0xffff, "address space");
      std::optional<std::int64_t> from = constant(pending, places.from_space, 0, 0xffff, "address space");
      good = good && to.has_value() && from.has_value();
      decoded.imm =
          static_cast<std::int32_t>(static_cast<std::uint32_t>(to.value_or(0) << 16 | from.value_or(0)));
    }
    if (places.target >= 0) good = good && jump_target(pending, decoded);
    if (places.imm >= 0) good = good && immediate(pending, decoded);
    if (!good) return;
    auto encoded = encode(decoded);
    if (!encoded.has_value()) {
      state_.error(pending.here.line, pending.tokens[0], encoded.error().message);
      return;
    }
    Buffer bytes = write_insns(encoded->span(), state_.options.order);
    std::copy(bytes.begin(), bytes.end(),
              state_.assembly.sections[pending.here.section].bytes.begin() +
                  static_cast<std::ptrdiff_t>(pending.here.offset));
  }

  std::optional<Value> value_at(const Pending& pending, std::int32_t place) {
    std::size_t at = static_cast<std::size_t>(place);
    return state_.evaluate(pending.tokens, at, pending.here, true);
  }

  // A number in [least, most], or an error.
  std::optional<std::int64_t> constant(const Pending& pending, std::int32_t place, std::int64_t least,
                                       std::int64_t most, std::string_view what) {
    std::optional<Value> value = value_at(pending, place);
    if (!value.has_value()) return std::nullopt;
    const Token& token = pending.tokens[static_cast<std::size_t>(place)];
    if (!value->absolute()) {
      state_.error(pending.here.line, token, fmt::format("{} must be a number, not an address", what));
      return std::nullopt;
    }
    if (value->number < least || value->number > most) {
      state_.error(pending.here.line, token,
                   fmt::format("{} {} does not fit, must be {} to {}", what, value->number, least, most));
      return std::nullopt;
    }
    return value->number;
  }

  bool immediate(const Pending& pending, Decoded& decoded) {
    const Op& op = decoded.row();
    if (op.slots == 2) return wide_immediate(pending, decoded);
    if (op.operation == Operation::call_helper) return call(pending, decoded);
    std::optional<std::int64_t> imm =
        constant(pending, pending.places.imm, INT32_MIN, UINT32_MAX, "immediate");
    if (!imm.has_value()) return false;
    decoded.imm = static_cast<std::int32_t>(static_cast<std::uint32_t>(*imm));
    if (*imm > INT32_MAX && op.width == 64)
      state_.warning(pending.here.line, pending.tokens[static_cast<std::size_t>(pending.places.imm)],
                     fmt::format("{:#x} becomes {:#x} when it is extended to 64 bits", *imm,
                                 static_cast<std::uint64_t>(decoded.imm)));
    return true;
  }

  bool wide_immediate(const Pending& pending, Decoded& decoded) {
    const OperandPlaces& places = pending.places;
    if (decoded.row().operation != Operation::imm64) {
      std::optional<std::int64_t> low = constant(pending, places.imm, INT32_MIN, UINT32_MAX, "immediate");
      std::optional<std::int64_t> high = 0;
      if (places.imm_high >= 0)
        high = constant(pending, places.imm_high, INT32_MIN, UINT32_MAX, "second immediate");
      if (!low.has_value() || !high.has_value()) return false;
      decoded.imm = static_cast<std::int64_t>(static_cast<std::uint64_t>(*high) << 32 |
                                              static_cast<std::uint32_t>(*low));
      return true;
    }
    std::optional<Value> value = value_at(pending, places.imm);
    if (!value.has_value()) return false;
    decoded.imm = value->number;
    if (!value->absolute())
      decoded.imm = relocate(state_.assembly.sections[pending.here.section], pending.here,
                             AsmRelocType::insn64, *value);
    return true;
  }

  // `call 5`: a helper. `call name`: a helper of that name, a function of this section, or one that the
  // linker finds.
  bool call(const Pending& pending, Decoded& decoded) {
    std::size_t at = static_cast<std::size_t>(pending.places.imm);
    const Token& token = pending.tokens[at];
    if (token.kind == TokenKind::identifier && at + 1 == pending.tokens.size() &&
        state_.options.helper_id != nullptr) {
      std::optional<std::uint32_t> symbol = state_.find_symbol(token.text);
      bool declared =
          symbol.has_value() && (state_.assembly.symbols[*symbol].section != AsmSymbol::undefined ||
                                 state_.assembly.symbols[*symbol].binding != Binding::local);
      std::optional<std::uint32_t> helper = state_.options.helper_id(token.text);
      if (!declared && helper.has_value()) {
        decoded.imm = static_cast<std::int32_t>(*helper);
        return true;
      }
    }
    std::optional<Value> value = value_at(pending, pending.places.imm);
    if (!value.has_value()) return false;
    if (value->absolute()) {
      std::optional<std::int64_t> id =
          constant(pending, pending.places.imm, INT32_MIN, UINT32_MAX, "helper number");
      decoded.imm = static_cast<std::int32_t>(static_cast<std::uint32_t>(id.value_or(0)));
      return id.has_value();
    }
    decoded.op = op("call_local");
    return call_function(pending, token, *value, decoded);
  }

  bool call_function(const Pending& pending, const Token& token, const Value& value, Decoded& decoded) {
    bool weak =
        value.symbol != Value::no_symbol && state_.assembly.symbols[value.symbol].binding == Binding::weak;
    if (value.section == pending.here.section && !weak) return distance_to(pending, token, value, decoded);
    std::int64_t addend =
        relocate(state_.assembly.sections[pending.here.section], pending.here, AsmRelocType::call32, value);
    // The ABI's addend counts slots from the instruction after the call.
    if (addend % std::int64_t{sizeof(Insn)} != 0) {
      state_.error(pending.here.line, token, "not the address of an instruction");
      return false;
    }
    decoded.imm = addend / std::int64_t{sizeof(Insn)} - 1;
    return true;
  }

  bool jump_target(const Pending& pending, Decoded& decoded) {
    const Token& token = pending.tokens[static_cast<std::size_t>(pending.places.target)];
    std::optional<Value> value = value_at(pending, pending.places.target);
    if (!value.has_value()) return false;
    if (value->absolute()) return set_distance(pending, token, value->number, decoded);
    if (decoded.row().action == Class::call) return call_function(pending, token, *value, decoded);
    if (implies_exit(pending, token, *value)) return distance_to(pending, token, *value, decoded);
    if (value->section != pending.here.section) {
      state_.error(pending.here.line, token,
                   value->section == AsmSymbol::undefined
                       ? fmt::format("label '{}' is not defined", token.text)
                       : fmt::format("'{}' is in another section, a jump cannot go there", token.text));
      return false;
    }
    return distance_to(pending, token, *value, decoded);
  }

  // uBPF's dialect: a label `exit` that nobody defines is the section's first exit.
  bool implies_exit(const Pending& pending, const Token& token, Value& value) const {
    if (dialect_ != Dialect::gnu || !token.is("exit") || value.section != AsmSymbol::undefined) return false;
    auto first = first_exit_.find(pending.here.section);
    if (first == first_exit_.end()) return false;
    value = {.number = static_cast<std::int64_t>(first->second), .section = pending.here.section};
    return true;
  }

  bool distance_to(const Pending& pending, const Token& token, const Value& value, Decoded& decoded) {
    std::int64_t bytes = static_cast<std::int64_t>(static_cast<std::uint64_t>(value.number) -
                                                   pending.here.offset - sizeof(Insn));
    if (bytes % std::int64_t{sizeof(Insn)} != 0) {
      state_.error(pending.here.line, token, "not the address of an instruction");
      return false;
    }
    return set_distance(pending, token, bytes / std::int64_t{sizeof(Insn)}, decoded);
  }

  bool set_distance(const Pending& pending, const Token& token, std::int64_t slots, Decoded& decoded) {
    bool far = decoded.row().has(uses_imm) && !decoded.row().has(uses_off);
    std::int64_t most = far ? INT32_MAX : INT16_MAX;
    if (slots < -most - 1 || slots > most) {
      state_.error(pending.here.line, token,
                   fmt::format("{} slots away, at most {} fit{}", slots, most,
                               far                        ? ""
                               : dialect_ == Dialect::gnu ? "; 'jal' reaches further"
                                                          : "; 'gotol' reaches further"));
      return false;
    }
    if (far)
      decoded.imm = slots;
    else
      decoded.off = static_cast<std::int16_t>(slots);
    return true;
  }

  // Keeps what is defined or referred to, without temporary names, and renumbers the relocations.
  void drop_unused_symbols() {
    Assembly& all = state_.assembly;
    std::vector<bool> used(all.symbols.size());
    for (const AsmSection& s : all.sections)
      for (const AsmRelocation& r : s.relocations) used[r.symbol] = true;
    std::vector<std::uint32_t> renumbered(all.symbols.size(), AsmSymbol::undefined);
    std::vector<AsmSymbol> kept;
    for (std::size_t i = 0; i < all.symbols.size(); ++i) {
      const AsmSymbol& symbol = all.symbols[i];
      bool named = symbol.section != AsmSymbol::undefined && symbol.kind != SymbolKind::section &&
                   (!is_temporary(symbol.name) || symbol.said_local || symbol.binding != Binding::local);
      if (!used[i] && !named) continue;
      renumbered[i] = static_cast<std::uint32_t>(kept.size());
      kept.push_back(symbol);
      if (symbol.section == AsmSymbol::undefined && symbol.binding == Binding::local)
        kept.back().binding = Binding::global;  // an undefined symbol is somebody else's
    }
    all.symbols = std::move(kept);
    for (AsmSection& s : all.sections)
      for (AsmRelocation& r : s.relocations) r.symbol = renumbered[r.symbol];
    if (!all.address_significant) return;
    for (std::uint32_t& symbol : *all.address_significant) symbol = renumbered[symbol];
    std::erase(*all.address_significant, AsmSymbol::undefined);
  }

  AsmState state_;
  Dialect dialect_ = Dialect::kernel;
  Here here_;
  std::size_t total_bytes_ = 0;
  std::optional<std::uint32_t> before_;  // section, for .previous
  std::vector<std::pair<std::uint32_t, std::optional<std::uint32_t>>> pushed_;
  std::map<std::uint32_t, std::uint64_t> first_exit_;  // section -> offset
  std::deque<std::vector<Token>> lines_;               // a deque: spans into its vectors stay valid
  std::vector<Pending> pending_;
};

}  // namespace

const AsmSection* Assembly::find_section(std::string_view name) const {
  auto found =
      std::find_if(sections.begin(), sections.end(), [&](const AsmSection& s) { return s.name == name; });
  return found == sections.end() ? nullptr : &*found;
}

const AsmSymbol* Assembly::find_symbol(std::string_view name) const {
  auto found = std::find_if(symbols.begin(), symbols.end(), [&](const AsmSymbol& s) {
    return s.name == name && s.kind != SymbolKind::section;
  });
  return found == symbols.end() ? nullptr : &*found;
}

Result<Assembly> assemble(std::string_view text, const AssembleOptions& options, Diagnostics& diagnostics) {
  std::size_t before = diagnostics.errors();
  Assembler assembler(options, diagnostics);
  assembler.read(text);
  if (diagnostics.errors() == before) assembler.resolve();
  std::size_t errors = diagnostics.errors() - before;
  if (errors >= most_errors) return fail(EINVAL, "{}: {} errors, given up", options.file, errors);
  if (errors != 0) return fail(EINVAL, "{}: {} error{}", options.file, errors, errors == 1 ? "" : "s");
  return assembler.finish();
}

Result<std::vector<Insn>> assemble_insns(std::string_view text, const AssembleOptions& options) {
  Diagnostics diagnostics;
  auto assembly = assemble(text, options, diagnostics);
  if (!assembly.has_value()) return fail(EINVAL, "{}", diagnostics.print());
  const AsmSection& code = assembly->sections[0];
  if (!code.relocations.empty())
    return fail(EINVAL, "{}:{}: '{}' is not defined here", options.file, code.relocations[0].line,
                assembly->symbols[code.relocations[0].symbol].name);
  if (code.bytes.empty()) return fail(EINVAL, "{}: no instructions", options.file);
  return parse_insns(code.bytes, options.order);
}

}  // namespace skep::isa
