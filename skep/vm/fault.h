// What stopped a run: the instruction, where it came from, the address and the memory that it missed.
#pragma once

#include <cstdint>
#include <string>

#include "skep/image/image.h"

namespace skep::vm {

enum class FaultKind : std::uint8_t {
  none,
  memory,       // a load or store outside of every region, or across the end of one
  read_only,    // a store to memory that the program may only read
  unreadable,   // a register that holds no value
  call,         // callx or gotox to something that is not code of this program; too many frames
  argument,     // an argument that the helper's row does not allow
  helper,       // a helper found the program at fault
  instruction,  // an instruction that cannot run here: unknown row, addr_space_cast without an arena
  budget,       // the instruction budget ran out
  stopped,      // the probe wanted no more
  cancelled,    // RunContext::cancel
};

struct Fault {
  FaultKind kind = FaultKind::none;
  const image::Image* image = nullptr;  // which program; valid as long as that Image
  std::uint32_t inst = 0;               // index in Image::insts
  isa::Slot slot = 0;
  std::uint64_t address = 0;  // memory faults and pointer arguments: what was accessed
  std::uint64_t size = 0;     // bytes
  bool write = false;
  std::string insn;    // the instruction in the kernel's syntax
  std::string detail;  // what went wrong: "load of 4 bytes at null pointer + 8"

  // One line: "insn 12 'r1 = *(u32 *)(r2 + 8)' (xdp.c:17): load of 4 bytes at null pointer + 8".
  std::string message() const;
};

}  // namespace skep::vm
