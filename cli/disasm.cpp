// skep disasm.
#include "cli/disasm.h"
namespace skep::cli {
int run_disasm(const Arguments&) { return report({ENOSYS, "not yet"}); }
}  // namespace skep::cli
