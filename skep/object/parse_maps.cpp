// Maps that types define: variables of section .maps, whose struct's members say everything
// (__uint, __ulong, __type and __array of bpf_helpers.h), and struct_ops variables.
//
// __uint(n, v) is `int (*n)[v]`, __ulong(n, v) an enum with the one value v, __type(n, T) `T *n`,
// __array(n, T) `T *n[]`. The rules and messages that users know are libbpf's (docs of its 1.x).
#include <array>

#include "skep/object/parsing.h"

namespace skep::object {
namespace {

using btf::Kind;
using btf::Member;
using btf::Type;
using btf::TypeId;

// One variable, or the template of an inner map, while its members are read.
struct Definition {
  Parsing& p;
  MapSpec& map;
  bool inner = false;
  bool last = false;                      // the member at hand is the struct's last
  std::uint32_t member_offset = 0;        // in bytes
  std::optional<std::uint32_t> values{};  // offset of `values`
};

std::string_view kind_of(const Parsing& p, TypeId id) { return btf::kind_name(p.btf->type(id).kind); }

Result<std::uint64_t> number(Definition& d, const Member& member) {
  TypeId id = TRY(d.p.btf->resolve(member.type));
  Type type = d.p.btf->type(id);
  if (type.is_enum()) {
    if (type.enumerators().size() != 1)
      return fail(EINVAL, "map '{}': attr '{}': an enum with {} values, must have 1", d.map.name, member.name,
                  type.enumerators().size());
    return static_cast<std::uint64_t>(type.enumerators()[0].value);
  }
  if (type.kind != Kind::ptr)
    return fail(EINVAL, "map '{}': attr '{}': expected PTR, got {}", d.map.name, member.name,
                kind_of(d.p, id));
  TypeId target = TRY(d.p.btf->resolve(type.type()));
  Type array = d.p.btf->type(target);
  if (array.kind != Kind::array)
    return fail(EINVAL, "map '{}': attr '{}': expected ARRAY, got {}", d.map.name, member.name,
                kind_of(d.p, target));
  return array.array().count;
}

Result<std::uint32_t> number32(Definition& d, const Member& member) {
  std::uint64_t value = TRY(number(d, member));
  if (value > 0xffff'ffff)
    return fail(EINVAL, "map '{}': attr '{}': {} does not fit into 32 bits", d.map.name, member.name, value);
  return static_cast<std::uint32_t>(value);
}

template <std::uint32_t MapSpec::* field>
Result<void> read_number(Definition& d, const Member& member) {
  d.map.*field = TRY(number32(d, member));
  return {};
}

Result<void> read_type(Definition& d, const Member& member) {
  d.map.type = static_cast<uapi::MapType>(TRY(number32(d, member)));
  return {};
}

Result<void> read_map_extra(Definition& d, const Member& member) {
  d.map.map_extra = TRY(number(d, member));
  return {};
}

Result<void> agree(Definition& d, std::string_view what, std::uint32_t& size, std::uint32_t now) {
  if (size != 0 && size != now)
    return fail(EINVAL, "map '{}': conflicting {} size {} != {}", d.map.name, what, size, now);
  size = now;
  return {};
}

Result<void> read_key_size(Definition& d, const Member& member) {
  std::uint32_t size = TRY(number32(d, member));
  return agree(d, "key", d.map.key_size, size);
}
Result<void> read_value_size(Definition& d, const Member& member) {
  std::uint32_t size = TRY(number32(d, member));
  return agree(d, "value", d.map.value_size, size);
}

Result<TypeId> pointee(Definition& d, const Member& member) {
  Type type = d.p.btf->type(member.type);
  if (type.kind != Kind::ptr)
    return fail(EINVAL, "map '{}': attr '{}': expected PTR, got {}", d.map.name, member.name,
                kind_of(d.p, member.type));
  return type.type();
}

Result<void> read_sized_type(Definition& d, const Member& member, std::string_view what, std::uint32_t& size,
                             TypeId& into) {
  TypeId id = TRY(pointee(d, member));
  Result<std::uint32_t> bytes = d.p.btf->size_of(id);
  if (!bytes)
    return fail(EINVAL, "map '{}': can't determine {} size for type [{}]: {}", d.map.name, what, id,
                bytes.error().message);
  into = id;
  return agree(d, what, size, *bytes);
}
Result<void> read_key(Definition& d, const Member& member) {
  return read_sized_type(d, member, "key", d.map.key_size, d.map.key_type_id);
}
Result<void> read_value(Definition& d, const Member& member) {
  return read_sized_type(d, member, "value", d.map.value_size, d.map.value_type_id);
}

Result<void> read_pinning(Definition& d, const Member& member) {
  if (d.inner) return fail(EINVAL, "map '{}': map-in-map inner def can't be pinned", d.map.name);
  std::uint32_t value = TRY(number32(d, member));
  if (value > 1) return fail(EINVAL, "map '{}': invalid pinning value {}", d.map.name, value);
  d.map.pinning = static_cast<Pinning>(value);
  return {};
}

Result<void> read_members(Definition& d, const Type& type);

Result<void> read_values(Definition& d, const Member& member) {
  if (d.inner) return fail(ENOTSUP, "map '{}': multi-level inner maps not supported", d.map.name);
  if (!d.last) return fail(EINVAL, "map '{}': '{}' member should be last", d.map.name, member.name);
  bool map_in_map = d.map.type == uapi::MapType::array_of_maps || d.map.type == uapi::MapType::hash_of_maps;
  if (!map_in_map && d.map.type != uapi::MapType::prog_array)
    return fail(ENOTSUP, "map '{}': 'values': should be map-in-map or prog-array", d.map.name);
  TRY(agree(d, "value", d.map.value_size, 4));

  TypeId id = TRY(d.p.btf->resolve(member.type));
  Type array = d.p.btf->type(id);
  if (array.kind != Kind::array || array.array().count != 0)
    return fail(EINVAL, "map '{}': 'values' is not a zero-sized array", d.map.name);
  id = TRY(d.p.btf->resolve(array.array().type));
  if (d.p.btf->type(id).kind != Kind::ptr)
    return fail(EINVAL, "map '{}': 'values': expected PTR, got {}", d.map.name, kind_of(d.p, id));
  id = TRY(d.p.btf->resolve(d.p.btf->type(id).type()));
  Type element = d.p.btf->type(id);
  Kind expected = map_in_map ? Kind::struct_ : Kind::func_proto;
  if (element.kind != expected)
    return fail(EINVAL, "map '{}': 'values': expected pointers to {}, got {}", d.map.name,
                btf::kind_name(expected), btf::kind_name(element.kind));
  d.values = d.member_offset;
  if (!map_in_map) return {};

  MapSpec inner;
  inner.name = d.map.name + ".inner";
  inner.section = d.map.section;
  Definition inside{.p = d.p, .map = inner, .inner = true};
  TRY(read_members(inside, element));
  d.map.inner.push_back(std::move(inner));
  return {};
}

// The members that a definition may have.
struct MemberRule {
  std::string_view name;
  Result<void> (*read)(Definition&, const Member&);
};
constexpr std::array<MemberRule, 11> member_rules{{
    {"type", read_type},
    {"max_entries", read_number<&MapSpec::max_entries>},
    {"map_flags", read_number<&MapSpec::flags>},
    {"numa_node", read_number<&MapSpec::numa_node>},
    {"map_extra", read_map_extra},
    {"key_size", read_key_size},
    {"key", read_key},
    {"value_size", read_value_size},
    {"value", read_value},
    {"values", read_values},
    {"pinning", read_pinning},
}};

const MemberRule* find_rule(std::string_view name) {
  for (const MemberRule& rule : member_rules)
    if (rule.name == name) return &rule;
  return nullptr;
}

Result<void> read_members(Definition& d, const Type& type) {
  std::size_t count = type.members().size(), index = 0;
  for (Member member : type.members()) {
    d.last = ++index == count;
    d.member_offset = member.bit_offset / 8;
    if (member.name.empty()) return fail(EINVAL, "map '{}': invalid field #{}", d.map.name, index - 1);
    if (const MemberRule* rule = find_rule(member.name)) {
      TRY(rule->read(d, member));
    } else if (d.p.options.relaxed_maps) {
      d.p.warn(fmt::format("map '{}': unknown field '{}' is ignored", d.map.name, member.name));
    } else {
      return fail(ENOTSUP, "map '{}': unknown field '{}'", d.map.name, member.name);
    }
  }
  if (d.map.type == uapi::MapType::unspec)
    return fail(EINVAL, "map '{}': map type isn't specified", d.map.name);
  return {};
}

// A variable of a data section: its type, and that it lies inside the section.
struct Variable {
  std::string_view name;
  TypeId type = 0;  // resolved
  std::uint32_t linkage = 0;
};

Result<Variable> variable(Parsing& p, const elf::Section& section, const btf::VarSecinfo& info) {
  Type var = p.btf->type(info.type);
  if (var.kind != Kind::var || var.name().empty())
    return fail(EINVAL, "section '{}' offset {:#x}: type [{}] is {}, must be a named VAR", section.name,
                info.offset, info.type, btf::kind_name(var.kind));
  if (info.offset > section.size || info.size > section.size - info.offset)
    return fail(EINVAL, "map '{}': {} bytes at offset {:#x} lie beyond section '{}' ({:#x} bytes)",
                var.name(), info.size, info.offset, section.name, section.size);
  TypeId id = TRY(p.btf->resolve(var.type()));
  if (p.btf->type(id).kind != Kind::struct_)
    return fail(EINVAL, "map '{}': unexpected def kind {}", var.name(), kind_of(p, id));
  return Variable{.name = var.name(), .type = id, .linkage = var.var_linkage()};
}

// The DATASEC that describes a section. Null with an error when the section holds something.
Result<Type> datasec_of(Parsing& p, const elf::Section& section, std::string_view what) {
  if (!p.btf)
    return fail(ENOENT, "section '{}': {} are defined by BTF, and the object has none (compile with -g)",
                section.name, what);
  std::optional<TypeId> id = p.btf->find(section.name, Kind::datasec);
  if (!id)
    return fail(ENOENT, "section '{}': BTF has no DATASEC of that name, so nothing says what {} it defines",
                section.name, what);
  return p.btf->type(*id);
}

Result<void> read_map_section(Parsing& p, const elf::Section& section) {
  Type datasec = TRY(datasec_of(p, section, "maps"));
  for (btf::VarSecinfo info : datasec.vars()) {
    Variable var = TRY(variable(p, section, info));
    if (var.linkage == btf::linkage::extern_)
      return fail(ENOTSUP,
                  "map '{}': unsupported map linkage extern (link the object with the one that "
                  "defines it)",
                  var.name);
    if (info.size < p.btf->type(var.type).size())
      return fail(EINVAL, "map '{}': {} bytes in section '{}', but its type has {}", var.name, info.size,
                  section.name, p.btf->type(var.type).size());
    MapSpec map;
    map.name = var.name;
    map.section = section.name;
    Definition d{.p = p, .map = map};
    TRY(read_members(d, p.btf->type(var.type)));
    auto index = static_cast<std::uint32_t>(p.spec.maps.size());
    if (d.values) p.values_at[index] = *d.values;
    if (!p.maps_at.emplace(std::pair(section.index, info.offset), index).second)
      return fail(EINVAL, "map '{}': another map begins at offset {:#x} of section '{}', too", var.name,
                  info.offset, section.name);
    p.spec.maps.push_back(std::move(map));
  }
  return {};
}

inline constexpr std::uint32_t f_link = 1u << 13;  // BPF_F_LINK

Result<void> read_struct_ops_section(Parsing& p, const elf::Section& section) {
  Type datasec = TRY(datasec_of(p, section, "struct_ops variables"));
  for (btf::VarSecinfo info : datasec.vars()) {
    Variable var = TRY(variable(p, section, info));
    MapSpec map;
    map.name = var.name;
    map.origin = MapOrigin::struct_ops;
    map.section = section.name;
    map.type = uapi::MapType::struct_ops;
    map.key_size = 4;
    map.value_size = info.size;
    map.max_entries = 1;
    map.value_type_id = var.type;
    map.autocreate = !section.name.starts_with('?');
    if (section.name.ends_with(".link")) map.flags = f_link;
    Bytes bytes = TRY(base::slice(section.bytes, info.offset, info.size, section.name));
    map.contents.assign(bytes.begin(), bytes.end());
    auto index = static_cast<std::uint32_t>(p.spec.maps.size());
    p.maps_at.emplace(std::pair(section.index, info.offset), index);
    p.spec.maps.push_back(std::move(map));
  }
  return {};
}

}  // namespace

Result<void> read_maps(Parsing& p) {
  for (const elf::Section& section : p.file.sections()) {
    if (section.size == 0) continue;
    if (p.meanings[section.index] == Meaning::maps) TRY(read_map_section(p, section));
    if (p.meanings[section.index] == Meaning::struct_ops) TRY(read_struct_ops_section(p, section));
  }
  return {};
}

}  // namespace skep::object
