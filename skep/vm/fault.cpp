// The text of a fault.
#include "skep/vm/fault.h"

#include <fmt/format.h>

#include "skep/vm/state.h"

namespace skep::vm {

std::string Fault::message() const {
  if (kind == FaultKind::none) return "no fault";
  std::string text = fmt::format("insn {}", slot);
  if (!insn.empty()) text += fmt::format(" '{}'", insn);
  if (image)
    if (const image::Line* line = image->find_line(slot); line && !line->file.empty())
      text += fmt::format(" ({}:{})", line->file, line->line);
  return text + ": " + detail;
}

}  // namespace skep::vm
