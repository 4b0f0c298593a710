// The numbers of the ELF ABI for what the assembler calls by words.
#include "skep/object/assembled.h"

#include <utility>

namespace skep::object {
namespace {

constexpr std::uint64_t shf_exclude = 0x80000000;

std::uint64_t section_flags(const isa::AsmSection& section) {
  return (section.writable ? elf::shf::write : 0) | (section.allocated ? elf::shf::alloc : 0) |
         (section.executable ? elf::shf::execinstr : 0) | (section.merge ? elf::shf::merge : 0) |
         (section.strings ? elf::shf::strings : 0) | (section.excluded ? shf_exclude : 0);
}

std::uint8_t symbol_type(isa::SymbolKind kind) {
  switch (kind) {
    case isa::SymbolKind::none: return elf::stt::notype;
    case isa::SymbolKind::object: return elf::stt::object;
    case isa::SymbolKind::function: return elf::stt::func;
    case isa::SymbolKind::section: return elf::stt::section;
    case isa::SymbolKind::file: return elf::stt::file;
  }
  return elf::stt::notype;
}

std::uint8_t symbol_binding(isa::Binding binding) {
  switch (binding) {
    case isa::Binding::local: return elf::stb::local;
    case isa::Binding::global: return elf::stb::global;
    case isa::Binding::weak: return elf::stb::weak;
  }
  return elf::stb::local;
}

std::uint8_t symbol_visibility(isa::Visibility visibility) {
  switch (visibility) {
    case isa::Visibility::normal: return elf::stv::normal;
    case isa::Visibility::internal: return elf::stv::internal;
    case isa::Visibility::hidden: return elf::stv::hidden;
    case isa::Visibility::protected_: return elf::stv::protected_;
  }
  return elf::stv::normal;
}

elf::Place symbol_place(std::uint32_t section) {
  switch (section) {
    case isa::AsmSymbol::undefined: return elf::Place::undefined;
    case isa::AsmSymbol::absolute: return elf::Place::absolute;
    case isa::AsmSymbol::common: return elf::Place::common;
    default: return elf::Place::section;
  }
}

elf::NewSection new_section(isa::AsmSection& section) {
  elf::NewSection made{.name = section.name,
                       .type = section.type != 0 ? section.type
                               : section.no_bits ? elf::sht::nobits
                                                 : elf::sht::progbits,
                       .flags = section_flags(section),
                       .align = section.alignment,
                       .entry_size = section.entry_size,
                       .size = section.bytes.size()};
  if (made.type != elf::sht::nobits) made.bytes = std::move(section.bytes);
  for (const isa::AsmRelocation& relocation : section.relocations)
    made.relocations.push_back({.offset = relocation.offset,
                                .type = static_cast<std::uint32_t>(relocation.type),
                                .symbol = relocation.symbol});
  return made;
}

elf::NewSymbol new_symbol(const isa::AsmSymbol& symbol) {
  elf::Place place = symbol_place(symbol.section);
  return {.name = symbol.kind == isa::SymbolKind::section ? "" : symbol.name,
          .value = symbol.value,
          .size = symbol.size,
          .type = symbol_type(symbol.kind),
          .binding = symbol_binding(symbol.binding),
          .visibility = symbol_visibility(symbol.visibility),
          .place = place,
          .section = place == elf::Place::section ? symbol.section : 0};
}

}  // namespace

elf::NewFile new_file(isa::Assembly assembly, std::endian order) {
  elf::NewFile file{.order = order, .address_significant = std::move(assembly.address_significant)};
  for (isa::AsmSection& section : assembly.sections) file.sections.push_back(new_section(section));
  for (const isa::AsmSymbol& symbol : assembly.symbols) file.symbols.push_back(new_symbol(symbol));
  return file;
}

}  // namespace skep::object
