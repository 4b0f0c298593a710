// Where a failed check ends.
#include "skep/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace skep::base {

void check_failed(const char* what, std::source_location where) {
  std::fprintf(stderr, "skep: bug at %s:%u (%s): %s does not hold\n", where.file_name(), where.line(),
               where.function_name(), what);
  std::abort();
}

}  // namespace skep::base
