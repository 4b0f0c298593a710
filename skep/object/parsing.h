// Inside of parse(): the state that its passes share, and the passes, each in its own file.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skep/base/diagnostics.h"
#include "skep/base/result.h"
#include "skep/btf/btf.h"
#include "skep/btf/ext.h"
#include "skep/elf/file.h"
#include "skep/object/parse.h"
#include "skep/object/spec.h"

namespace skep::object {

inline constexpr std::uint32_t none = ~std::uint32_t{0};

// Limits on what an object may make this process hold. The kernel takes no program above a million
// instructions (BPF_COMPLEXITY_LIMIT_INSNS) and no value above 2 GiB.
inline constexpr std::uint32_t max_program_insns = 1'000'000;
inline constexpr std::uint64_t max_linked_insns = 16'000'000;  // all programs of one object together
inline constexpr std::uint64_t max_section_value = 0x7fff'ffff;

// What an ELF section means to the loader.
enum class Meaning : std::uint8_t { other, code, maps, legacy_maps, data, struct_ops, arena, jump_tables };

// A function as the object defines it, before it is linked into programs.
struct FunctionDef {
  std::string_view name;
  std::uint32_t section = 0;
  Slot first = 0, count = 0;  // in its section
  bool global = false;
  bool hidden = false;           // global among the files of one object, for the kernel static
  bool called = false;           // something in the object calls it or takes its address
  std::uint32_t program = none;  // its index in ObjectSpec::programs
  // Its records of .BTF.ext and its relocations: ranges of the section's, sorted by slot.
};

// An instruction of a section that names something else.
enum class TargetKind : std::uint8_t { reloc, function_call, function_addr };
struct CodeReloc {
  TargetKind kind{};
  std::uint32_t function = 0;  // of `functions`, when it is not `reloc`
  Reloc reloc{};               // its slot counts in the section
};

// Everything known of one section with code.
struct CodeSection {
  std::vector<Insn> insns;               // in this machine's byte order
  std::vector<CodeReloc> relocs;         // sorted by slot
  std::vector<btf::FuncInfo> func_info;  // these three too
  std::vector<btf::LineInfo> line_info;
  std::vector<btf::CoreRelocation> core_relos;
};

struct Parsing {
  const elf::File& file;
  const OpenOptions& options;
  Diagnostics& warnings;
  ObjectSpec spec{};

  std::shared_ptr<btf::Btf> btf{};  // null without .BTF

  std::vector<Meaning> meanings{};            // per ELF section
  std::vector<std::uint32_t> section_maps{};  // per ELF section: the internal map made of it, or `none`
  // (ELF section, offset) of each map and struct_ops variable -> index of spec.maps
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> maps_at{};
  // Where `values` begins inside the variable of a BTF-defined map; absent: it has none.
  std::map<std::uint32_t, std::uint32_t> values_at{};
  std::map<std::string_view, std::uint32_t> externs{};  // name -> index of spec.externs
  std::uint32_t kconfig_map = none;                     // index of spec.maps

  std::vector<FunctionDef> functions{};         // sorted by (section, first)
  std::map<std::uint32_t, CodeSection> code{};  // by ELF section
  // (section, name) -> symbol, sections' own symbols left out
  std::map<std::pair<std::uint32_t, std::string_view>, std::uint32_t> symbols{};

  bool gnu = false;  // made by GCC: its assembler leaves other values in place

  void warn(std::string message) { warnings.warning({}, std::move(message)); }
};

// The passes, in the order in which they must run.
Result<void> read_btf(Parsing& p);          // .BTF with its data sections filled in, .BTF.ext
Result<void> read_maps(Parsing& p);         // .maps, struct_ops variables
Result<void> read_legacy_maps(Parsing& p);  // maps, maps/...
Result<void> read_data(Parsing& p);         // .data, .bss, .rodata and their kin; the arena's globals
Result<void> read_externs(Parsing& p);      // .kconfig, .ksyms
Result<void> read_functions(Parsing& p);    // functions and programs of all code sections
Result<void> read_relocations(Parsing& p);  // of code: what each instruction names
Result<void> read_initial(Parsing& p);      // of .maps and .struct_ops: what their slots hold
Result<void> link_programs(Parsing& p);     // each program with all functions that it reaches
Result<void> hide_functions(Parsing& p);    // hidden ones are static in the BTF

// An array map with one value for a section of globals, named as libbpf does; sizes and contents are left.
MapSpec internal_map(std::string_view object, std::string_view section, MapOrigin origin);

// The function that begins at byte `offset` of a section, or `none`.
std::uint32_t function_at(const Parsing& p, std::uint32_t section, std::uint64_t offset);

}  // namespace skep::object
