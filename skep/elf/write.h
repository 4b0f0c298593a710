// Writing ELF64 relocatable objects for eBPF: from sections, symbols and relocations to the bytes of a file.
//
// Layout: System V ABI, chapter "Object Files". Sections, names and symbols stand in the order in which
// LLVM's assembler writes them: .strtab (for sections and symbols alike, suffixes shared), the sections, each
// followed by its relocations, .symtab; in the symbol table files, then local symbols, then the others.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/elf/file.h"

namespace skep::elf {

struct NewSection {
  std::string name;
  std::uint32_t type = sht::progbits;
  std::uint64_t flags = 0;  // shf::
  std::uint64_t align = 1;  // a power of two
  std::uint64_t entry_size = 0;
  Buffer bytes;
  std::uint64_t size = 0;               // of a NOBITS section, which has no bytes
  std::vector<Relocation> relocations;  // symbol: an index into NewFile::symbols
};

struct NewSymbol {
  std::string name;  // empty for section symbols
  std::uint64_t value = 0, size = 0;
  std::uint8_t type = stt::notype;
  std::uint8_t binding = stb::local;
  std::uint8_t visibility = stv::normal;
  Place place = Place::undefined;
  std::uint32_t section = 0;  // Place::section: an index into NewFile::sections
};

// What becomes a file. The null section and symbol, the string table, the symbol table and the relocation
// sections are the writer's.
struct NewFile {
  std::endian order = std::endian::little;
  std::uint16_t machine = em_bpf;
  std::uint32_t flags = 0;  // e_flags
  std::vector<NewSection> sections;
  std::vector<NewSymbol> symbols;
  // Symbols whose address matters, for an .llvm_addrsig section; no section if it is not set.
  std::optional<std::vector<std::uint32_t>> address_significant;
};

// EINVAL if a relocation, a symbol or address_significant names what is not there, an alignment is no power
// of two, or a relocation lies outside its section. E2BIG if a name table or a number of sections does not
// fit the format.
Result<Buffer> write(const NewFile& file);

}  // namespace skep::elf
