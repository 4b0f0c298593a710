// Any bytes as an object file; whatever parses is looked at in full.
#include "skep/elf/file.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = elf::File::parse(Bytes(data, size));
  if (!file) return 0;
  std::size_t sum = 0;
  for (const elf::Section& section : file->sections()) {
    for (std::uint8_t byte : section.bytes.first(section.bytes.size() & 63)) sum += byte;
    for (const elf::Relocation& relocation : file->relocations(section.index))
      sum += file->describe_symbol(relocation.symbol).size() + section.bytes[relocation.offset];
  }
  for (const elf::Symbol& symbol : file->symbols())
    sum +=
        symbol.name.size() + (symbol.place == elf::Place::section ? file->section(symbol.section).align : 0);
  return sum == SIZE_MAX ? 1 : 0;
}
