// The instructions of an object's sections as text, as JSON, as a control-flow graph, and as source that
// assembles to the same object. Works on the ELF file alone: the object need not be loadable.
#pragma once

#include <string>
#include <vector>

#include "skep/base/result.h"
#include "skep/elf/file.h"
#include "skep/isa/print.h"

namespace skep::object {

struct DisassembleOptions {
  std::string name;  // what the headings call the file
  isa::Dialect dialect =
      isa::Dialect::kernel;           // kernel: laid out like llvm-objdump -d; gnu: like bpf-objdump -d
  bool raw = false;                   // the bytes of each instruction
  bool source = false;                // source lines above, from .BTF.ext
  bool relocations = false;           // relocations and CO-RE records below
  std::vector<std::string> sections;  // only these; empty: all that are executable and not empty
  // Set if .BTF or .BTF.ext is damaged, so that source lines and CO-RE records are missing; null: that is an
  // error.
  std::string* warning = nullptr;
  std::vector<std::string> functions;  // only what these symbols cover; empty: all
};

// All fail with ENOENT if a section or function that `options` names is not there, with EINVAL if .BTF or
// .BTF.ext is needed and damaged. Bytes that are no instruction are shown as <unknown>; nothing in a section
// makes these fail.
Result<std::string> disassemble(const elf::File& file, const DisassembleOptions& options);
// One JSON document: sections, their functions, and each instruction with its bytes, fields, text, line,
// relocations.
Result<std::string> disassemble_json(const elf::File& file, const DisassembleOptions& options);

// A digraph per section (or per function, if functions are named). EINVAL if the instructions of one are no
// valid program: a graph needs every jump to arrive.
Result<std::string> draw_cfg(const elf::File& file, const DisassembleOptions& options);

// The whole object as source for the assembler, which gives the same sections, symbols and relocations back.
// Of `options` only name and dialect count. EOPNOTSUPP for what source cannot say: two symbols or sections of
// one name, section groups, symbols with quotes in their names.
Result<std::string> print_source(const elf::File& file, const DisassembleOptions& options);

}  // namespace skep::object
