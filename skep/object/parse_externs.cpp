// Externs: what programs expect from the kernel. BTF lists them as variables and functions of the data
// sections .kconfig and .ksyms; the ELF file has an undefined symbol for each that is used.
#include <algorithm>

#include "skep/object/parsing.h"
#include "skep/uapi/flags.h"

namespace skep::object {
namespace {

using btf::Kind;
using btf::Type;

struct KconfigShape {
  KconfigType type = KconfigType::unknown;
  bool is_signed = false;
};

// `element`: of an array; arrays of arrays have no shape (and may name themselves).
Result<KconfigShape> kconfig_shape(const btf::Btf& btf, btf::TypeId id, bool element = false) {
  btf::TypeId resolved = TRY(btf.resolve(id));
  Type type = btf.type(resolved);
  KconfigShape shape;
  if (type.kind == Kind::int_) {
    std::uint8_t encoding = type.integer().encoding;
    shape.is_signed = (encoding & btf::int_encoding::is_signed) != 0;
    std::uint32_t size = type.size();
    if (encoding & btf::int_encoding::is_bool)
      shape.type = size == 1 ? KconfigType::boolean : KconfigType::unknown;
    else if ((encoding & btf::int_encoding::is_char) || size == 1)
      shape.type = KconfigType::character;
    else if (size == 2 || size == 4 || size == 8)
      shape.type = KconfigType::integer;
  } else if (type.is_enum()) {
    if (type.size() == 4 && type.name() == "libbpf_tristate") shape.type = KconfigType::tristate;
  } else if (type.kind == Kind::array && type.array().count != 0 && !element) {
    KconfigShape each = TRY(kconfig_shape(btf, type.array().type, true));
    if (each.type == KconfigType::character) shape.type = KconfigType::char_array;
  }
  return shape;
}

struct Found {
  btf::TypeId id = 0;  // VAR or FUNC
  bool kconfig = false;
};

// The names that .kconfig and .ksyms declare.
std::map<std::string_view, Found> declared(const Parsing& p) {
  std::map<std::string_view, Found> names;
  if (!p.btf) return names;
  for (std::string_view section : {".kconfig", ".ksyms"})
    if (std::optional<btf::TypeId> id = p.btf->find(section, Kind::datasec))
      for (btf::VarSecinfo info : p.btf->type(*id).vars())
        names.emplace(p.btf->name(info.type), Found{info.type, section == ".kconfig"});
  return names;
}

// An extern of .kconfig and how its place in the map is chosen: the strictest alignment first.
struct Placed {
  std::uint32_t index = 0, align = 1;
};

Result<ExternSpec> read_extern(Parsing& p, std::string_view name, const Found& found, bool weak,
                               std::vector<Placed>& placed) {
  const btf::Btf& btf = *p.btf;
  Type declared = btf.type(found.id);
  ExternSpec ext;
  ext.name = name;
  ext.weak = weak;
  ext.type_id = found.id;
  if (declared.kind == Kind::func) {
    if (found.kconfig) return fail(EINVAL, "extern '{}': a function in .kconfig", name);
    ext.kind = ExternKind::kfunc;
    return ext;
  }
  if (declared.kind != Kind::var)
    return fail(EINVAL, "extern '{}': BTF type [{}] is {}, must be VAR or FUNC", name, found.id,
                btf::kind_name(declared.kind));
  if (!found.kconfig) {
    btf::TypeId target = TRY(btf.resolve(declared.type()));
    ext.kind = target == 0 ? ExternKind::ksym_typeless : ExternKind::ksym_typed;
    return ext;
  }
  KconfigShape shape = TRY(kconfig_shape(btf, declared.type()));
  if (shape.type == KconfigType::unknown)
    return fail(ENOTSUP, "extern '{}': its type cannot hold a kernel configuration value", name);
  ext.kind = ExternKind::kconfig;
  ext.kconfig_type = shape.type;
  ext.is_signed = shape.is_signed;
  ext.size = TRY(btf.size_of(declared.type()));
  std::uint32_t align = TRY(btf.align_of(declared.type()));
  placed.push_back({static_cast<std::uint32_t>(p.spec.externs.size()), std::max(align, 1u)});
  return ext;
}

Result<void> lay_out_kconfig(Parsing& p, std::vector<Placed> placed) {
  if (placed.empty()) return {};
  std::vector<ExternSpec>& externs = p.spec.externs;
  std::sort(placed.begin(), placed.end(), [&](const Placed& a, const Placed& b) {
    if (a.align != b.align) return a.align > b.align;
    if (externs[a.index].size != externs[b.index].size) return externs[a.index].size > externs[b.index].size;
    return externs[a.index].name < externs[b.index].name;
  });
  std::uint64_t end = 0;
  for (const Placed& at : placed) {
    end = (end + at.align - 1) / at.align * at.align;
    externs[at.index].offset = static_cast<std::uint32_t>(end);
    end += externs[at.index].size;
    if (end > std::uint64_t{1} << 20)
      return fail(E2BIG, "extern '{}': .kconfig grows above 1 MiB", externs[at.index].name);
  }
  MapSpec map = internal_map(p.options.name, ".kconfig", MapOrigin::kconfig);
  map.value_size = static_cast<std::uint32_t>(end);
  map.contents.assign(end, 0);
  map.flags |= uapi::map_mmapable;
  if (std::optional<btf::TypeId> id = p.btf->find(".kconfig", Kind::datasec)) map.value_type_id = *id;
  p.kconfig_map = static_cast<std::uint32_t>(p.spec.maps.size());
  p.spec.maps.push_back(std::move(map));
  return {};
}

}  // namespace

Result<void> read_externs(Parsing& p) {
  std::map<std::string_view, Found> names = declared(p);
  std::vector<Placed> placed;
  for (const elf::Symbol& symbol : p.file.symbols()) {
    if (symbol.place != elf::Place::undefined || symbol.binding == elf::stb::local || symbol.name.empty())
      continue;
    auto found = names.find(symbol.name);
    if (found == names.end() || p.externs.contains(symbol.name)) continue;
    ExternSpec ext =
        TRY(read_extern(p, symbol.name, found->second, symbol.binding == elf::stb::weak, placed));
    p.externs.emplace(symbol.name, static_cast<std::uint32_t>(p.spec.externs.size()));
    p.spec.externs.push_back(std::move(ext));
  }
  return lay_out_kconfig(p, std::move(placed));
}

}  // namespace skep::object
