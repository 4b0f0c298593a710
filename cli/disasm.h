// What `skep asm` and `skep disasm` share.
#pragma once

#include "cli/commands.h"
#include "skep/isa/print.h"

namespace skep::cli {

// --dialect, kernel if it is not given. EINVAL for other words.
Result<isa::Dialect> find_dialect(const Arguments& arguments);

}  // namespace skep::cli
