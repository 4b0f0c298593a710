// StackLiveness: which stack slots may still be read from an instruction on. A checkpoint whose continuations
// are all explored forgets the others, so that later states need not match them.
//
// Reads are noted while paths are explored and flow back along the control flow, up to the stores that
// overwrite the slot. All only grows, so nothing is ever computed twice. It is kept per chain of calls,
// because functions reach into the stacks of their callers through pointers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "skep/verify/state.h"

namespace skep::verify {

class StackLiveness {
 public:
  struct Function {
    isa::Slot first = 0, end = 0;
  };
  struct Edge {
    isa::Slot from = 0, to = 0;
  };

  // `overwrites`: by instruction, the slots of its own frame that it replaces whenever it is executed.
  void begin(const std::vector<Edge>& edges, std::vector<Function> functions,
             std::vector<std::uint64_t> overwrites);
  // Forgets all chains; the control flow stays.
  void reset();

  static constexpr std::uint32_t none = ~std::uint32_t{0};
  // The number of function `subprog` called at `callsite` by chain `parent` (none: an entry).
  std::uint32_t chain(std::uint32_t parent, isa::Slot callsite, std::uint32_t subprog);
  // Instruction `insn` of `chain` reads these slots of that frame.
  void read(std::uint32_t chain, isa::Slot insn, std::uint32_t frame, std::uint64_t slots);
  // Slots of frame `frame` of the checkpoint that may be read from there on.
  std::uint64_t alive(const State& checkpoint, std::uint32_t frame) const;
  std::uint64_t memory_bytes() const { return memory_; }

 private:
  struct Chain {
    std::uint32_t parent = none, subprog = 0, depth = 0;
    isa::Slot callsite = 0;
    std::vector<std::uint32_t> children;
    std::array<std::vector<std::uint64_t>, max_frames> live;  // by frame and instruction of the function
  };
  struct Growth {
    isa::Slot insn;
    std::uint64_t slots;
  };

  std::uint64_t live_before(std::uint32_t chain, isa::Slot insn, std::uint32_t frame) const;

  std::vector<std::uint32_t> before_;  // predecessors of slot s: sources_[before_[s]] to [before_[s + 1]]
  std::vector<isa::Slot> sources_;
  std::vector<Function> functions_;
  std::vector<std::uint64_t> overwrites_;
  std::vector<Chain> chains_;
  std::vector<std::uint32_t> roots_;
  std::uint64_t memory_ = 0;
};

}  // namespace skep::verify
