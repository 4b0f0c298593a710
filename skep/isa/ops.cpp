// Lookup in the instruction table by name, at run time.
#include "skep/isa/ops.h"

namespace skep::isa {

const Op* find_op(std::string_view name) {
  for (const Op& op : ops())
    if (op.name == name) return &op;
  return nullptr;
}

}  // namespace skep::isa
