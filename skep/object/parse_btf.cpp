// .BTF and .BTF.ext. Compilers leave the sizes of data sections and the offsets of their global variables 0:
// only the symbol table knows them (Documentation/bpf/btf.rst, BTF_KIND_DATASEC).
#include <algorithm>

#include "skep/object/parsing.h"

namespace skep::object {
namespace {

Result<void> fill_datasec(Parsing& p, const btf::Type& datasec) {
  const elf::Section* section = p.file.find_section(datasec.name());
  if (!section || datasec.size() != 0) return {};  // externs, or filled in by a linker
  if (section->size > max_section_value)
    return fail(E2BIG, "section '{}': {} bytes, at most {} can become a map", section->name, section->size,
                max_section_value);
  std::vector<btf::VarSecinfo> vars;
  vars.reserve(datasec.vars().size());
  for (btf::VarSecinfo info : datasec.vars()) {
    btf::Type var = p.btf->type(info.type);
    if (var.kind != btf::Kind::var)
      return fail(EINVAL, "BTF: data section '{}': type {} is {}, must be VAR", datasec.name(), info.type,
                  btf::kind_name(var.kind));
    if (var.var_linkage() != btf::linkage::static_) {
      auto found = p.symbols.find({section->index, var.name()});
      if (found == p.symbols.end())
        return fail(ENOENT, "BTF: data section '{}': variable '{}' has no symbol", datasec.name(),
                    var.name());
      std::uint64_t value = p.file.symbol(found->second).value;
      if (value > section->size)
        return fail(EINVAL, "section '{}': symbol '{}' at offset {:#x} lies beyond its {:#x} bytes",
                    section->name, var.name(), value, section->size);
      info.offset = static_cast<std::uint32_t>(value);
    }
    vars.push_back(info);
  }
  std::stable_sort(vars.begin(), vars.end(),
                   [](const auto& a, const auto& b) { return a.offset < b.offset; });
  return p.btf->set_datasec(datasec.id, static_cast<std::uint32_t>(section->size), vars);
}

template <class Record>
void sort_into(Parsing& p, const std::vector<btf::ExtSection<Record>>& from,
               std::vector<Record> CodeSection::* to, std::string_view what) {
  for (const btf::ExtSection<Record>& part : from) {
    const elf::Section* section = p.file.find_section(part.section);
    if (!section || p.meanings[section->index] != Meaning::code) {
      p.warn(
          fmt::format(".BTF.ext: {} of section '{}', which holds no code, is ignored", what, part.section));
      continue;
    }
    std::vector<Record>& records = p.code[section->index].*to;
    records.insert(records.end(), part.records.begin(), part.records.end());
  }
  for (auto& [index, code] : p.code)
    std::stable_sort((code.*to).begin(), (code.*to).end(),
                     [](const Record& a, const Record& b) { return a.insn_off < b.insn_off; });
}

}  // namespace

Result<void> read_btf(Parsing& p) {
  const elf::Section* section = p.file.find_section(".BTF");
  if (!section) return {};
  btf::Btf parsed = TRY(btf::Btf::parse_owned(Buffer(section->bytes.begin(), section->bytes.end())));
  p.btf = std::make_shared<btf::Btf>(std::move(parsed));
  for (btf::TypeId id = 1; id < p.btf->type_count(); id++)
    if (btf::Type type = p.btf->type(id); type.kind == btf::Kind::datasec) TRY(fill_datasec(p, type));

  const elf::Section* ext = p.file.find_section(".BTF.ext");
  if (!ext) return {};
  btf::BtfExt records = TRY(btf::BtfExt::parse(ext->bytes, *p.btf));
  sort_into(p, records.funcs, &CodeSection::func_info, "function information");
  sort_into(p, records.lines, &CodeSection::line_info, "line information");
  sort_into(p, records.relocations, &CodeSection::core_relos, "CO-RE information");
  return {};
}

}  // namespace skep::object
