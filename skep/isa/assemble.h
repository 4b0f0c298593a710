// The assembler: the kernel's pseudo-C (clang's) or the GNU dialect to sections, symbols and relocations.
//
// Both dialects share everything but the instructions: labels (`name:`; `1:` with `1b`, `1f`), comments (`#`,
// `//`, `/* */`), `;` between statements, integer expressions with symbols and `.`, `name = 5`, and
// directives (asm_directives.cpp has the table: sections, symbols, data, strings, alignment). Instructions
// are matched against the templates that print them; in the kernel dialect also against those of the
// verifier's log; in the GNU dialect also against the spelling of uBPF and bpf_conformance: `be16 %r0`,
// `movsx864 %r0,%r1`, `lock fetch add [%r1+8],%r2`, and a label `exit` that nobody defines for the first
// exit.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/diagnostics.h"
#include "skep/base/result.h"
#include "skep/isa/insn.h"
#include "skep/isa/print.h"

namespace skep::isa {

struct AssembleOptions {
  Dialect dialect = Dialect::kernel;  // log is read as kernel
  std::string file = "<asm>";         // for messages
  std::endian order = std::endian::little;
  // The id of a helper by its name, so that `call bpf_map_lookup_elem` means the helper unless a symbol has
  // that name. Null: names are symbols.
  std::optional<std::uint32_t> (*helper_id)(std::string_view name) = nullptr;
};

enum class SymbolKind : std::uint8_t { none, object, function, section, file };
enum class Binding : std::uint8_t { local, global, weak };
enum class Visibility : std::uint8_t { normal, internal, hidden, protected_ };

struct AsmSymbol {
  static constexpr std::uint32_t undefined = ~std::uint32_t{0}, absolute = undefined - 1,
                                 common = undefined - 2;  // .comm: the linker gives it a place

  std::string name;
  std::uint32_t section = undefined;  // index into Assembly::sections, or one of the above
  std::uint64_t value = 0;            // bytes from the start of the section; common: the alignment
  std::uint64_t size = 0;
  SymbolKind kind = SymbolKind::none;
  Binding binding = Binding::local;
  Visibility visibility = Visibility::normal;
  bool said_local = false;  // by .local: kept even if the name is a temporary one
};

// The numbers of the BPF ELF ABI (Linux Documentation/bpf/llvm_reloc.rst).
enum class AsmRelocType : std::uint32_t {
  none = 0,
  insn64 = 1,    // R_BPF_64_64: lddw
  abs64 = 2,     // R_BPF_64_ABS64
  abs32 = 3,     // R_BPF_64_ABS32
  nodyld32 = 4,  // R_BPF_64_NODYLD32: the same, of what is loaded (.BTF.ext uses it)
  call32 = 10,   // R_BPF_64_32: call
  jump16 = 256,  // R_BPF_GNU_64_16: binutils' own, of a jump
};

// The addend lies in the section's bytes, as in SHT_REL.
struct AsmRelocation {
  std::uint64_t offset = 0;
  AsmRelocType type = AsmRelocType::insn64;
  std::uint32_t symbol = 0;  // index into Assembly::symbols
  std::uint32_t line = 0;    // source line that asked for it
};

struct AsmSection {
  std::string name;
  bool executable = false, writable = false, allocated = true, no_bits = false;
  bool merge = false, strings = false, excluded = false;  // flags M, S, e
  std::uint32_t type = 0;  // sh_type of .section's @0x7fff0001; 0: as no_bits says
  std::uint64_t entry_size = 0;
  std::uint64_t alignment = 1;
  bool alignment_said = false;  // by a directive; before, alignment is what sections of this name have
  Buffer bytes;
  std::vector<AsmRelocation> relocations;
  struct Line {
    std::uint64_t offset;
    std::uint32_t line;
  };
  std::vector<Line> lines;  // of each instruction
};

struct Assembly {
  std::vector<AsmSection> sections;  // [0] is .text
  std::vector<AsmSymbol> symbols;
  std::optional<std::vector<std::uint32_t>> address_significant;  // .addrsig, and .addrsig_sym's symbols
  const AsmSection* find_section(std::string_view name) const;
  const AsmSymbol* find_symbol(std::string_view name) const;
};

// Everything that `text` says. Fails with EINVAL after all problems were told to `diagnostics`. Symbols that
// are nowhere defined come back as undefined symbols with relocations; only jumps must stay inside their
// section.
Result<Assembly> assemble(std::string_view text, const AssembleOptions& options, Diagnostics& diagnostics);

// One program that needs no linking: the instructions of .text. EINVAL if there are errors, relocations or
// no instructions; the message holds what diagnostics would print.
Result<std::vector<Insn>> assemble_insns(std::string_view text, const AssembleOptions& options = {});

}  // namespace skep::isa
