// What the ways of disassembling share: an object's sections seen as code, with labels, lines and records in
// order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/btf/ext.h"
#include "skep/elf/file.h"
#include "skep/isa/decode.h"
#include "skep/object/disassemble.h"

namespace skep::object {

// A symbol of a section that a listing may show.
struct Label {
  std::uint64_t offset = 0;
  std::string_view name;
  std::uint8_t type = 0;  // elf::stt
  std::uint64_t size = 0;
};

// One section to be disassembled.
struct CodeSection {
  const elf::Section* section = nullptr;
  std::vector<Label> labels;  // by offset, one for each place; [0] is at 0
  std::span<const elf::Relocation> relocations;
  std::vector<elf::Relocation> sorted;    // what `relocations` views if the file's order is another
  std::vector<btf::LineInfo> lines;       // by offset
  std::vector<btf::CoreRelocation> core;  // likewise
};

// An object, with BTF if the options ask for what is in it.
struct CodeView {
  const elf::File* file = nullptr;
  std::unique_ptr<btf::Btf> btf;
  std::vector<CodeSection> sections;
};

// The sections that the options choose. Errors as disassemble().
Result<CodeView> view_code(const elf::File& file, const DisassembleOptions& options);

// What is shown of a label's region: [first, end) in bytes.
struct Region {
  const Label* label;
  std::uint64_t first, end;
};
// The regions that the options choose, in order.
std::vector<Region> regions(const CodeSection& code, const DisassembleOptions& options);

// Up to two slots at a byte of a section, which need not be a multiple of 8.
class Cursor {
 public:
  Cursor(Bytes bytes, std::endian order) : bytes_(bytes), order_(order) {}
  // The instruction at `offset`; nothing if these bytes are none.
  std::optional<isa::Decoded> at(std::uint64_t offset) const;
  // How many bytes at `offset` make one <unknown>: a slot, or a byte where no instruction can be whole.
  std::uint64_t unknown_bytes(std::uint64_t offset) const;

 private:
  Bytes bytes_;
  std::endian order_;
};

// Where the instruction at `offset` jumps to, in bytes; nothing if it does not.
std::optional<std::uint64_t> jump_target(const isa::Decoded& insn, std::uint64_t offset);

// "name+0x10": the label at or before an offset, for a jump's target.
void print_place(std::string& out, const CodeSection& code, std::uint64_t offset);

// The name of the symbol that a relocation names; a section's for section symbols.
std::string_view target_name(const elf::File& file, const elf::Relocation& relocation);

}  // namespace skep::object
