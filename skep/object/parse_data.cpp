// Data sections: each .data, .bss and .rodata becomes an array map with one value, whose bytes programs
// address directly. Names are libbpf's: the first 8 bytes of the object's name (7 for .kconfig) and the
// section's; sections with a second dot (".data.mine") keep theirs alone.
#include <algorithm>

#include "skep/object/parsing.h"
#include "skep/uapi/flags.h"

namespace skep::object {
namespace {

constexpr std::size_t name_max = 15;  // BPF_OBJ_NAME_LEN without the NUL

MapOrigin origin_of(std::string_view section) {
  if (section.starts_with(".rodata")) return MapOrigin::rodata;
  if (section.starts_with(".bss")) return MapOrigin::bss;
  return MapOrigin::data;
}

// Whether user space may look for variables in it: one of them is not static.
bool has_global_variable(const btf::Btf& btf, const btf::Type& datasec) {
  for (btf::VarSecinfo info : datasec.vars())
    if (btf::Type var = btf.type(info.type);
        var.kind == btf::Kind::var && var.var_linkage() != btf::linkage::static_)
      return true;
  return false;
}

Result<void> read_section(Parsing& p, const elf::Section& section) {
  if (section.size > max_section_value)
    return fail(E2BIG, "section '{}': {} bytes, at most {} can become a map", section.name, section.size,
                max_section_value);
  MapSpec map = internal_map(p.options.name, section.name, origin_of(section.name));
  map.value_size = static_cast<std::uint32_t>(section.size);
  map.contents.assign(section.bytes.begin(), section.bytes.end());
  if (p.btf)
    if (std::optional<btf::TypeId> id = p.btf->find(section.name, btf::Kind::datasec)) {
      map.value_type_id = *id;
      if (has_global_variable(*p.btf, p.btf->type(*id))) map.flags |= uapi::map_mmapable;
    }
  p.section_maps[section.index] = static_cast<std::uint32_t>(p.spec.maps.size());
  p.spec.maps.push_back(std::move(map));
  return {};
}

// Globals of the arena: they become the first bytes of the object's one arena map.
Result<void> read_arena(Parsing& p, const elf::Section& section) {
  std::uint32_t found = none;
  for (std::uint32_t i = 0; i < p.spec.maps.size(); i++) {
    if (p.spec.maps[i].type != uapi::MapType::arena) continue;
    if (found != none)
      return fail(EINVAL, "map '{}': a second arena besides '{}'; only one is supported", p.spec.maps[i].name,
                  p.spec.maps[found].name);
    found = i;
  }
  if (found == none)
    return fail(ENOENT, "section '{}': global variables in an arena, but no map is an arena", section.name);
  if (section.size > max_section_value)
    return fail(E2BIG, "section '{}': {} bytes are too many", section.name, section.size);
  MapSpec& map = p.spec.maps[found];
  map.contents.assign(section.bytes.begin(), section.bytes.end());
  p.section_maps[section.index] = found;
  return {};
}

}  // namespace

MapSpec internal_map(std::string_view object, std::string_view section, MapOrigin origin) {
  MapSpec map;
  if (section.find('.', 1) != section.npos) {
    map.name = section.substr(0, name_max);
  } else {
    std::size_t suffix =
        std::clamp<std::size_t>(section.size(), std::string_view(".rodata").size(), name_max);
    map.name = fmt::format("{}{}", object.substr(0, name_max - suffix), section).substr(0, name_max);
  }
  for (char& c : map.name)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.'))
      c = '_';
  map.origin = origin;
  map.section = section;
  map.type = uapi::MapType::array;
  map.key_size = 4;
  map.max_entries = 1;
  if (origin == MapOrigin::rodata || origin == MapOrigin::kconfig) {
    map.flags = uapi::map_rdonly_prog;
    map.freeze = true;
  }
  return map;
}

Result<void> read_data(Parsing& p) {
  for (const elf::Section& section : p.file.sections()) {
    if (section.size == 0) continue;
    if (p.meanings[section.index] == Meaning::data) TRY(read_section(p, section));
    if (p.meanings[section.index] == Meaning::arena) TRY(read_arena(p, section));
  }
  return {};
}

}  // namespace skep::object
