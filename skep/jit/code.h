// What a Code consists of. Private to the module.
#pragma once

#include <cstdint>
#include <vector>

#include "skep/jit/jit.h"
#include "skep/jit/memory.h"
#include "skep/jit/native.h"

namespace skep::jit {

struct Code::Body {
  const image::Image* image = nullptr;
  Target target = Target::host;
  bool cancellable = false;
  CodeMemory memory;
  Native native;  // its bytes have moved to `memory`
  bool count_depth = false;
  Handle handle;

  const std::uint8_t* at(std::uint32_t offset) const { return memory.at() + offset; }
};

// The target that code for `host` is.
Target host_target();

}  // namespace skep::jit
