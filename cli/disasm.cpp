// skep disasm: an object's sections as instructions.
#include "cli/disasm.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>

#include "cli/compile.h"
#include "cli/text.h"
#include "skep/elf/file.h"
#include "skep/object/disassemble.h"

namespace skep::cli {

namespace {

// The ways of showing an object; the first whose option is given, the last without one.
struct View {
  std::string_view option;
  Result<std::string> (*print)(const elf::File&, const object::DisassembleOptions&);
};
constexpr View views[] = {
    {"exact", object::print_source},
    {"cfg", object::draw_cfg},
    {"json", object::disassemble_json},
    {"", object::disassemble},
};

// What cannot stand beside --exact, which writes whole objects, and --cfg. --json has everything anyway.
Result<void> check_options(const Arguments& arguments) {
  constexpr std::pair<std::string_view, std::string_view> apart[] = {
      {"exact", "cfg"},      {"exact", "json"},      {"cfg", "json"},          {"exact", "section"},
      {"exact", "function"}, {"exact", "source"},    {"exact", "relocations"}, {"exact", "raw"},
      {"cfg", "source"},     {"cfg", "relocations"}, {"cfg", "raw"},
  };
  for (auto [one, other] : apart)
    if (arguments.has(one) && arguments.has(other))
      return fail(EINVAL, "--{} and --{} cannot be combined", one, other);
  TRY(find_dialect(arguments));
  return {};
}

Result<std::string> disassemble(const Arguments& arguments) {
  const std::string& path = arguments.positional[0];
  object::DisassembleOptions options;
  options.name = path;
  options.dialect = TRY(find_dialect(arguments));
  options.raw = arguments.has("raw");
  options.source = arguments.has("source");
  options.relocations = arguments.has("relocations");
  options.sections = arguments.all("section");
  options.functions = arguments.all("function");
  std::string warning;
  options.warning = &warning;
  Buffer bytes = TRY(read_object(path));
  auto file = elf::File::parse(bytes);
  if (!file) return Failure(std::move(file).error().in(path));
  for (const View& view : views) {
    if (!view.option.empty() && !arguments.has(view.option)) continue;
    auto text = view.print(*file, options);
    if (!text) return Failure(std::move(text).error().in(path));
    if (!warning.empty()) say(stderr, "skep: warning: {}: {}\n", path, printable(warning));
    return text;
  }
  return std::string();
}

}  // namespace

int run_disasm(const Arguments& arguments) {
  if (auto usable = check_options(arguments); !usable) {
    report(usable.error());
    return Exit::usage;
  }
  auto text = disassemble(arguments);
  if (!text) return report(text.error());
  // Names come from the file.
  bool hostile = std::any_of(text->begin(), text->end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
  if (hostile) *text = printable(*text);
  std::fwrite(text->data(), 1, text->size(), stdout);  // main looks at what went wrong
  return Exit::ok;
}

}  // namespace skep::cli
