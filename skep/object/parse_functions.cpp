// Functions: where each begins and ends in the sections with code.
//
// Symbols of type FUNC say it. Compilers before clang 5 gave functions untyped global symbols, and some
// assemblers none at all; then the global symbols, or the section as a whole, are the functions.
#include <algorithm>
#include <set>

#include "skep/isa/decode.h"
#include "skep/object/parsing.h"

namespace skep::object {
namespace {

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
  Result<std::vector<Insn>> insns = isa::parse_insns(section.bytes, p.file.order());
  if (!insns) return Failure(std::move(insns).error().in(fmt::format("section '{}'", section.name)));
  code.insns = std::move(*insns);
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
    p.functions.push_back(
        {.name = symbol.name,
         .section = section.index,
         .first = static_cast<Slot>(symbol.value / 8),
         .count = static_cast<Slot>(bytes / 8),
         .global = symbol.binding != elf::stb::local,
         .hidden = symbol.visibility == elf::stv::hidden || symbol.visibility == elf::stv::internal});
  }
  return {};
}

}  // namespace

Result<void> read_functions(Parsing& p) {
  for (const elf::Section& section : p.file.sections())
    if (p.meanings[section.index] == Meaning::code && !section.bytes.empty()) TRY(read_section(p, section));
  return {};
}

// The kernel verifies a global function by itself, for any arguments, and a static one where it is called.
// Whoever hides a function wants the latter.
Result<void> hide_functions(Parsing& p) {
  if (!p.btf) return {};
  std::set<std::string_view> hidden;
  for (const FunctionDef& f : p.functions)
    if (f.global && f.hidden && f.program == none) hidden.insert(f.name);
  if (hidden.empty()) return {};
  for (btf::TypeId id = p.btf->first_id(); id < p.btf->type_count(); id++) {
    btf::Type type = p.btf->type(id);
    if (type.kind == btf::Kind::func && type.func_linkage() == btf::linkage::global &&
        hidden.contains(type.name()))
      TRY(p.btf->set_func_linkage(id, btf::linkage::static_));
  }
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
