// The rows of the instruction table sorted by what a generator does with them. A row that comes new to the
// table falls into its pool by its columns; a class that comes new does not compile until it has a place.
#pragma once

#include <vector>

#include "skep/isa/ops.h"

namespace skep::oracle {

// How a generator makes an instruction of a class.
enum class Made : std::uint8_t {
  freely,      // any registers and constants
  on_memory,   // with a pointer that reaches far enough
  on_packet,   // with r6 as the context
  as_control,  // blocks, loops, functions
  as_value,    // lddw of numbers, maps, values and functions
  by_golden,   // only what tests/golden/oracle has: no loader here makes what it needs
};

// 6.18: rows that came later, or that no kernel takes, are for golden files alone.
inline constexpr std::uint16_t newest_kernel = 6 << 8 | 18;

constexpr Made made(const isa::Op& op) {
  if (op.since == 0 || op.since > newest_kernel) return Made::by_golden;
  switch (op.action) {
    case isa::Class::alu:
    case isa::Class::endian: return Made::freely;
    case isa::Class::load:
    case isa::Class::store:
    case isa::Class::store_imm:
    case isa::Class::load_acquire:
    case isa::Class::store_release:
    case isa::Class::atomic: return Made::on_memory;
    case isa::Class::packet_absolute:
    case isa::Class::packet_indirect: return Made::on_packet;
    case isa::Class::load_imm64:
      // Descriptors by index and kernel variables are resolved by loaders alone.
      switch (op.operation) {
        case isa::Operation::imm64:
        case isa::Operation::map_fd:
        case isa::Operation::map_value:
        case isa::Operation::function: return Made::as_value;
        default: return Made::by_golden;
      }
    case isa::Class::call:
      return op.operation == isa::Operation::call_helper || op.operation == isa::Operation::call_local
                 ? Made::as_control
                 : Made::by_golden;
    case isa::Class::jump:
    case isa::Class::jump_if:
    case isa::Class::may_goto:
    case isa::Class::exit: return Made::as_control;
    case isa::Class::jump_indirect:
    case isa::Class::addr_space_cast: return Made::by_golden;
  }
  return Made::by_golden;
}

using Pool = std::vector<isa::OpId>;

struct Pools {
  Pool alu;           // without mov; neg and endian are here too
  Pool mov;           // dst need not hold a value before: mov, movsx
  Pool jumps;         // jump_if
  Pool loads;         // zero-extending
  Pool signed_loads;  // ldxs*
  Pool stores;        // from a register and of a constant
  Pool atomics;       // with their acquire and release kin
  Pool acquire, release;
  Pool packet;
};

// Made once.
const Pools& pools();

}  // namespace skep::oracle
