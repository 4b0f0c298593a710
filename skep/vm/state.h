// What a Machine owns: frames, stacks and the caches of the checked memory model. Private to the module,
// except to those who run with their own probe (skep/vm/dispatch.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "skep/image/image.h"
#include "skep/vm/machine.h"

namespace skep::vm {

// The stacks lie one below the other with a gap between them, so that running out of one is seen.
inline constexpr unsigned stack_gap = 64;
inline constexpr unsigned stack_stride = stack_bytes + stack_gap;

// What unreadable registers hold in checked mode. A program that reads this value is stopped; that it
// computes just this number by itself is a matter of 2^-64.
inline constexpr std::uint64_t poison = 0xf3a5'9c71'e80d'b46b;

struct Frame {
  const image::Image* image = nullptr;  // the caller's: a tail call may have left it
  const image::Inst* next = nullptr;    // where the caller goes on
  std::uint64_t saved[4] = {};          // its r6 to r9
  std::uint32_t may_goto = 0;           // loops left in the caller's frame
};

struct State {
  alignas(64) std::uint8_t stacks[max_frames * stack_stride] = {};
  Frame frames[max_frames];
  unsigned depth = 0;  // number of the frame that runs

  // What a checked frame begins with is zeroed; a variable, because for a constant GCC 12 prefers `rep stos`
  // to libc's memset, which is three times as fast.
  std::size_t clear_bytes = stack_bytes;

  std::uint64_t budget = 0;        // instructions left, of all nested runs together
  std::uint64_t first_budget = 0;  // what RunContext gave
  std::uint32_t call_site = 0;     // the call that is under way
  bool running = false;
  bool failed = false;
  Fault fault;

  // Inner maps that lookups gave to the program in this run: the last few of them.
  static constexpr unsigned inner_maps = 16;
  const image::MapDescriptor* inner[inner_maps] = {};
  unsigned inner_next = 0;

  // Where in RunContext::regions each instruction found its memory last time. Only a hint: what it points at
  // is checked at every access.
  static constexpr unsigned hint_slots = 2048;
  std::uint16_t hints[hint_slots] = {};
  static constexpr unsigned context_hint_slots = 64;
  std::uint64_t context_hints[context_hint_slots] = {};  // what was found to be allowed

  // Frame `number`'s r10.
  std::uint64_t frame_pointer(unsigned number) const {
    return reinterpret_cast<std::uint64_t>(stacks) + (max_frames - 1 - number) * stack_stride + stack_bytes;
  }
};

// --- the checked memory model (memory.cpp) ---

// A place in a program, for messages.
struct Place {
  const image::Image* image;
  std::uint32_t inst;
};

// The memory at an address: what it belongs to and how far it goes.
struct Extent {
  std::uint64_t left = 0;    // bytes from the address to the end of its region or cell; 0: nothing is there
  std::uint64_t before = 0;  // bytes from its beginning to the address
  image::RegionKind kind = image::RegionKind::memory;
  bool writable = false;
  std::int32_t index = -1;  // in RunContext::regions
};
Extent find_extent(const State& state, const image::RunContext& ctx, std::uint64_t address);

// Whether the program may read (or write) [address, address + count) now. A count of 0 is allowed anywhere.
bool may_access(const State& state, const image::RunContext& ctx, const image::Image& image,
                std::uint64_t address, std::uint64_t count, bool write);

// The same for one load or store; remembers the region as the hint of `inst`.
bool find_access(State& state, const image::RunContext& ctx, Place place, std::uint64_t address,
                 std::uint32_t count, bool write);

// "packet end + 4", "null pointer + 8", "byte 12 of value 3 of map 'flows', crossing its 16-byte cell": where
// [address, address + count) lies, told by the nearest memory of the run.
std::string describe(const State& state, const image::RunContext& ctx, std::uint64_t address,
                     std::uint64_t count);

// --- faults (fault.cpp): the first one of a run stands ---

void fail(State& state, Place place, FaultKind kind, std::string detail);
void fail_access(State& state, const image::RunContext& ctx, Place place, std::uint64_t address,
                 std::uint32_t count, bool write);
void fail_misaligned(State& state, const image::RunContext& ctx, Place place, std::uint64_t address,
                     std::uint32_t count);
void fail_register(State& state, Place place, unsigned reg);
// A place to go to is not what it must be: "r3 is 0x0, must be a function of this program".
void fail_target(State& state, Place place, std::string_view what, std::uint64_t value,
                 std::string_view must_be);
void fail_depth(State& state, Place place);
void fail_budget(State& state, Place place);

// --- calls (arguments.cpp) ---

// Holds r1 to r5 against the helper's row; false: state.fault says which argument and why.
bool check_arguments(State& state, const image::RunContext& ctx, Place place, const image::CallTarget& target,
                     const std::uint64_t* r);
// Remembers what a call gave to the program: inner maps. `map` is what r1 was.
void note_result(State& state, const image::CallTarget& target, std::uint64_t map, std::uint64_t result);

// --- what an instruction needs besides (machine.cpp) ---

// Checks and resets what a run starts with; writes back what is left of the budget.
void begin_run(State& state, const image::Image& image, image::RunContext& ctx);
void end_run(State& state, image::RunContext& ctx);

// The address of an access that is not plain (image::Access), `base` being its register's value; `nothing`
// where the memory is not there.
std::uint64_t address_by_fact(const image::Image& image, const image::RunContext& ctx,
                              const image::Inst& inst, std::uint64_t base, unsigned bytes,
                              std::uint64_t* nothing);

using image::find_function;
using image::packet_bytes;

// addr_space_cast between the arena's two views (imm 1 and 1 << 16). Here both are the address in this
// process: the arena's upper half over the lower 32 bits; null stays null. False without an arena.
bool cast_address(const image::Image& image, std::uint64_t imm, std::uint64_t value, std::uint64_t* result);

}  // namespace skep::vm
