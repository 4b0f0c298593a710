// What the assembler made, in the terms of the object writer.
#pragma once

#include <bit>

#include "skep/elf/write.h"
#include "skep/isa/assemble.h"

namespace skep::object {

// Sections, symbols and relocations one to one; elf::write does the rest. Moves the sections' bytes.
elf::NewFile new_file(isa::Assembly assembly, std::endian order);

}  // namespace skep::object
