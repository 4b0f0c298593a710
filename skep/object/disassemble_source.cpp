// An object as source. Instructions in the exact syntax, with labels where jumps arrive and names where a
// relocation can be said by name; whatever a relocation holds beyond that is said by .reloc, so that nothing
// is lost.
#include <algorithm>
#include <bit>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "skep/isa/asm_lex.h"
#include "skep/object/disassembling.h"

namespace skep::object {
namespace {

// Letters of .section's flags.
struct Flag {
  std::uint64_t bit;
  char letter;
};
constexpr std::uint64_t shf_exclude = 0x80000000;
constexpr Flag flags[] = {{elf::shf::alloc, 'a'}, {elf::shf::write, 'w'},   {elf::shf::execinstr, 'x'},
                          {elf::shf::merge, 'M'}, {elf::shf::strings, 'S'}, {shf_exclude, 'e'}};

// Sections that the assembler makes by itself.
bool is_table(const elf::Section& section) {
  switch (section.type) {
    case elf::sht::null:
    case elf::sht::symtab:
    case elf::sht::strtab:
    case elf::sht::rel:
    case elf::sht::symtab_shndx:
    case elf::sht::llvm_addrsig: return true;
    default: return false;
  }
}

constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

// Could a line that begins with it be taken for something else?
bool needs_quotes(std::string_view name, isa::Dialect dialect) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!is_letter(name[0]) && !(name[0] == '.' && name.size() > 1)) return true;
  for (char c : name)
    if (!is_letter(c) && !is_digit(c) && c != '.') return true;
  if (name == "ll" || name == "goto" || name == "pc" || name == "local" || name == "kfunc") return true;
  // r1 and w99 are registers, never symbols.
  return dialect != isa::Dialect::gnu && (name[0] == 'r' || name[0] == 'w') && name.size() > 1 &&
         std::all_of(name.begin() + 1, name.end(), is_digit);
}

