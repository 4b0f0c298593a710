// What can watch a run. A Probe is a class with these five members; the interpreter is a template over it,
// and NoProbe costs nothing.
#pragma once

#include <cstdint>

#include "skep/image/image.h"

namespace skep::vm {

// The registers of the frame that runs; r[10] is the frame pointer.
struct Registers {
  std::uint64_t r[11] = {};
};

struct NoProbe {
  static constexpr bool active = false;
  // Before an instruction. False stops the run there, with a fault of kind `stopped`.
  bool on_insn(const image::Image&, std::uint32_t /*inst*/, Registers&) { return true; }
  // After a conditional jump was decided.
  void on_branch(const image::Image&, std::uint32_t /*inst*/, bool /*taken*/) {}
  // Before memory is read or written; in checked mode after the check. Atomics report a store.
  void on_load(const image::Image&, std::uint32_t /*inst*/, std::uint64_t /*address*/, unsigned /*bytes*/) {}
  void on_store(const image::Image&, std::uint32_t /*inst*/, std::uint64_t /*address*/, unsigned /*bytes*/) {}
  // Before a call of a helper or kfunc. True: the call is replaced, r[0] holds its result (mocked helpers).
  bool on_call(const image::Image&, std::uint32_t /*inst*/, const image::CallTarget&, Registers&) {
    return false;
  }
};

// Nothing but RunContext::cancel, which is looked at on jumps backwards and callbacks.
struct CancelProbe : NoProbe {
  static constexpr bool cancellable = true;
};

}  // namespace skep::vm
