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
#include "skep/uapi/helpers.h"
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
  say(stderr, "{}", printable(warnings.print()));
  if (!spec) return Failure(std::move(spec).error().in(path));
  return spec;
}

std::string map_type_name(uapi::MapType type) {
  const uapi::MapTypeRow* row = uapi::find_map_type(type);
  return row ? std::string(row->name) : fmt::format("type {}", static_cast<std::uint32_t>(type));
}

std::string type_text(const object::ObjectSpec& spec, btf::TypeId id) {
  if (!id || !spec.btf || !spec.btf->has(id) || spec.btf->type(id).kind == btf::Kind::datasec) return "";
  return btf::declare(*spec.btf, id, "").value_or("?");
}

// The instruction with what it will refer to once it is loaded in place of the number.
std::string relocated(const object::ObjectSpec& spec, const object::Reloc& reloc, const isa::Decoded& insn) {
  std::string target = reloc.symbol;
  if (reloc.kind == object::RelocKind::map || reloc.kind == object::RelocKind::map_value)
    target = reloc.index < spec.maps.size() ? spec.maps[reloc.index].name : reloc.symbol;
  if (reloc.kind == object::RelocKind::extern_call) return fmt::format("call {}", target);
  if (reloc.kind == object::RelocKind::map_value) target += fmt::format(" + {:#x}", reloc.offset);
  return fmt::format("r{} = {} ll", insn.dst, target);
}

void dump_program(const object::ObjectSpec& spec, const object::ProgramSpec& program, bool opcodes) {
  const uapi::ProgTypeRow* type = uapi::find_prog_type(program.type);
  say("{} ({}, SEC \"{}\", {} instructions):\n", program.name, type ? type->name : "unknown type",
      program.section, program.insns.size());
  std::size_t function = 0, line = 0, reloc = 0;
  for (isa::Slot slot = 0; slot < program.insns.size();) {
    if (function < program.functions.size() && program.functions[function].first == slot)
      say("{}:\n", program.functions[function++].name);
    for (; line < program.line_info.size() && program.line_info[line].slot <= slot; line++)
      if (spec.btf && program.line_info[line].line_off < spec.btf->string_end())
        say("; {}\n", spec.btf->string(program.line_info[line].line_off));
    auto decoded = isa::decode(program.insns, slot);
    std::string text = decoded ? isa::print(*decoded) : fmt::format("({})", decoded.error().message);
    std::uint32_t slots = decoded ? decoded->slots : 1;
    if (decoded && decoded->op == isa::op("call_helper"))
      if (const uapi::Helper* helper = uapi::find_helper(static_cast<std::uint32_t>(decoded->imm)))
        text += fmt::format("  # bpf_{}", helper->name);
    for (; reloc < program.relocs.size() && program.relocs[reloc].slot <= slot; reloc++)
      if (decoded) text = relocated(spec, program.relocs[reloc], *decoded);
    if (opcodes) {
      std::string bytes;
      for (isa::Slot i = slot; i < slot + slots && i < program.insns.size(); i++)
        for (std::uint8_t b : Bytes(reinterpret_cast<const std::uint8_t*>(&program.insns[i]), 8))
          bytes += fmt::format("{:02x} ", b);
      say("{:8}:  {:<48} {}", slot, bytes, text);
    } else {
      say("{:8}:  {}", slot, text);
    }
    say("\n");
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
    if (found) say("\n");
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
    say("{}", json.take());
    return Exit::ok;
  }
  Table table({"name", "type", "key", "value", "max_entries", "flags", "key type", "value type"});
  for (const object::MapSpec& map : spec->maps)
    table.row({map.name, map_type_name(map.type), fmt::format("{} B", map.key_size),
               fmt::format("{} B", map.value_size), fmt::format("{}", map.max_entries),
               fmt::format("{:#x}", map.flags), type_text(*spec, map.key_type_id),
               type_text(*spec, map.value_type_id)});
  say("{}", table.print(""));
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
  if (arguments.has("c")) {
    Result<std::string> text = btf::print_c(*types);
    if (!text) return report(std::move(text).error().in(path));
    say("{}", *text);
  } else if (arguments.has("json")) {
    base::JsonWriter json(true);
    json.object();
    json.key("types");
    json.array();
    for (btf::TypeId id = types->first_id(); id < types->type_count(); id++)
      btf::print_type(*types, id, json);
    json.end();
    json.end();
    say("{}", json.take());
  } else {
    say("{}", btf::print_types(*types));
  }
  return Exit::ok;
}

}  // namespace skep::cli
