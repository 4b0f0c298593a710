// A function under construction: its instructions, and what its registers hold at this point.
#pragma once

#include <array>
#include <vector>

#include "case.h"
#include "skep/isa/ops.h"

namespace skep::oracle {

// What a register holds. Pointers are known to their block alone; afterwards they count as nothing.
enum class Holds : std::uint8_t { nothing, number, pointer };
using Registers = std::array<Holds, 10>;

inline Registers join(const Registers& a, const Registers& b) {
  Registers out{};
  for (std::size_t i = 0; i < out.size(); i++) out[i] = a[i] == b[i] ? a[i] : Holds::nothing;
  return out;
}

// Memory within reach of a register: bytes [low, high) from where it points.
struct Area {
  unsigned reg = 10;
  int low = 0, high = 0;
  bool aligned = false;  // only naturally aligned accesses (the stack)
  bool writable = true;
  bool atomics = true;  // not in packets
};

enum class Role : std::uint8_t { main, local, loop_callback, each_callback };

struct Frame {
  Role role = Role::main;
  unsigned level = 0;        // calls that are under way
  bool in_callback = false;  // somewhere below a helper
  bool has_context = false;  // r6
  unsigned stack = 64;       // bytes of numbers below r10, all of them stored to before anything else
  unsigned each_value = 0;   // Role::each_callback: bytes of the map's value

  Code code;
  std::vector<int> label_of;        // of each instruction that jumps; -1
  std::vector<int> function_of;     // of each instruction that names a function; -1
  std::vector<std::size_t> places;  // of labels

  Registers holds{};
  std::uint32_t held = 0;   // registers that must keep what they hold
  std::vector<Area> areas;  // beyond the stack, in held registers
  unsigned nesting = 0;
  unsigned plain = 0;       // above 0: no calls of functions, nothing that changes maps' elements or packets
  std::uint64_t times = 1;  // how often this point runs at most

  struct Loop {
    int out;
    bool broken = false;
    Registers at_break{};
  };
  std::vector<Loop> loops;

  bool calls_fit() const { return (held & 0x3f) == 0; }  // r0 to r5 are free
};

// A finished function of a program.
struct Function {
  Role role = Role::local;
  unsigned level = 0, each_value = 0;
  bool in_callback = false;
  std::uint64_t cost = 0;
  Frame frame;
};

}  // namespace skep::oracle
