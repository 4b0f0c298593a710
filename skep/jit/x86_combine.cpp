// Several instructions as one.
#include "skep/jit/x86_64.h"

namespace skep::jit::x86 {

std::uint32_t Compiler::combine() { return 0; }

}  // namespace skep::jit::x86
