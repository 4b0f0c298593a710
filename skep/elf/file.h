// ELF64 relocatable objects for eBPF, read in place: sections, symbols and relocations, all bounds-checked.
//
// Layout: System V ABI, chapter "Object Files" (64-bit), in either byte order. eBPF's part (machine 247, REL
// relocations and their types): the kernel's Documentation/bpf/llvm_reloc.rst and the BPF psABI. Objects of
// early LLVM carry machine 0 (EM_NONE) and are accepted, as libbpf does.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"

namespace skep::elf {

inline constexpr std::uint16_t em_none = 0, em_bpf = 247;

// Section types (sh_type); others are passed through as numbers.
namespace sht {
inline constexpr std::uint32_t null = 0, progbits = 1, symtab = 2, strtab = 3, rela = 4, nobits = 8, rel = 9,
                               symtab_shndx = 18, llvm_addrsig = 0x6fff4c03;
}
// Section flags (sh_flags).
namespace shf {
inline constexpr std::uint64_t write = 1, alloc = 2, execinstr = 4, merge = 16, strings = 32, info_link = 64,
                               group = 512, tls = 1024, compressed = 2048;
}
// Symbol types, bindings, visibilities.
namespace stt {
inline constexpr std::uint8_t notype = 0, object = 1, func = 2, section = 3, file = 4, common = 5, tls = 6;
}
namespace stb {
inline constexpr std::uint8_t local = 0, global = 1, weak = 2;
}
namespace stv {
inline constexpr std::uint8_t normal = 0, internal = 1, hidden = 2, protected_ = 3;
}

// Relocation types of eBPF objects. binutils before 2.41 (Debian 12's bpf-gcc) numbered 64- and 32-bit data
// 12 and 11; those come out of the parser as r64_abs64 and r64_abs32.
namespace r_bpf {
inline constexpr std::uint32_t none = 0;
inline constexpr std::uint32_t r64_64 = 1;        // lddw: the 64-bit value in the imms of two slots
inline constexpr std::uint32_t r64_abs64 = 2;     // 64-bit data
inline constexpr std::uint32_t r64_abs32 = 3;     // 32-bit data
inline constexpr std::uint32_t r64_nodyld32 = 4;  // .BTF and .BTF.ext: the value in place already holds
inline constexpr std::uint32_t r64_32 = 10;       // call: the imm, counted in slots
inline constexpr std::uint32_t gnu_64_16 = 256;   // binutils only: the 16-bit offset of a jump
}  // namespace r_bpf
// "R_BPF_64_64" for 1; "relocation type 77" for a number without a name.
std::string relocation_type_name(std::uint32_t type);

struct Section {
  std::uint32_t index = 0;
  std::string_view name;
  std::uint32_t type = 0;    // sht::
  std::uint64_t flags = 0;   // shf::
  std::uint64_t size = 0;    // bytes in memory. For NOBITS it comes from the file unchecked and can be huge
  std::uint64_t offset = 0;  // where the bytes begin in the file
  std::uint64_t align = 0;
  std::uint64_t entry_size = 0;
  std::uint32_t link = 0, info = 0;
  Bytes bytes;  // a view into the file; empty for NOBITS

  bool nobits() const { return type == sht::nobits; }
  bool executable() const { return (flags & shf::execinstr) != 0; }
  bool writable() const { return (flags & shf::write) != 0; }
  bool allocated() const { return (flags & shf::alloc) != 0; }
};

// Where a symbol lives.
enum class Place : std::uint8_t { undefined, section, absolute, common, other };

struct Symbol {
  std::string_view name;  // empty for section symbols: use the section's name
  std::uint64_t value = 0, size = 0;
  std::uint8_t type = 0;        // stt::
  std::uint8_t binding = 0;     // stb::
  std::uint8_t visibility = 0;  // stv::
  Place place = Place::undefined;
  std::uint32_t section = 0;  // Place::section: an index into sections(), in range
};

struct Relocation {
  std::uint64_t offset = 0;  // bytes from the start of the section that it changes
  std::uint32_t type = 0;    // r_bpf::
  std::uint32_t symbol = 0;  // an index into symbols(), in range
};

// An object's tables. Names and bytes are views into what was given to parse(), which must outlive the File.
class File {
 public:
  // Reads all tables. EINVAL with the section or symbol and the offset for whatever is truncated, lies
  // outside the file or points nowhere; ENOEXEC if it is no ELF64 relocatable object for eBPF; EOPNOTSUPP for
  // RELA. Memory is bounded by the file's size.
  static Result<File> parse(Bytes file);

  std::endian order() const { return order_; }
  std::uint16_t machine() const { return machine_; }
  std::uint32_t flags() const { return flags_; }  // e_flags: low byte is the -mcpu version for LLVM
  Bytes bytes() const { return bytes_; }

  // Index = the file's section number; [0] is the null section (absent when the file has no sections).
  std::span<const Section> sections() const { return sections_; }
  const Section& section(std::uint32_t index) const { return sections_[index]; }
  // The first section of that name, or nullptr.
  const Section* find_section(std::string_view name) const;

  // Index = the file's symbol number; [0] is the null symbol (absent when there is no symbol table).
  std::span<const Symbol> symbols() const { return symbols_; }
  const Symbol& symbol(std::uint32_t index) const { return symbols_[index]; }
  const Symbol* find_symbol(std::string_view name) const;
  // What messages call a symbol: its name, or its section's, or "symbol 7".
  std::string describe_symbol(std::uint32_t index) const;

  // The relocations that change section `index`, in the file's order. Every offset lies inside the section.
  std::span<const Relocation> relocations(std::uint32_t index) const;

 private:
  friend class Parser;
  File() = default;

  Bytes bytes_;
  std::endian order_ = std::endian::little;
  std::uint16_t machine_ = 0;
  std::uint32_t flags_ = 0;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  struct Range {
    std::uint32_t first = 0, count = 0;
  };
  std::vector<Range> relocation_ranges_;  // per section, into relocations_
  std::vector<Relocation> relocations_;
};

}  // namespace skep::elf
