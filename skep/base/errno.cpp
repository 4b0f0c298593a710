// The words of errno values.
#include <cstring>

#include "skep/base/result.h"

namespace skep::base {

std::string errno_name(int code) {
  if (const char* name = strerrorname_np(code)) return name;
  return fmt::format("errno {}", code);
}

std::string errno_text(int code) {
  if (const char* text = strerrordesc_np(code)) return fmt::format("{} ({})", text, errno_name(code));
  return errno_name(code);
}

}  // namespace skep::base
