// ObjectSpec: an eBPF object as a value. Programs with their subprograms linked in, maps, externs and what
// still has to be resolved when they are loaded. Plain data: copy it, edit it, then give it to load().
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/btf/btf.h"
#include "skep/btf/ext.h"
#include "skep/isa/insn.h"
#include "skep/uapi/numbers.h"

namespace skep::object {

using isa::Insn;
using isa::Slot;

// What an instruction still needs when its program is loaded. `index` counts in the list of the ObjectSpec
// that the comment names.
enum class RelocKind : std::uint8_t {
  map,          // lddw: the map `index` of maps
  map_value,    // lddw: the address of byte `offset` in the (only) value of map `index` of maps
  extern_addr,  // lddw: the address of extern `index` of externs (.ksyms)
  extern_call,  // call: the kfunc that is extern `index` of externs
};

struct Reloc {
  Slot slot = 0;  // of the lddw or call, in ProgramSpec::insns
  RelocKind kind{};
  std::uint32_t index = 0;
  std::uint32_t offset = 0;  // map_value only, in bytes
  std::string symbol;        // the ELF symbol, for messages
};

// Records of .BTF.ext, rebased to the linked program. String offsets count in the string section of
// ObjectSpec::btf.
struct FuncInfo {
  Slot slot = 0;
  btf::TypeId type_id = 0;  // FUNC
};
struct LineInfo {
  Slot slot = 0;
  std::uint32_t file_name_off = 0, line_off = 0;
  std::uint32_t line = 0, column = 0;
};
struct CoreRelo {
  Slot slot = 0;
  btf::TypeId type_id = 0;  // the root type, in ObjectSpec::btf
  std::string access;       // "0:1:2"
  btf::CoreRelo kind{};
};

// A function inside a linked program: the program itself first, then its subprograms in the order in which
// they were linked in.
struct Function {
  std::string name;
  Slot first = 0, count = 0;
};

struct ProgramSpec {
  std::string name;
  std::string section;                           // as the ELF file has it, with a leading '?'
  uapi::ProgType type = uapi::ProgType::unspec;  // unspec: `section` is not a known SEC() name
  uapi::AttachType attach_type{};                // expected_attach_type; 0 where the row has none
  bool attach_type_optional = false;             // an old kernel may be given 0 instead
  std::string attach_to;                         // what follows the first '/': "kprobe/do_unlinkat"
  bool autoload = true;                          // false: SEC("?...")
  bool sleepable = false;                        // BPF_F_SLEEPABLE
  bool frags = false;                            // BPF_F_XDP_HAS_FRAGS
  std::uint32_t flags = 0;                       // further BPF_PROG_LOAD flags
  std::string license;                           // the object's, unless edited
  std::vector<Insn> insns;                       // in this machine's byte order
  std::vector<Function> functions;               // [0] is the program itself
  std::vector<Reloc> relocs;                     // sorted by slot
  std::vector<FuncInfo> func_info;               // sorted by slot
  std::vector<LineInfo> line_info;               // sorted by slot
  std::vector<CoreRelo> core_relos;              // sorted by slot
};

// Where a map comes from.
enum class MapOrigin : std::uint8_t {
  btf,         // SEC(".maps")
  legacy,      // SEC("maps")
  data,        // .data, .data.*
  bss,         // .bss, .bss.*
  rodata,      // .rodata, .rodata.*
  kconfig,     // .kconfig externs
  struct_ops,  // a variable in .struct_ops or .struct_ops.link
};

// LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME
enum class Pinning : std::uint8_t { none = 0, by_name = 1 };

// One element that the map gets when it is loaded: a map (map-in-map) or a program (prog_array).
struct InitialSlot {
  std::uint32_t key = 0;  // index into `values`
  bool is_program = false;
  std::uint32_t index = 0;  // of ObjectSpec::maps or ObjectSpec::programs
};

struct MapSpec {
  std::string name;  // of the variable; internal maps: as they are created ("object.data")
  MapOrigin origin = MapOrigin::btf;
  std::string section;  // that it is defined by
  uapi::MapType type = uapi::MapType::unspec;
  std::uint32_t key_size = 0, value_size = 0, max_entries = 0, flags = 0, numa_node = 0;
  std::uint64_t map_extra = 0;
  std::uint32_t ifindex = 0;
  btf::TypeId key_type_id = 0, value_type_id = 0;  // in ObjectSpec::btf; 0: none
  Pinning pinning = Pinning::none;
  std::string pin_path;              // set: pinned there instead of under the root of LoadOptions
  bool autocreate = true;            // false: programs that use it cannot be loaded
  bool freeze = false;               // BPF_MAP_FREEZE once it is filled
  std::vector<MapSpec> inner;        // template of a map-in-map's values; at most one
  std::vector<InitialSlot> initial;  // sorted by key
  // The value of key 0 of an internal map; arena: its first bytes; struct_ops: the variable, once loaded the
  // value that registers it (the kernel's layout, program descriptors in it).
  Buffer contents;

  // Made for a data section or .kconfig, not written as a map in the source.
  bool is_internal() const {
    return origin != MapOrigin::btf && origin != MapOrigin::legacy && origin != MapOrigin::struct_ops;
  }
};

enum class ExternKind : std::uint8_t {
  kconfig,        // CONFIG_* and LINUX_*: lives in the .kconfig map
  ksym_typeless,  // extern const void name __ksym: an address from kallsyms
  ksym_typed,     // a kernel variable with a BTF type
  kfunc,          // a kernel function
};

// How a .kconfig extern is stored.
enum class KconfigType : std::uint8_t { unknown, boolean, character, integer, tristate, char_array };

struct ExternSpec {
  std::string name;
  ExternKind kind{};
  bool weak = false;
  btf::TypeId type_id = 0;  // of the VAR or FUNC in ObjectSpec::btf
  // kconfig only: the variable in the contents of the .kconfig map
  KconfigType kconfig_type = KconfigType::unknown;
  bool is_signed = false;
  std::uint32_t size = 0, offset = 0;
};

struct ObjectSpec {
  std::string name;                         // of OpenOptions, cut to 15 bytes where the kernel sees it
  std::string license;                      // empty: the object has no license section
  std::uint32_t version = 0;                // section "version" (kernel version of old kprobe objects)
  std::endian order = std::endian::native;  // of the file; load() takes the machine's only
  std::vector<ProgramSpec> programs;        // in the order of their sections and offsets
  std::vector<MapSpec> maps;                // those of the source, then internal ones
  std::vector<ExternSpec> externs;
  // Null: the object has no BTF. Sizes and offsets of data sections are filled in from the symbol table.
  std::shared_ptr<const btf::Btf> btf;

  // By name; null if absent. Internal maps answer to their section's name (".rodata") too.
  ProgramSpec* find_program(std::string_view name);
  const ProgramSpec* find_program(std::string_view name) const;
  MapSpec* find_map(std::string_view name);
  const MapSpec* find_map(std::string_view name) const;
};

}  // namespace skep::object
