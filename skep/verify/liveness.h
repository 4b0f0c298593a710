// StackLiveness: which stack slots may still be read from an instruction on. A checkpoint whose continuations
// are all explored forgets the others, so that later states need not match them.
//
// Reads and whole-slot writes are noted while paths are explored; a data-flow fixpoint over the function's
// instructions turns them into liveness when somebody asks. It is kept per chain of calls, because functions
// reach into the stacks of their callers through pointers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "skep/verify/state.h"

namespace skep::verify {

class StackLiveness {
 public:
  // The control flow of the program: up to two successors of each slot, none for the second half of lddw.
  struct Edges {
    std::array<isa::Slot, 2> next{};
    std::uint8_t count = 0;
  };
  struct Function {
    isa::Slot first = 0, end = 0;
  };

  void begin(std::vector<Edges> edges, std::vector<Function> functions);
  // Forgets all chains; the control flow stays.
  void reset();

  static constexpr std::uint32_t none = ~std::uint32_t{0};
  // The number of function `subprog` called at `callsite` by chain `parent` (none: an entry).
  std::uint32_t chain(std::uint32_t parent, isa::Slot callsite, std::uint32_t subprog);
  // Instruction `insn` of `chain` reads these slots of that frame; writes them completely.
  void read(std::uint32_t chain, isa::Slot insn, std::uint32_t frame, std::uint64_t slots);
  void wrote(std::uint32_t chain, isa::Slot insn, std::uint32_t frame, std::uint64_t slots);
  // Slots of frame `frame` of the checkpoint that may be read from there on.
  std::uint64_t alive(const State& checkpoint, std::uint32_t frame);
  std::uint64_t memory_bytes() const { return memory_; }

 private:
  struct Masks {
    std::vector<std::uint64_t> read, live;  // by instruction of the function
  };
  struct Written {
    std::uint64_t slots = 0;
    std::uint8_t frame = 0;
    bool seen = false;
  };
  struct Chain {
    std::uint32_t parent = none, subprog = 0, depth = 0;
    isa::Slot callsite = 0;
    bool dirty = false;
    std::vector<std::uint32_t> children;
    std::array<Masks, max_frames> frames;
    std::vector<Written> written;
  };

  void soil(std::uint32_t chain);
  void compute(std::uint32_t chain);
  std::uint64_t live_before(std::uint32_t chain, isa::Slot insn, std::uint32_t frame);

  std::vector<Edges> edges_;
  std::vector<Function> functions_;
  std::vector<Chain> chains_;
  std::vector<std::uint32_t> roots_;
  std::uint64_t memory_ = 0;
};

}  // namespace skep::verify
