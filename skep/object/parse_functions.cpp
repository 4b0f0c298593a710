// Functions: where each begins and ends in the sections with code.
//
// Symbols of type FUNC say it. Compilers before clang 5 gave functions untyped global symbols, and some
// assemblers none at all; then the global symbols, or the section as a whole, are the functions.
#include <algorithm>

#include "skep/object/parsing.h"

namespace skep::object {
namespace {

// The register byte of a big-endian file has its nibbles the other way round (RFC 9669 section 3).
Insn decode(const std::uint8_t* at, std::endian order) {
  Insn insn;
  insn.opcode = at[0];
  insn.regs = order == std::endian::little ? at[1] : static_cast<std::uint8_t>(at[1] << 4 | at[1] >> 4);
  insn.off = base::load<std::int16_t>(at + 2, order);
  insn.imm = base::load<std::int32_t>(at + 4, order);
  return insn;
}

Result<std::vector<Insn>> read_insns(const elf::Section& section, std::endian order) {
  if (section.bytes.size() % 8 != 0)
    return fail(EINVAL, "section '{}': {} bytes of code, must be a multiple of 8", section.name,
                section.bytes.size());
  std::vector<Insn> insns;
  insns.reserve(section.bytes.size() / 8);
  for (std::size_t at = 0; at < section.bytes.size(); at += 8)
    insns.push_back(decode(section.bytes.data() + at, order));
  return insns;
}

std::vector<const elf::Symbol*> function_symbols(const Parsing& p, std::uint32_t section) {
  std::vector<const elf::Symbol*> typed, untyped;
  for (auto at = p.symbols.lower_bound({section, {}}); at != p.symbols.end() && at->first.first == section;
       ++at) {
    const elf::Symbol& symbol = p.file.symbol(at->second);
    if (symbol.type == elf::stt::func)
      typed.push_back(&symbol);
    else if (symbol.type == elf::stt::notype && symbol.binding != elf::stb::local)
      untyped.push_back(&symbol);
  }
  std::vector<const elf::Symbol*>& found = typed.empty() ? untyped : typed;
  std::stable_sort(found.begin(), found.end(), [](const auto* a, const auto* b) {
    if (a->value != b->value) return a->value < b->value;
    return a->binding > b->binding;  // an alias that is global names it
  });
  return std::move(found);
}

Result<void> read_section(Parsing& p, const elf::Section& section) {
  CodeSection& code = p.code[section.index];
  code.insns = TRY(read_insns(section, p.file.order()));
  std::vector<const elf::Symbol*> symbols = function_symbols(p, section.index);
  std::uint64_t size = section.bytes.size();
  if (symbols.empty() || (symbols[0]->type != elf::stt::func && symbols[0]->value != 0)) {
    std::uint64_t end = symbols.empty() ? size : std::min(size, symbols[0]->value);
    if (end != 0)
      p.functions.push_back({.name = section.name,
                             .section = section.index,
                             .first = 0,
                             .count = static_cast<Slot>(end / 8),
                             .global = true});
  }
  for (std::size_t i = 0; i < symbols.size(); i++) {
    const elf::Symbol& symbol = *symbols[i];
    if (symbol.value % 8 != 0 || symbol.value >= size)
      return fail(EINVAL,
                  "section '{}' offset {:#x}: function '{}' does not begin at an instruction of its {}",
                  section.name, symbol.value, symbol.name, size / 8);
    std::uint64_t bytes = symbol.size;
    if (bytes == 0) {  // up to the next one that begins elsewhere
      std::size_t next = i + 1;
      while (next < symbols.size() && symbols[next]->value == symbol.value) next++;
      bytes = (next < symbols.size() ? std::min(size, symbols[next]->value) : size) - symbol.value;
    }
    if (bytes % 8 != 0 || bytes > size - symbol.value)
      return fail(EINVAL, "section '{}' offset {:#x}: function '{}' has {} bytes, which its section has not",
                  section.name, symbol.value, symbol.name, bytes);
    p.functions.push_back({.name = symbol.name,
                           .section = section.index,
                           .first = static_cast<Slot>(symbol.value / 8),
                           .count = static_cast<Slot>(bytes / 8),
                           .global = symbol.binding != elf::stb::local});
  }
  return {};
}

}  // namespace

Result<void> read_functions(Parsing& p) {
  for (const elf::Section& section : p.file.sections())
    if (p.meanings[section.index] == Meaning::code && !section.bytes.empty()) TRY(read_section(p, section));
  return {};
}

std::uint32_t function_at(const Parsing& p, std::uint32_t section, std::uint64_t offset) {
  if (offset % 8 != 0) return none;
  auto found = std::lower_bound(p.functions.begin(), p.functions.end(), std::pair(section, offset / 8),
                                [](const FunctionDef& f, const auto& wanted) {
                                  return std::pair(f.section, std::uint64_t{f.first}) < wanted;
                                });
  if (found == p.functions.end() || found->section != section || found->first != offset / 8) return none;
  return static_cast<std::uint32_t>(found - p.functions.begin());
}

}  // namespace skep::object
