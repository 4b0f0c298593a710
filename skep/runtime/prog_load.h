// Between the command and the Image: what BPF_PROG_LOAD collected, and lowering it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skep/base/result.h"
#include "skep/runtime/objects.h"

namespace skep::runtime {

struct Source {
  std::span<const isa::Insn> insns;
  // Maps by descriptor (pseudo 1 and 2), by index into fd_array (5 and 6), asked for as they are met.
  struct Finder {
    virtual ~Finder() = default;
    virtual Result<std::shared_ptr<MapObject>> by_fd(std::int32_t fd) = 0;
    virtual Result<std::shared_ptr<MapObject>> by_index(std::int32_t index) = 0;
  };
  Finder* maps = nullptr;
};

// Fills prog.image, prog.maps and prog.insns; image.type, name and gpl are set already. Errors carry the
// kernel's errno and a text for the log that begins with the instruction: "insn 12: ...".
Result<void> lower(const Source& source, ProgObject& prog);

// Sets image.lines and the functions' names from the BTF records of the load.
Result<void> add_debug_info(ProgObject& prog);

}  // namespace skep::runtime
