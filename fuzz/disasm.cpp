// Any bytes as an object to be disassembled in every way. What comes as source assembles, and makes an object
// again.
#include <string>

#include "skep/base/check.h"
#include "skep/object/assembled.h"
#include "skep/object/disassemble.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = elf::File::parse(Bytes(data, size));
  if (!file) return 0;
  for (auto dialect : {isa::Dialect::kernel, isa::Dialect::gnu}) {
    std::string warning;
    object::DisassembleOptions options{.name = "f",
                                       .dialect = dialect,
                                       .raw = true,
                                       .source = true,
                                       .relocations = true,
                                       .warning = &warning};
    auto listing = object::disassemble(*file, options);
    auto json = object::disassemble_json(*file, options);
    check(listing.has_value() == json.has_value(), "both forms are printed or none");
    (void)object::draw_cfg(*file, options);
    auto source = object::print_source(*file, options);
    if (!source) continue;
    Diagnostics diagnostics;
    auto assembly = isa::assemble(*source, {.dialect = dialect, .order = file->order()}, diagnostics);
    check(assembly.has_value(), "source assembles");
    auto object = elf::write(object::new_file(std::move(*assembly), file->order()));
    check(object && elf::File::parse(*object), "and makes an object");
  }
  return 0;
}
