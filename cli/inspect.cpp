// Looking into objects without loading them: prog dump, map show, btf dump.
#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/compile.h"
#include "cli/text.h"
#include "skep/base/json.h"
#include "skep/btf/btf.h"
#include "skep/btf/print.h"
#include "skep/elf/file.h"
#include "skep/isa/print.h"
#include "skep/object/parse.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"

namespace skep::cli {

namespace {

Result<object::ObjectSpec> open_object(const Arguments& arguments) {
  const std::string& path = arguments.positional[0];
  Buffer bytes = TRY(read_object(path));
  object::OpenOptions options;
  options.name = object_name(path);
  options.strict = arguments.has("strict");
  Diagnostics warnings;
  auto spec = object::parse(bytes, options, warnings);
  fmt::print(stderr, "{}", warnings.print());
  if (!spec) return Failure(std::move(spec).error().in(path));
  return spec;
}

std::string map_type_name(uapi::MapType type) {
  const uapi::MapTypeRow* row = uapi::find_map_type(type);
  return row ? std::string(row->name) : fmt::format("type {}", static_cast<std::uint32_t>(type));
}

std::string type_text(const object::ObjectSpec& spec, btf::TypeId id) {
  return id && spec.btf && spec.btf->has(id) ? btf::declare(*spec.btf, id, "").value_or("?") : "";
}

void dump_program(const object::ObjectSpec& spec, const object::ProgramSpec& program, bool opcodes) {
  const uapi::ProgTypeRow* type = uapi::find_prog_type(program.type);
  fmt::print("{} ({}, SEC \"{}\", {} instructions):\n", program.name, type ? type->name : "unknown type",
             program.section, program.insns.size());
  std::size_t function = 0, line = 0, reloc = 0;
  for (isa::Slot slot = 0; slot < program.insns.size();) {
    if (function < program.functions.size() && program.functions[function].first == slot)
      fmt::print("{}:\n", program.functions[function++].name);
    for (; line < program.line_info.size() && program.line_info[line].slot <= slot; line++)
      if (spec.btf && program.line_info[line].line_off < spec.btf->string_end())
        fmt::print("; {}\n", spec.btf->string(program.line_info[line].line_off));
    auto decoded = isa::decode(program.insns, slot);
    std::string text = decoded ? isa::print(*decoded) : fmt::format("({})", decoded.error().message);
    std::uint32_t slots = decoded ? decoded->slots : 1;
    if (opcodes) {
      std::string bytes;
      for (isa::Slot i = slot; i < slot + slots && i < program.insns.size(); i++)
        for (std::uint8_t b : Bytes(reinterpret_cast<const std::uint8_t*>(&program.insns[i]), 8))
          bytes += fmt::format("{:02x} ", b);
      fmt::print("{:8}:  {:<48} {}", slot, bytes, text);
    } else {
      fmt::print("{:8}:  {}", slot, text);
    }
    for (; reloc < program.relocs.size() && program.relocs[reloc].slot <= slot; reloc++) {
      const object::Reloc& r = program.relocs[reloc];
      std::string target = r.symbol;
      if (r.kind == object::RelocKind::map || r.kind == object::RelocKind::map_value)
        target = r.index < spec.maps.size() ? spec.maps[r.index].name : r.symbol;
      if (r.kind == object::RelocKind::map_value) target += fmt::format(" + {}", r.offset);
      fmt::print("  # {}", target);
    }
    fmt::print("\n");
    slot += slots;
  }
}

}  // namespace

int run_prog_dump(const Arguments& arguments) {
  auto spec = open_object(arguments);
  if (!spec) return report(spec.error());
  const std::string* wanted = arguments.find("prog");
  bool found = false;
  for (const object::ProgramSpec& program : spec->programs) {
    if (wanted && program.name != *wanted) continue;
    if (found) fmt::print("\n");
    found = true;
    dump_program(*spec, program, arguments.has("opcodes"));
  }
  if (wanted && !found)
    return report({ENOENT, fmt::format("{}: no program '{}'", arguments.positional[0], *wanted)});
  return Exit::ok;
}

int run_map_show(const Arguments& arguments) {
  auto spec = open_object(arguments);
  if (!spec) return report(spec.error());
  if (arguments.has("json")) {
    base::JsonWriter json(true);
    json.array();
    for (const object::MapSpec& map : spec->maps) {
      json.object();
      json.member("name", map.name);
      json.member("section", map.section);
      json.member("type", map_type_name(map.type));
      json.member("flags", map.flags);
      json.member("bytes_key", map.key_size);
      json.member("bytes_value", map.value_size);
      json.member("max_entries", map.max_entries);
      if (std::string text = type_text(*spec, map.key_type_id); !text.empty()) json.member("key", text);
      if (std::string text = type_text(*spec, map.value_type_id); !text.empty()) json.member("value", text);
      json.end();
    }
    json.end();
    fmt::print("{}", json.take());
    return Exit::ok;
  }
  Table table({"name", "type", "key", "value", "max_entries", "flags", "key type", "value type"});
  for (const object::MapSpec& map : spec->maps)
    table.row({map.name, map_type_name(map.type), fmt::format("{} B", map.key_size),
               fmt::format("{} B", map.value_size), fmt::format("{}", map.max_entries),
               fmt::format("{:#x}", map.flags), type_text(*spec, map.key_type_id),
               type_text(*spec, map.value_type_id)});
  fmt::print("{}", table.print(""));
  return Exit::ok;
}

int run_btf_dump(const Arguments& arguments) {
  const std::string& path = arguments.positional[0];
  auto bytes = read_object(path);
  if (!bytes) return report(bytes.error());
  Bytes raw = *bytes;
  bool is_elf = raw.size() >= 4 && raw[0] == 0x7f && raw[1] == 'E' && raw[2] == 'L' && raw[3] == 'F';
  Result<elf::File> file = is_elf ? elf::File::parse(raw) : Result<elf::File>(fail(EINVAL, "not ELF"));
  if (is_elf) {
    if (!file) return report(std::move(file).error().in(path));
    const elf::Section* section = file->find_section(".BTF");
    if (!section) return report({ENOENT, fmt::format("{}: has no .BTF section; compile with -g", path)});
    raw = section->bytes;
  }
  auto types = btf::Btf::parse(raw);
  if (!types) return report(std::move(types).error().in(path));
  if (arguments.has("json")) {
    base::JsonWriter json(true);
    json.object();
    json.key("types");
    json.array();
    for (btf::TypeId id = types->first_id(); id < types->type_count(); id++)
      btf::print_type(*types, id, json);
    json.end();
    json.end();
    fmt::print("{}", json.take());
  } else {
    fmt::print("{}", btf::print_types(*types));
  }
  return Exit::ok;
}

}  // namespace skep::cli
