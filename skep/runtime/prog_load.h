// Between the command and the Image: what BPF_PROG_LOAD collected, and lowering it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skep/base/result.h"
#include "skep/runtime/objects.h"
#include "skep/verify/verify.h"

namespace skep::runtime {

struct Source {
  std::span<const isa::Insn> insns;                  // as verify::ProgModel has them
  std::span<const std::shared_ptr<MapObject>> maps;  // by the index with which the instructions name them
  std::span<const verify::InsnFacts> facts;          // of an accepting verdict, by slot; empty: without one
};

// Fills prog.image, prog.maps and prog.insns; image.type, name and gpl are set already. With facts, what no
// path reaches is not asked whether it can run here, and loads that may fault do so quietly. Errors carry the
// kernel's errno and a text for the log that begins with the instruction: "insn 12: ...".
Result<void> lower(const Source& source, ProgObject& prog);

// Sets image.lines and the functions' names from the records of prog.model. EINVAL for what does not fit the
// program.
Result<void> add_debug_info(ProgObject& prog);

}  // namespace skep::runtime
