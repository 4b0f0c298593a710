// Wanted: which registers and stack slots of which frames must be known exactly, while a path is walked back.
#pragma once

#include <array>
#include <cstdint>

#include "skep/verify/state.h"

namespace skep::verify {

struct Wanted {
  std::uint32_t frame = 0;  // the running one
  std::array<std::uint32_t, max_frames> regs{};
  std::array<std::uint64_t, max_frames> slots{};

  std::uint32_t mask() const { return regs[frame]; }
  std::uint64_t stack() const { return slots[frame]; }
  bool has_reg(unsigned number) const { return (regs[frame] >> number & 1) != 0; }
  void set_reg(unsigned number) { regs[frame] |= 1u << number; }
  void clear_reg(unsigned number) { regs[frame] &= ~(1u << number); }
  bool empty() const {
    for (std::uint32_t f = 0; f <= frame; f++)
      if (regs[f] != 0 || slots[f] != 0) return false;
    return true;
  }
  // Backwards through an exit, into the callee; and through the call, back into the caller.
  bool enter() {
    if (frame + 1 >= max_frames) return false;
    frame++;
    regs[frame] = 0;
    slots[frame] = 0;
    return true;
  }
  bool leave() {
    if (frame == 0) return false;
    regs[frame] = 0;
    slots[frame] = 0;
    frame--;
    return true;
  }
};

}  // namespace skep::verify
