// The passes of parse(), and the small sections: license and version.
#include "skep/object/parse.h"

#include <algorithm>

#include "skep/object/parsing.h"

namespace skep::object {
namespace {

bool is_or_below(std::string_view name, std::string_view base) {
  return name == base || (name.starts_with(base) && name[base.size()] == '.');
}

Meaning meaning_of(const elf::Section& section) {
  if (section.type != elf::sht::progbits && !section.nobits()) return Meaning::other;
  if (section.name == ".maps") return Meaning::maps;
  if (section.name == "maps" || section.name.starts_with("maps/")) return Meaning::legacy_maps;
  if (is_or_below(section.name, ".data") || is_or_below(section.name, ".rodata") ||
      is_or_below(section.name, ".bss"))
    return Meaning::data;
  std::string_view shown = section.name.starts_with('?') ? section.name.substr(1) : section.name;
  if (shown == ".struct_ops" || shown == ".struct_ops.link") return Meaning::struct_ops;
  if (section.name == ".addr_space.1") return Meaning::arena;
  if (section.name == ".jumptables") return Meaning::jump_tables;
  if (section.executable() && !section.nobits()) return Meaning::code;
  return Meaning::other;
}

Result<void> read_sections(Parsing& p) {
  for (const elf::Section& section : p.file.sections()) p.meanings.push_back(meaning_of(section));
  if (const elf::Section* comment = p.file.find_section(".comment"))
    p.gnu = base::as_text(comment->bytes).find("GCC: ") != std::string_view::npos;
  p.section_maps.assign(p.file.sections().size(), none);
  for (std::uint32_t i = 0; i < p.file.symbols().size(); i++) {
    const elf::Symbol& symbol = p.file.symbol(i);
    if (symbol.place != elf::Place::section || symbol.type == elf::stt::section || symbol.name.empty())
      continue;
    p.symbols.emplace(std::pair(symbol.section, symbol.name), i);
  }
  return {};
}

Result<void> read_license_and_version(Parsing& p) {
  if (const elf::Section* section = p.file.find_section("license")) {
    std::string_view text = base::as_text(section->bytes);
    p.spec.license = text.substr(0, text.find('\0'));
  } else {
    p.warn("no license section: only helpers that are not GPL-only can be called");
  }
  if (const elf::Section* section = p.file.find_section("version")) {
    if (section->bytes.size() != 4)
      return fail(EINVAL, "section 'version': {} bytes, must be 4", section->bytes.size());
    p.spec.version = base::load<std::uint32_t>(section->bytes.data(), p.file.order());
  }
  return {};
}

template <class List>
auto find_named(List& list, std::string_view name) -> decltype(list.data()) {
  auto found = std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
  return found == list.end() ? nullptr : &*found;
}

template <class List>
auto find_map_in(List& maps, std::string_view name) -> decltype(maps.data()) {
  if (auto* found = find_named(maps, name)) return found;
  for (auto& map : maps)
    if (map.is_internal() && map.section == name) return &map;
  return nullptr;
}

}  // namespace

Result<ObjectSpec> parse(Bytes object, const OpenOptions& options, Diagnostics& warnings) {
  elf::File file = TRY(elf::File::parse(object));
  Parsing p{.file = file, .options = options, .warnings = warnings};
  p.spec.name = options.name;
  p.spec.order = file.order();
  TRY(read_sections(p));
  TRY(read_license_and_version(p));
  TRY(read_btf(p));   // before all that is defined by types
  TRY(read_maps(p));  // maps, data and externs: before the relocations that name them
  TRY(read_legacy_maps(p));
  TRY(read_data(p));
  TRY(read_externs(p));
  TRY(read_functions(p));  // all functions, before the calls between them
  TRY(read_relocations(p));
  TRY(link_programs(p));   // decides which functions are programs
  TRY(hide_functions(p));  // once it is known which are programs
  TRY(read_initial(p));    // names programs by their index
  p.spec.btf = p.btf;
  return std::move(p.spec);
}

std::string object_name(std::string_view path) {
  if (std::size_t slash = path.rfind('/'); slash != path.npos) path.remove_prefix(slash + 1);
  std::string name(path.substr(0, path.find('.')));
  for (char& c : name)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) c = '_';
  return name;
}

ProgramSpec* ObjectSpec::find_program(std::string_view name) { return find_named(programs, name); }
const ProgramSpec* ObjectSpec::find_program(std::string_view name) const {
  return find_named(programs, name);
}
MapSpec* ObjectSpec::find_map(std::string_view name) { return find_map_in(maps, name); }
const MapSpec* ObjectSpec::find_map(std::string_view name) const { return find_map_in(maps, name); }

}  // namespace skep::object
