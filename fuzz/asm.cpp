// Any text as assembly, in both dialects. An error is told; otherwise relocations lie inside their sections.
#include "skep/base/check.h"
#include "skep/isa/assemble.h"
#include "skep/isa/decode.h"
#include "skep/object/assembled.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto dialect : {isa::Dialect::kernel, isa::Dialect::gnu}) {
    Diagnostics diagnostics;
    auto assembly = isa::assemble(text, {.dialect = dialect}, diagnostics);
    check(assembly.has_value() == !diagnostics.has_errors(), "what fails says why");
    (void)diagnostics.print();
    if (!assembly) continue;
    for (const isa::AsmSection& section : assembly->sections) {
      for (const isa::AsmRelocation& relocation : section.relocations)
        check(relocation.offset < section.bytes.size() && relocation.symbol < assembly->symbols.size(),
              "a relocation has its place and its symbol");
      if (auto insns = isa::parse_insns(section.bytes)) (void)isa::decode_all(*insns);
    }
    // A section that became @nobits with relocations in it, or a size beyond the format, is refused.
    auto object = elf::write(object::new_file(std::move(*assembly), std::endian::little));
    if (object) check(elf::File::parse(*object).has_value(), "an object that is written can be read");
  }
  return 0;
}
