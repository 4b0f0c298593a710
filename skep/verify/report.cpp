// Saying no.
#include "skep/verify/checker.h"

namespace skep::verify {

bool Checker::fail_with(int code, std::string text) {
  if (verdict_.reason.empty()) {
    verdict_.reason = text;
    verdict_.code = code;
    verdict_.insn = at_;
  }
  note("{}\n", text);
  return false;
}

}  // namespace skep::verify
