// What instructions name: maps, variables, functions and externs, from the relocations of code
// (Documentation/bpf/llvm_reloc.rst) and from calls inside a section, which need none.
//
// R_BPF_64_64 belongs to lddw and R_BPF_64_32 to call; what the symbol means decides what the instruction
// becomes. Against a section's own symbol the instruction holds the place: lddw the byte offset, call the
// distance in slots minus one. binutils 2.40 leaves, for named symbols too, the whole byte offset inside the
// target's section, and for a call that offset minus one.
#include <algorithm>

#include "skep/object/parsing.h"

namespace skep::object {
namespace {

constexpr std::uint8_t op_lddw = 0x18, op_call = 0x85;

// "section 'xdp' offset 0x18: symbol 'flows'": where every message begins.
struct Where {
  Parsing& p;
  const elf::Section& section;
  const elf::Relocation& relocation;

  std::string text() const {
    return fmt::format("section '{}' offset {:#x}: symbol {}", section.name, relocation.offset,
                       p.file.describe_symbol(relocation.symbol));
  }
  const elf::Symbol& symbol() const { return p.file.symbol(relocation.symbol); }
};

Result<std::uint32_t> extern_named(const Where& at) {
  auto found = at.p.externs.find(at.symbol().name);
  if (found == at.p.externs.end())
    return fail(ENOENT, "{} is undefined: neither .kconfig nor .ksyms declares it, and no object defines it",
                at.text());
  return found->second;
}

// The symbol's place in its section plus what the instruction adds; fails when that lies outside.
Result<std::uint64_t> place(const Where& at, std::int64_t addend) {
  const elf::Section& target = at.p.file.section(at.symbol().section);
  std::uint64_t offset = at.symbol().value + static_cast<std::uint64_t>(addend);
  if (offset > target.size)
    return fail(EINVAL, "{} {:+}: byte {:#x} lies beyond section '{}' ({:#x} bytes)", at.text(), addend,
                offset, target.name, target.size);
  return offset;
}

Result<void> name_function(const Where& at, CodeReloc& out, TargetKind kind, std::uint64_t offset) {
  out.kind = kind;
  out.function = function_at(at.p, at.symbol().section, offset);
  if (out.function == none)
    return fail(EINVAL, "{}: no function begins at byte {:#x} of section '{}'", at.text(), offset,
                at.p.file.section(at.symbol().section).name);
  at.p.functions[out.function].called = true;
  return {};
}

Result<void> name_address(const Where& at, std::int64_t addend, CodeReloc& out) {
  Parsing& p = at.p;
  const elf::Symbol& symbol = at.symbol();
  switch (symbol.place) {
    case elf::Place::undefined: {
      std::uint32_t index = TRY(extern_named(at));
      const ExternSpec& ext = p.spec.externs[index];
      if (ext.kind == ExternKind::kconfig) {
        out.reloc.kind = RelocKind::map_value;
        out.reloc.index = p.kconfig_map;
        out.reloc.offset = ext.offset;
      } else {
        out.reloc.kind = RelocKind::extern_addr;
        out.reloc.index = index;
      }
      return {};
    }
    case elf::Place::section: break;
    case elf::Place::common:
      return fail(ENOTSUP, "{} is a common symbol (compile with -fno-common)", at.text());
    case elf::Place::absolute:
    case elf::Place::other: return fail(EINVAL, "{} lies in no section", at.text());
  }
  if (p.gnu && symbol.type != elf::stt::section && symbol.value <= static_cast<std::uint64_t>(addend))
    addend -= static_cast<std::int64_t>(symbol.value);
  std::uint64_t offset = TRY(place(at, addend));
  const elf::Section& target = p.file.section(symbol.section);
  switch (p.meanings[target.index]) {
    case Meaning::maps:
    case Meaning::legacy_maps:
    case Meaning::struct_ops: {
      auto map = p.maps_at.find({target.index, offset});
      if (map == p.maps_at.end())
        return fail(EINVAL, "{}: no map begins at byte {:#x} of section '{}'", at.text(), offset,
                    target.name);
      out.reloc.kind = RelocKind::map;
      out.reloc.index = map->second;
      return {};
    }
    case Meaning::data:
    case Meaning::arena:
      out.reloc.kind = RelocKind::map_value;
      out.reloc.index = p.section_maps[target.index];
      out.reloc.offset = static_cast<std::uint32_t>(offset);
      if (out.reloc.index == none)
        return fail(EINVAL, "{} lies in section '{}', which is empty", at.text(), target.name);
      return {};
    case Meaning::code: return name_function(at, out, TargetKind::function_addr, offset);
    case Meaning::jump_tables:
      return fail(ENOTSUP, "{} is a jump table: indirect jumps (gotox) are not supported yet", at.text());
    case Meaning::other: break;
  }
  return fail(EINVAL, "{} lies in section '{}', which is neither maps, data nor code", at.text(),
              target.name);
}

Result<void> name_callee(const Where& at, std::int32_t imm, CodeReloc& out) {
  const elf::Symbol& symbol = at.symbol();
  if (symbol.place == elf::Place::undefined) {
    out.reloc.index = TRY(extern_named(at));
    out.reloc.kind = RelocKind::extern_call;
    if (at.p.spec.externs[out.reloc.index].kind != ExternKind::kfunc)
      return fail(EINVAL, "{} is called but is a variable", at.text());
    return {};
  }
  if (symbol.place != elf::Place::section || at.p.meanings[symbol.section] != Meaning::code)
    return fail(EINVAL, "{} is called but lies in no section with code", at.text());
  std::int64_t addend = (std::int64_t{imm} + 1) * 8;
  if (at.p.gnu && imm >= 0 && function_at(at.p, symbol.section, static_cast<std::uint64_t>(imm) + 1) != none)
    addend = std::int64_t{imm} + 1 - static_cast<std::int64_t>(symbol.value);
  std::uint64_t offset = TRY(place(at, addend));
  return name_function(at, out, TargetKind::function_call, offset);
}

Result<CodeReloc> read_one(const Where& at, const CodeSection& code) {
  CodeReloc out;
  std::uint64_t offset = at.relocation.offset;
  if (offset % 8 != 0 || offset / 8 >= code.insns.size())
    return fail(EINVAL, "{}: the relocation is not at the start of an instruction", at.text());
  out.reloc.slot = static_cast<Slot>(offset / 8);
  out.reloc.symbol = at.symbol().name.empty() ? at.p.file.describe_symbol(at.relocation.symbol)
                                              : std::string(at.symbol().name);
  const Insn& insn = code.insns[out.reloc.slot];
  switch (at.relocation.type) {
    case elf::r_bpf::r64_64: {
      if (insn.opcode != op_lddw || out.reloc.slot + 1 >= code.insns.size())
        return fail(EINVAL, "{}: {} belongs to lddw (0x18), the opcode is {:#04x}", at.text(),
                    elf::relocation_type_name(at.relocation.type), insn.opcode);
      TRY(name_address(at, insn.imm, out));
      return out;
    }
    case elf::r_bpf::r64_32: {
      if (insn.opcode != op_call)
        return fail(EINVAL, "{}: {} belongs to call (0x85), the opcode is {:#04x}", at.text(),
                    elf::relocation_type_name(at.relocation.type), insn.opcode);
      TRY(name_callee(at, insn.imm, out));
      return out;
    }
    default:
      return fail(ENOTSUP, "{}: {} has no meaning in code", at.text(),
                  elf::relocation_type_name(at.relocation.type));
  }
}

// Calls whose target the assembler knew: the imm counts slots from the next one.
Result<void> add_local_calls(Parsing& p, const elf::Section& section, CodeSection& code) {
  std::vector<CodeReloc> found;
  std::size_t next = 0;
  for (Slot slot = 0; slot < code.insns.size(); slot++) {
    const Insn& insn = code.insns[slot];
    while (next < code.relocs.size() && code.relocs[next].reloc.slot < slot) next++;
    if (insn.opcode == op_lddw) {
      slot++;
      continue;
    }
    if (insn.opcode != op_call || insn.src() != isa::pseudo::call) continue;
    if (next < code.relocs.size() && code.relocs[next].reloc.slot == slot) continue;
    std::int64_t target = std::int64_t{slot} + 1 + insn.imm;
    std::uint32_t function =
        target < 0 ? none : function_at(p, section.index, static_cast<std::uint64_t>(target) * 8);
    if (function == none)
      return fail(EINVAL, "section '{}' offset {:#x}: call to slot {}, where no function begins",
                  section.name, std::uint64_t{slot} * 8, target);
    p.functions[function].called = true;
    CodeReloc call{.kind = TargetKind::function_call, .function = function};
    call.reloc.slot = slot;
    found.push_back(std::move(call));
  }
  auto middle = code.relocs.insert(code.relocs.end(), std::make_move_iterator(found.begin()),
                                   std::make_move_iterator(found.end()));
  std::inplace_merge(code.relocs.begin(), middle, code.relocs.end(),
                     [](const auto& a, const auto& b) { return a.reloc.slot < b.reloc.slot; });
  return {};
}

Result<void> read_section(Parsing& p, const elf::Section& section) {
  CodeSection& code = p.code[section.index];
  for (const elf::Relocation& relocation : p.file.relocations(section.index)) {
    if (relocation.type == elf::r_bpf::none) continue;
    CodeReloc reloc = TRY(read_one({p, section, relocation}, code));
    code.relocs.push_back(std::move(reloc));
  }
  std::stable_sort(code.relocs.begin(), code.relocs.end(),
                   [](const auto& a, const auto& b) { return a.reloc.slot < b.reloc.slot; });
  for (std::size_t i = 1; i < code.relocs.size(); i++)
    if (code.relocs[i].reloc.slot == code.relocs[i - 1].reloc.slot)
      return fail(EINVAL, "section '{}' offset {:#x}: two relocations of one instruction ('{}' and '{}')",
                  section.name, std::uint64_t{code.relocs[i].reloc.slot} * 8, code.relocs[i - 1].reloc.symbol,
                  code.relocs[i].reloc.symbol);
  return add_local_calls(p, section, code);
}

}  // namespace

Result<void> read_relocations(Parsing& p) {
  for (const elf::Section& section : p.file.sections()) {
    if (p.meanings[section.index] == Meaning::code) TRY(read_section(p, section));
    if (p.meanings[section.index] == Meaning::data && !p.file.relocations(section.index).empty()) {
      const elf::Relocation& first = p.file.relocations(section.index)[0];
      p.warn(fmt::format("section '{}' offset {:#x}: addresses in data are not filled in: {} stays as it is",
                         section.name, first.offset, p.file.describe_symbol(first.symbol)));
    }
  }
  return {};
}

// Slots of `values` and members of struct_ops variables: 64-bit addresses of maps and programs.
Result<void> read_initial(Parsing& p) {
  for (const elf::Section& section : p.file.sections()) {
    Meaning meaning = p.meanings[section.index];
    if (meaning != Meaning::maps && meaning != Meaning::struct_ops) continue;
    for (const elf::Relocation& relocation : p.file.relocations(section.index)) {
      if (relocation.type == elf::r_bpf::none) continue;
      Where at{p, section, relocation};
      if (relocation.type != elf::r_bpf::r64_abs64)
        return fail(ENOTSUP, "{}: {} has no meaning in section '{}'", at.text(),
                    elf::relocation_type_name(relocation.type), section.name);
      auto map_at = p.maps_at.upper_bound({section.index, relocation.offset});
      if (map_at == p.maps_at.begin() || (--map_at)->first.first != section.index)
        return fail(EINVAL, "{}: no variable begins before it", at.text());
      MapSpec& map = p.spec.maps[map_at->second];
      std::uint64_t offset = relocation.offset - map_at->first.second;
      if (meaning == Meaning::maps) {
        auto values = p.values_at.find(map_at->second);
        if (values == p.values_at.end() || offset < values->second)
          return fail(EINVAL, "{}: map '{}' has no 'values' there", at.text(), map.name);
        offset -= values->second;
      }
      if (offset % 8 != 0 || offset / 8 > 0xffff'ffff)
        return fail(EINVAL, "{}: map '{}': byte {} is not the start of a slot of 8", at.text(), map.name,
                    offset);

      Bytes held = TRY(base::slice(section.bytes, relocation.offset, 8, section.name));
      std::int64_t addend = base::load<std::int64_t>(held.data(), p.file.order());
      const elf::Symbol& symbol = at.symbol();
      if (symbol.place != elf::Place::section)
        return fail(EINVAL, "{}: map '{}': not a map or program of this object", at.text(), map.name);
      if (p.gnu && symbol.type != elf::stt::section && symbol.value <= static_cast<std::uint64_t>(addend))
        addend -= static_cast<std::int64_t>(symbol.value);
      std::uint64_t target = TRY(place(at, addend));
      InitialSlot slot{.key = static_cast<std::uint32_t>(offset / 8)};
      bool wants_map = meaning == Meaning::maps && map.type != uapi::MapType::prog_array;
      if (wants_map) {
        auto inner = p.maps_at.find({symbol.section, target});
        if (inner == p.maps_at.end() || inner->second == map_at->second)
          return fail(EINVAL, "{}: map '{}': slot {} needs a map of this object", at.text(), map.name,
                      slot.key);
        slot.index = inner->second;
      } else {
        slot.is_program = true;
        std::uint32_t function = function_at(p, symbol.section, target);
        if (function == none || p.functions[function].program == none)
          return fail(EINVAL, "{}: map '{}': slot {} needs a program of this object", at.text(), map.name,
                      slot.key);
        slot.index = p.functions[function].program;
      }
      map.initial.push_back(slot);
    }
  }
  for (MapSpec& map : p.spec.maps)
    std::stable_sort(map.initial.begin(), map.initial.end(),
                     [](const InitialSlot& a, const InitialSlot& b) { return a.key < b.key; });
  return {};
}

}  // namespace skep::object