// Labels that the source makes: .Lsection3, .L3_17.
bool is_ours(std::string_view name) {
  if (!name.starts_with(".L") || name.size() < 3) return false;
  return name.starts_with(".Lsection") || (name[2] >= '0' && name[2] <= '9');
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      fmt::format_to(std::back_inserter(out), "\\{:03o}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

class Source {
 public:
  Source(const elf::File& file, const DisassembleOptions& options) : file_(file), options_(options) {
    print_ = {.dialect = options.dialect, .exact = true};
  }

  Result<std::string> run() {
    TRY(check_names());
    bool big = file_.order() == std::endian::big;
    out_ = fmt::format("# {}: skep asm{}{} makes the same object of this\n", printable_name(),
                       big ? " --big-endian" : "",
                       options_.dialect == isa::Dialect::gnu ? " --dialect gnu" : "");
    for (const elf::Symbol& symbol : file_.symbols()) loose_symbol(symbol);
    for (const elf::Section& section : file_.sections())
      if (!is_table(section)) TRY(print_section(section));
    address_significance();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  std::string printable_name() const {
    std::string name = options_.name;
    for (char& c : name)
      if (static_cast<unsigned char>(c) < 0x20) c = '?';
    return name;
  }

  Result<void> check_names() {
    std::unordered_set<std::string_view> sections, symbols;
    std::uint64_t total = 0, memory = 0;
    for (const elf::Section& section : file_.sections()) {
      if (is_table(section)) continue;
      total += section.bytes.size();
      if (total > file_.bytes().size())
        return fail(EINVAL, "section {} '{}': overlaps other sections", section.index, section.name);
      constexpr std::uint64_t largest = std::uint64_t{1} << 28;  // what the assembler makes
      memory += std::min(section.size, largest);
      if (memory >= largest)
        return fail(EOPNOTSUPP, "section {} '{}': {} bytes are too many for source", section.index,
                    section.name, section.size);
      if (!sections.insert(section.name).second || section.name.empty())
        return fail(EOPNOTSUPP, "section {} '{}': source cannot tell it from another one of that name",
                    section.index, section.name);
      constexpr std::uint64_t known = elf::shf::alloc | elf::shf::write | elf::shf::execinstr |
                                      elf::shf::merge | elf::shf::strings | shf_exclude;
      if ((section.flags & ~known) != 0)
        return fail(EOPNOTSUPP, "section {} '{}': source cannot say its flags {:#x}", section.index,
                    section.name, section.flags & ~known);
    }
    for (const elf::Symbol& symbol : file_.symbols()) {
      if (symbol.name.empty() || symbol.type == elf::stt::file || symbol.type == elf::stt::section) continue;
      if (!symbols.insert(symbol.name).second)
        return fail(EOPNOTSUPP, "symbol '{}': source cannot tell it from another one of that name",
                    symbol.name);
      if (symbol.name.find_first_of("\"\\\n") != std::string_view::npos || is_ours(symbol.name) ||
          (symbol.name[0] == '.' && file_.find_section(symbol.name)))
        return fail(EOPNOTSUPP, "symbol '{}': source cannot say this name", symbol.name);
      if (symbol.type > elf::stt::func || symbol.binding > elf::stb::weak)
        return fail(EOPNOTSUPP, "symbol '{}': source cannot say type {} and binding {}", symbol.name,
                    symbol.type, symbol.binding);
      bool common = symbol.place == elf::Place::common;
      if (common && (!std::has_single_bit(symbol.value) || (symbol.value | symbol.size) > INT64_MAX))
        return fail(EOPNOTSUPP, "symbol '{}': {} bytes at alignment {} cannot be", symbol.name, symbol.size,
                    symbol.value);
    }
    for (const elf::Section& section : file_.sections())
      for (const elf::Relocation& relocation : file_.relocations(section.index)) {
        const elf::Symbol& symbol = file_.symbol(relocation.symbol);
        bool named = !symbol.name.empty() ||
                     (symbol.type == elf::stt::section && symbol.place == elf::Place::section &&
                      !is_table(file_.section(symbol.section)));
        if (!named || !elf::relocation_type_name(relocation.type).starts_with("R_BPF_"))
          return fail(EOPNOTSUPP, "section {} '{}': source cannot say the {} at {:#x} against symbol {}",
                      section.index, section.name, elf::relocation_type_name(relocation.type),
                      relocation.offset, relocation.symbol);
      }
    return {};
  }

  std::string name_of(std::string_view name) const {
    return needs_quotes(name, options_.dialect) ? fmt::format("\"{}\"", name) : std::string(name);
  }

  static std::string start_of(std::uint32_t section) { return fmt::format(".Lsection{}", section); }

  // Files, absolute and common symbols, and what is not defined here but says something about itself.
  void loose_symbol(const elf::Symbol& symbol) {
    if (symbol.type == elf::stt::file) return line("\t.file\t{}", quoted(symbol.name));
    if (symbol.name.empty() || symbol.place == elf::Place::section) return;
    std::string name = name_of(symbol.name);
    if (symbol.place == elf::Place::absolute) line("{} = {:#x}", name, symbol.value);
    if (symbol.place == elf::Place::common) {
      line("\t.comm\t{}, {}, {}", name, symbol.size, std::max<std::uint64_t>(symbol.value, 1));
      return describe(symbol, false);
    }
    describe(symbol, true);
  }

  // Binding, visibility, type and size.
  void describe(const elf::Symbol& symbol, bool with_size) {
    std::string name = name_of(symbol.name);
    if (symbol.binding == elf::stb::local && isa::is_temporary(symbol.name)) line("\t.local\t{}", name);
    if (symbol.binding == elf::stb::global) line("\t.globl\t{}", name);
    if (symbol.binding == elf::stb::weak) line("\t.weak\t{}", name);
    constexpr std::string_view visibilities[] = {"", "internal", "hidden", "protected"};
    if (symbol.visibility != elf::stv::normal) line("\t.{}\t{}", visibilities[symbol.visibility], name);
    if (symbol.type == elf::stt::func) line("\t.type\t{},@function", name);
    if (symbol.type == elf::stt::object) line("\t.type\t{},@object", name);
    if (with_size && symbol.size != 0) line("\t.size\t{}, {}", name, symbol.size);
  }

  Result<void> print_section(const elf::Section& section) {
    std::string letters;
    for (const Flag& flag : flags)
      if ((section.flags & flag.bit) != 0) letters += flag.letter;
    std::string type = section.nobits()                     ? "@nobits"
                       : section.type == elf::sht::progbits ? "@progbits"
                                                            : fmt::format("{:#x}", section.type);
    std::string entry = (section.flags & elf::shf::merge) != 0 ? fmt::format(",{}", section.entry_size) : "";
    line("\n\t.section\t{},\"{}\",{}{}", quoted(section.name), letters, type, entry);
    line("\t.balign\t{}", section.align <= 65536 && std::has_single_bit(section.align) ? section.align : 1);
    line("{}:", start_of(section.index));

    labels_.clear();
    for (const elf::Symbol& symbol : file_.symbols())
      if (symbol.place == elf::Place::section && symbol.section == section.index && !symbol.name.empty() &&
          symbol.type != elf::stt::section)
        labels_.push_back(&symbol);
    std::stable_sort(labels_.begin(), labels_.end(),
                     [](const elf::Symbol* a, const elf::Symbol* b) { return a->value < b->value; });
    label_ = 0;
    relocations_.assign(file_.relocations(section.index).begin(), file_.relocations(section.index).end());
    std::stable_sort(relocations_.begin(), relocations_.end(),
                     [](const elf::Relocation& a, const elf::Relocation& b) { return a.offset < b.offset; });
    relocation_ = 0;
    if (section.nobits())
      empty_bytes(section);
    else if (section.executable())
      code(section);
    else
      data(section.bytes, 0, section.bytes.size(), section);
    labels_until(section.size);
    // Symbols that lie outside their section.
    for (; label_ < labels_.size(); ++label_) {
      line("{} = {} + {:#x}", name_of(labels_[label_]->name), start_of(section.index),
           labels_[label_]->value);
      describe(*labels_[label_], true);
    }
    return {};
  }

  // Labels up to and at `offset`, where the source now is.
  void labels_until(std::uint64_t offset) {
    for (; label_ < labels_.size() && labels_[label_]->value <= offset; ++label_) {
      describe(*labels_[label_], true);
      line("{}:", name_of(labels_[label_]->name));
    }
  }

  // The next place before `end` where a label stands, else `end`.
  std::uint64_t next_label(std::uint64_t end) const {
    return label_ < labels_.size() ? std::min(labels_[label_]->value, end) : end;
  }

  void empty_bytes(const elf::Section& section) {
    for (std::uint64_t at = 0; at < section.size;) {
      labels_until(at);
      std::uint64_t end = next_label(section.size);
      line("\t.zero\t{}", end - at);
      at = end;
    }
  }

  // ---- data

  void data(Bytes bytes, std::uint64_t at, std::uint64_t end, const elf::Section& section) {
    while (at < end) {
      labels_until(at);
      std::uint64_t stop = next_label(end);
      bool relocated = relocation_ < relocations_.size() && relocations_[relocation_].offset < stop;
      if (relocated && relocations_[relocation_].offset == at && pointer(bytes, at, stop)) {
        at += 8;
        continue;
      }
      std::uint64_t before = stop;
      if (relocated && relocations_[relocation_].offset > at) before = relocations_[relocation_].offset;
      at = run_of_bytes(bytes, at, before);
      relocations_before(at, section);
    }
  }

  // .quad name + addend
  bool pointer(Bytes bytes, std::uint64_t at, std::uint64_t stop) {
    const elf::Relocation& relocation = relocations_[relocation_];
    bool alone = relocation_ + 1 == relocations_.size() || relocations_[relocation_ + 1].offset >= at + 8;
    if (stop - at < 8 || relocation.type != elf::r_bpf::r64_abs64 || !alone) return false;
    std::optional<std::string> target =
        expression(relocation, base::load<std::int64_t>(&bytes[at], file_.order()));
    if (!target) return false;
    line("\t.quad\t{}", *target);
    ++relocation_;
    return true;
  }

  // Some of [at, end): zeros together, other bytes sixteen to a line. Returns where it got.
  std::uint64_t run_of_bytes(Bytes bytes, std::uint64_t at, std::uint64_t end) {
    std::uint64_t zeros = at;
    while (zeros < end && bytes[zeros] == 0) ++zeros;
    if (zeros - at >= 8) {
      line("\t.zero\t{}", zeros - at);
      return zeros;
    }
    end = std::min(end, at + 16);
    out_ += "\t.byte\t";
    for (std::uint64_t i = at; i < end; ++i)
      fmt::format_to(std::back_inserter(out_), "{}{}", i == at ? "" : ",", bytes[i]);
    out_ += '\n';
    return end;
  }

  // What is at offsets before `end` and could not be said by name.
  void relocations_before(std::uint64_t end, const elf::Section& section) {
    for (; relocation_ < relocations_.size() && relocations_[relocation_].offset < end; ++relocation_)
      raw_relocation(relocations_[relocation_], section);
  }
  void raw_relocation(const elf::Relocation& relocation, const elf::Section& section) {
    const elf::Symbol& symbol = file_.symbol(relocation.symbol);
    bool whole = symbol.type == elf::stt::section && symbol.place == elf::Place::section;
    std::string target = whole ? start_of(symbol.section) : name_of(symbol.name);
    line("\t.reloc\t{} + {:#x}, {}, {}", start_of(section.index), relocation.offset,
         elf::relocation_type_name(relocation.type), target);
  }

  // "name + 8" if the assembler makes the same relocation of it: it refers to local symbols by their section,
  // and in sections that may be merged by name.
  std::optional<std::string> expression(const elf::Relocation& relocation, std::int64_t addend) const {
    const elf::Symbol& symbol = file_.symbol(relocation.symbol);
    std::string target;
    if (symbol.type == elf::stt::section && symbol.place == elf::Place::section) {
      if ((file_.section(symbol.section).flags & elf::shf::merge) != 0) return std::nullopt;
      target = start_of(symbol.section);
    } else {
      if (symbol.binding == elf::stb::local || symbol.place == elf::Place::absolute) return std::nullopt;
      target = name_of(symbol.name);
    }
    if (addend == 0) return target;
    std::uint64_t magnitude = static_cast<std::uint64_t>(addend);
    return fmt::format("{} {} {:#x}", target, addend < 0 ? '-' : '+', addend < 0 ? 0 - magnitude : magnitude);
  }

  // ---- instructions

  void code(const elf::Section& section) {
    Bytes bytes = section.bytes;
    Cursor cursor(bytes, file_.order());
    find_targets(cursor, section);
    for (std::uint64_t at = 0; at < bytes.size();) {
      labels_until(at);
      std::uint64_t stop = next_label(bytes.size());
      std::optional<isa::Decoded> insn = instruction(cursor, at, stop);
      if (!insn) {
        std::uint64_t end = std::min(stop, at - at % sizeof(isa::Insn) + sizeof(isa::Insn));
        data(bytes, at, end, section);
        at = end;
        continue;
      }
      if (targets_.contains(at)) line(".L{}_{}:", section.index, at / sizeof(isa::Insn));
      std::uint64_t size = insn->slots * sizeof(isa::Insn);
      out_ += '\t';
      if (!by_name(*insn, at, size, section)) {
        print_instruction(*insn, at, section);
        out_ += '\n';
        relocations_before(at + size, section);
      }
      at += size;
    }
  }

  // An instruction that source can say: it lies on a slot, no label is inside, and it has r0 to r10.
  static std::optional<isa::Decoded> instruction(const Cursor& cursor, std::uint64_t at, std::uint64_t stop) {
    if (at % sizeof(isa::Insn) != 0) return std::nullopt;
    std::optional<isa::Decoded> insn = cursor.at(at);
    if (!insn || insn->dst > 10 || insn->src > 10 || stop - at < insn->slots * sizeof(isa::Insn))
      return std::nullopt;
    return insn;
  }

  // Where jumps arrive at instructions of the section.
  void find_targets(const Cursor& cursor, const elf::Section& section) {
    std::unordered_set<std::uint64_t> starts;
    std::set<std::uint64_t> wanted;
    std::size_t label = 0;
    for (std::uint64_t at = 0; at < section.bytes.size();) {
      while (label < labels_.size() && labels_[label]->value <= at) ++label;
      std::uint64_t stop = label < labels_.size()
                               ? std::min<std::uint64_t>(labels_[label]->value, section.bytes.size())
                               : section.bytes.size();
      std::optional<isa::Decoded> insn = instruction(cursor, at, stop);
      if (!insn) {
        at = std::min(stop, at - at % sizeof(isa::Insn) + sizeof(isa::Insn));
        continue;
      }
      starts.insert(at);
      if (std::optional<std::uint64_t> target = jump_target(*insn, at)) wanted.insert(*target);
      if (std::optional<std::uint64_t> target = callee(*insn, at)) wanted.insert(*target);
      at += insn->slots * sizeof(isa::Insn);
    }
    targets_.clear();
    for (std::uint64_t target : wanted)
      if (starts.contains(target)) targets_.insert(target);
  }

  static std::optional<std::uint64_t> callee(const isa::Decoded& insn, std::uint64_t at) {
    if (insn.row().operation != isa::Operation::call_local) return std::nullopt;
    return at + (1 + static_cast<std::uint64_t>(insn.imm)) * sizeof(isa::Insn);
  }

  bool is_relocated(std::uint64_t at, std::uint64_t size) const {
    return relocation_ < relocations_.size() && relocations_[relocation_].offset < at + size;
  }

  // Jumps and calls inside the section by label, all others as they are.
  void print_instruction(const isa::Decoded& insn, std::uint64_t at, const elf::Section& section) {
    std::optional<std::uint64_t> target = jump_target(insn, at);
    std::size_t start = out_.size();
    if (!target && !is_relocated(at, sizeof(isa::Insn))) target = callee(insn, at);
    isa::print(out_, insn, print_);
    if (!target || !targets_.contains(*target)) return;
    // The distance is what the text ends with.
    bool gnu = options_.dialect == isa::Dialect::gnu;
    std::size_t distance = out_.find_last_of(gnu ? ", \t" : " ");
    if (distance == std::string::npos || distance < start) return;
    out_.resize(distance + 1);
    if (insn.row().action == isa::Class::call && out_.ends_with("local ")) out_.resize(out_.size() - 6);
    fmt::format_to(std::back_inserter(out_), ".L{}_{}", section.index, *target / sizeof(isa::Insn));
  }

  // The instruction with its relocation as an operand; false if that does not say all.
  bool by_name(const isa::Decoded& insn, std::uint64_t at, std::uint64_t size, const elf::Section& section) {
    if (!is_relocated(at, size)) return false;
    const elf::Relocation& relocation = relocations_[relocation_];
    bool alone = relocation_ + 1 == relocations_.size() || relocations_[relocation_ + 1].offset >= at + size;
    if (relocation.offset != at || !alone) return false;
    bool gnu = options_.dialect == isa::Dialect::gnu;
    if (insn.row().operation == isa::Operation::imm64 && relocation.type == elf::r_bpf::r64_64) {
      std::optional<std::string> target = expression(relocation, insn.imm);
      if (!target) return false;
      if (gnu)
        line("lddw %{},{}", insn.dst == 10 ? "fp" : fmt::format("r{}", insn.dst), *target);
      else
        line("r{} = {} ll", insn.dst, *target);
    } else if (insn.row().operation == isa::Operation::call_local && relocation.type == elf::r_bpf::r64_32) {
      // A call inside the section is not relocated by the assembler.
      const elf::Symbol& symbol = file_.symbol(relocation.symbol);
      bool inside = symbol.place == elf::Place::section && symbol.section == section.index;
      std::optional<std::string> target =
          expression(relocation, (insn.imm + 1) * std::int64_t{sizeof(isa::Insn)});
      if (!target || (inside && symbol.binding != elf::stb::weak)) return false;
      line("call {}", *target);
    } else {
      return false;
    }
    ++relocation_;
    return true;
  }

  // ---- .llvm_addrsig

  void address_significance() {
    const elf::Section* section = nullptr;
    for (const elf::Section& of : file_.sections())
      if (of.type == elf::sht::llvm_addrsig) section = &of;
    if (!section) return;
    line("\n\t.addrsig");
    std::uint64_t symbol = 0;
    unsigned shift = 0;
    for (std::uint8_t byte : section->bytes) {
      if (shift < 32) symbol |= std::uint64_t{byte & 0x7fu} << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if (symbol < file_.symbols().size() && !file_.symbols()[symbol].name.empty())
        line("\t.addrsig_sym\t{}", name_of(file_.symbols()[symbol].name));
      symbol = 0;
      shift = 0;
    }
  }

  const elf::File& file_;
  const DisassembleOptions& options_;
  isa::PrintOptions print_;
  std::string out_;
  std::vector<const elf::Symbol*> labels_;  // of the section, by place
  std::vector<elf::Relocation> relocations_;
  std::unordered_set<std::uint64_t> targets_;
  std::size_t label_ = 0, relocation_ = 0;
};

}  // namespace

Result<std::string> print_source(const elf::File& file, const DisassembleOptions& options) {
  return Source(file, options).run();
}

}  // namespace skep::object
