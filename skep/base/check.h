// check(cond): our own bug, found. Aborts with its place, in all builds. Never used on input.
#pragma once

#include <source_location>

namespace skep::base {

[[noreturn]] void check_failed(const char* what, std::source_location where);

// Aborts the process when `condition` does not hold; `what` says what was believed.
inline void check(bool condition, const char* what = "internal invariant",
                  std::source_location where = std::source_location::current()) {
  if (!condition) [[unlikely]]
    check_failed(what, where);
}

}  // namespace skep::base

namespace skep {
using base::check;
}
