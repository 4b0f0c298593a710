// The listing of an ObjectSpec.
#include "skep/object/print.h"

#include <fmt/format.h>

#include <iterator>

#include "skep/isa/decode.h"
#include "skep/isa/print.h"
#include "skep/uapi/helpers.h"
#include "skep/uapi/map_types.h"

namespace skep::object {
namespace {

template <class... Args>
void put(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

std::string type_name(uapi::MapType type) {
  const uapi::MapTypeRow* row = uapi::find_map_type(type);
  return row ? std::string(row->name) : fmt::format("type {}", static_cast<std::uint32_t>(type));
}
std::string type_name(uapi::ProgType type) {
  if (type == uapi::ProgType::unspec) return "no program type";
  return fmt::format("program type {}", static_cast<std::uint32_t>(type));
}

// A type in a word or two: "struct flow", "int [4]", "char *". Modifiers are left out.
std::string type_text(const btf::Btf& btf, btf::TypeId id, int depth = 0) {
  Result<btf::TypeId> kept = btf.skip_modifiers(id);
  if (!kept || depth > 8) return "?";
  btf::Type type = btf.type(*kept);
  std::string name = type.name().empty() ? "(anonymous)" : std::string(type.name());
  switch (type.kind) {
    case btf::Kind::unkn: return "void";
    case btf::Kind::ptr: return type_text(btf, type.type(), depth + 1) + " *";
    case btf::Kind::array:
      return fmt::format("{} [{}]", type_text(btf, type.array().type, depth + 1), type.array().count);
    case btf::Kind::struct_: return "struct " + name;
    case btf::Kind::union_: return "union " + name;
    case btf::Kind::enum_:
    case btf::Kind::enum64: return "enum " + name;
    case btf::Kind::func_proto: return "function";
    case btf::Kind::int_:
    case btf::Kind::fwd:
    case btf::Kind::typedef_:
    case btf::Kind::volatile_:
    case btf::Kind::const_:
    case btf::Kind::restrict_:
    case btf::Kind::func:
    case btf::Kind::var:
    case btf::Kind::datasec:
    case btf::Kind::float_:
    case btf::Kind::decl_tag:
    case btf::Kind::type_tag: return name;
  }
  return name;
}

// Names come from the file: what would disturb a terminal is shown as '?'.
std::string shown(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

std::string_view origin_name(MapOrigin origin) {
  switch (origin) {
    case MapOrigin::btf: return "btf";
    case MapOrigin::legacy: return "legacy";
    case MapOrigin::data: return "data";
    case MapOrigin::bss: return "bss";
    case MapOrigin::rodata: return "rodata";
    case MapOrigin::kconfig: return "kconfig";
    case MapOrigin::struct_ops: return "struct_ops";
  }
  return "?";
}

std::string_view kind_name(ExternKind kind) {
  switch (kind) {
    case ExternKind::kconfig: return "kconfig";
    case ExternKind::ksym_typeless: return "ksym";
    case ExternKind::ksym_typed: return "typed ksym";
    case ExternKind::kfunc: return "kfunc";
  }
  return "?";
}

void put_map(std::string& out, const ObjectSpec& spec, const MapSpec& map, std::string_view indent) {
  put(out, "{}map {}: {}, key {} B, value {} B, max_entries {}, flags {:#x}", indent, shown(map.name),
      type_name(map.type), map.key_size, map.value_size, map.max_entries, map.flags);
  if (map.map_extra) put(out, ", map_extra {:#x}", map.map_extra);
  if (map.numa_node) put(out, ", numa_node {}", map.numa_node);
  if (map.freeze) out += ", frozen";
  if (map.pinning == Pinning::by_name || !map.pin_path.empty())
    put(out, ", pinned{}{}", map.pin_path.empty() ? " by name" : " at ", shown(map.pin_path));
  if (!map.autocreate) out += ", not created by itself";
  put(out, "\n{}  from {} ({})", indent, shown(map.section), origin_name(map.origin));
  if (!map.contents.empty()) put(out, ", {} bytes of contents", map.contents.size());
  out += '\n';
  if (spec.btf && map.key_type_id && spec.btf->has(map.key_type_id))
    put(out, "{}  key: {}\n", indent, shown(type_text(*spec.btf, map.key_type_id)));
  if (spec.btf && map.value_type_id && spec.btf->has(map.value_type_id)) {
    btf::Type type = spec.btf->type(map.value_type_id);
    if (type.kind == btf::Kind::datasec) {
      for (btf::VarSecinfo info : type.vars())
        put(out, "{}  {:#06x} {}: {}\n", indent, info.offset, shown(spec.btf->name(info.type)),
            shown(type_text(*spec.btf, spec.btf->type(info.type).type())));
    } else {
      put(out, "{}  value: {}\n", indent, shown(type_text(*spec.btf, map.value_type_id)));
    }
  }
  for (const MapSpec& inner : map.inner) put_map(out, spec, inner, fmt::format("{}  ", indent));
  for (const InitialSlot& slot : map.initial) {
    std::string_view name = "?";
    if (slot.is_program && slot.index < spec.programs.size()) name = spec.programs[slot.index].name;
    if (!slot.is_program && slot.index < spec.maps.size()) name = spec.maps[slot.index].name;
    put(out, "{}  [{}] = {} {}\n", indent, slot.key, slot.is_program ? "program" : "map", shown(name));
  }
}

std::string_view helper_name(std::uint32_t id) {
  const uapi::Helper* helper = uapi::find_helper(id);
  return helper ? helper->name : std::string_view();
}

std::string name_of(const ObjectSpec& spec, const Reloc& reloc) {
  bool is_map = reloc.kind == RelocKind::map || reloc.kind == RelocKind::map_value;
  std::string name = is_map ? (reloc.index < spec.maps.size() ? spec.maps[reloc.index].name : "?")
                            : (reloc.index < spec.externs.size() ? spec.externs[reloc.index].name : "?");
  switch (reloc.kind) {
    case RelocKind::map: return fmt::format("map {}", shown(name));
    case RelocKind::map_value:
      return fmt::format("map {} + {:#x} ({})", shown(name), reloc.offset, shown(reloc.symbol));
    case RelocKind::extern_addr:
    case RelocKind::extern_call: return fmt::format("extern {}", shown(name));
  }
  return name;
}

// What stands behind the instructions of a program, read in step with them.
struct Cursor {
  const ObjectSpec& spec;
  const ProgramSpec& program;
  std::size_t function = 0, line = 0, reloc = 0, core = 0;

  void before(std::string& out, Slot slot) {
    for (; function < program.functions.size() && program.functions[function].first <= slot; function++)
      put(out, "  {}:\n", shown(program.functions[function].name));
    for (; line < program.line_info.size() && program.line_info[line].slot <= slot; line++) {
      const LineInfo& info = program.line_info[line];
      if (!spec.btf || info.line_off >= spec.btf->string_end()) continue;
      std::string_view text = spec.btf->string(info.line_off);
      std::size_t first = text.find_first_not_of(" \t");
      if (first != text.npos) put(out, "    ; {} @{}\n", shown(text.substr(first)), info.line);
    }
  }
  void after(std::string& out, Slot slot, unsigned slots) {
    for (; reloc < program.relocs.size() && program.relocs[reloc].slot < slot + slots; reloc++)
      put(out, "  ; {}", name_of(spec, program.relocs[reloc]));
    for (; core < program.core_relos.size() && program.core_relos[core].slot < slot + slots; core++)
      put(out, "  ; CO-RE {} [{}] {}", btf::core_relo_name(program.core_relos[core].kind),
          program.core_relos[core].type_id, shown(program.core_relos[core].access));
  }
};

void put_program_head(std::string& out, const ProgramSpec& program) {
  put(out, "program {}: SEC(\"{}\"), {}", shown(program.name), shown(program.section),
      type_name(program.type));
  if (program.attach_type != uapi::AttachType{})
    put(out, ", attach type {}", static_cast<std::uint32_t>(program.attach_type));
  if (!program.attach_to.empty()) put(out, ", attaches to {}", shown(program.attach_to));
  if (program.sleepable) out += ", sleepable";
  if (program.frags) out += ", frags";
  if (!program.autoload) out += ", not loaded by itself";
  put(out, "\n  {} slots in {} functions, {} relocations, {} CO-RE records, {} lines\n", program.insns.size(),
      program.functions.size(), program.relocs.size(), program.core_relos.size(), program.line_info.size());
}

}  // namespace

std::string print(const ObjectSpec& spec, const MapSpec& map) {
  std::string out;
  put_map(out, spec, map, "");
  return out;
}

std::string print(const ObjectSpec& spec, const ProgramSpec& program) {
  std::string out;
  put_program_head(out, program);
  Cursor cursor{.spec = spec, .program = program};
  isa::PrintOptions options{.helper_name = helper_name};
  for (Slot slot = 0; slot < program.insns.size();) {
    cursor.before(out, slot);
    Result<isa::Decoded> decoded = isa::decode(program.insns, slot);
    unsigned slots = decoded ? decoded->slots : 1;
    const Insn& insn = program.insns[slot];
    put(out, "    {:4}: ", slot);
    if (decoded)
      isa::print(out, *decoded, options);
    else
      put(out, ".insn {:#04x}, {:#04x}, {}, {:#x}", insn.opcode, insn.regs, insn.off, insn.imm);
    cursor.after(out, slot, slots);
    out += '\n';
    slot += slots;
  }
  return out;
}

std::string print(const ObjectSpec& spec) {
  std::string out;
  put(out, "object {}: {}-endian, license \"{}\"", shown(spec.name),
      spec.order == std::endian::little ? "little" : "big", shown(spec.license));
  if (spec.version) put(out, ", version {:#x}", spec.version);
  put(out, ", {} programs, {} maps, {} externs\n", spec.programs.size(), spec.maps.size(),
      spec.externs.size());
  for (const MapSpec& map : spec.maps) put_map(out, spec, map, "");
  for (const ExternSpec& ext : spec.externs) {
    put(out, "extern {}: {}{}", shown(ext.name), ext.weak ? "weak " : "", kind_name(ext.kind));
    if (ext.kind == ExternKind::kconfig) put(out, ", {} bytes at {:#x} of .kconfig", ext.size, ext.offset);
    out += '\n';
  }
  for (const ProgramSpec& program : spec.programs) out += print(spec, program);
  return out;
}

}  // namespace skep::object
