#include "skep/object/disassemble.h"
namespace skep::object {
Result<std::string> disassemble_json(const elf::File&, const DisassembleOptions&) { return fail(ENOSYS, "x"); }
Result<std::string> draw_cfg(const elf::File&, const DisassembleOptions&) { return fail(ENOSYS, "x"); }
Result<std::string> print_source(const elf::File&, const DisassembleOptions&) { return fail(ENOSYS, "x"); }
}
