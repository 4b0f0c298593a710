// StackLiveness: which stack slots may still be read from an instruction on. A checkpoint whose continuations
// are all explored forgets the others, so that later states need not match them.
//
// Reads and writes are noted while paths are explored. Reads flow back along the control flow that was
// visited, up to instructions that replaced the slot each time they ran. All only grows (a slot that an
// instruction stops to replace lets through what waits behind it), so nothing is ever computed twice. It is
// kept per chain of calls, because functions reach into the stacks of their callers through pointers; what is
// read after a call flows back through the returns of the function called.
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
  enum class Flow : std::uint8_t {
    plain,
    call,    // of a static function: what follows is reached through it alone
    leaves,  // may return from its function
  };

  // `flows`: by instruction.
  void begin(const std::vector<Edge>& edges, std::vector<Function> functions, std::vector<Flow> flows);
  // Forgets all chains; the control flow stays.
  void reset();

  static constexpr std::uint32_t none = ~std::uint32_t{0};
  // The number of function `subprog` called at `callsite` by chain `parent` (none: an entry). `callback`: as
  // a callback, which returns to the call and not behind it.
  std::uint32_t chain(std::uint32_t parent, isa::Slot callsite, std::uint32_t subprog, bool callback = false);
  // Instruction `insn` of `chain` reads these slots of that frame.
  void read(std::uint32_t chain, isa::Slot insn, std::uint32_t frame, std::uint64_t slots);
  // The instruction under simulation replaces these slots of that frame.
  void write(std::uint32_t frame, std::uint64_t slots) {
    writes_[frame] |= slots;
    wrote_ = true;
  }
  // That instruction was `insn` of `chain`, and is done.
  void visited(std::uint32_t chain, isa::Slot insn) {
    const Chain& c = chains_[chain];
    const std::size_t index = insn - c.first;
    if (index < c.seen.size() && c.seen[index] != Seen::plain) note_visit(chain, insn);
    if (wrote_) writes_ = {};
    wrote_ = false;
  }
  // Slots of frame `frame` of the checkpoint that may be read from there on.
  std::uint64_t alive(const State& checkpoint, std::uint32_t frame) const;
  std::uint64_t memory_bytes() const { return memory_; }

 private:
  enum class Seen : std::uint8_t { no, writes, plain };  // plain: there is nothing that it always replaces
  struct Chain {
    std::uint32_t parent = none, subprog = 0, depth = 0;
    isa::Slot callsite = 0, first = 0;  // called at; its first instruction
    bool callback = false;
    std::vector<std::uint32_t> children;
    std::vector<isa::Slot> exits;  // visited ones
    // By instruction of the function; the latter two by frame first.
    std::vector<Seen> seen;
    std::array<std::vector<std::uint64_t>, max_frames> live, replaced;
  };
  struct Growth {
    std::uint32_t chain = none, frame = 0;
    isa::Slot insn = 0;
    std::uint64_t slots = 0;
  };
  // Neighbours of each instruction: those of slot s are to[from[s]] up to to[from[s + 1]].
  struct Neighbours {
    std::vector<std::uint32_t> from;
    std::vector<isa::Slot> to;
    void build(const std::vector<Edge>& edges, std::size_t insns, bool backwards);
  };

  std::vector<std::uint64_t>& masks(const Chain& chain, std::vector<std::uint64_t>& of);
  std::uint64_t live_before(std::uint32_t chain, isa::Slot insn, std::uint32_t frame) const;
  std::uint64_t live_after(const Chain& chain, isa::Slot insn, std::uint32_t frame) const;
  void note_visit(std::uint32_t chain, isa::Slot insn);
  void flow_back();
  void reach(std::uint32_t chain, isa::Slot insn, std::uint32_t frame, std::uint64_t slots);

  Neighbours before_, after_;
  std::vector<Function> functions_;
  std::vector<Flow> flows_;
  std::vector<Chain> chains_;
  std::vector<std::uint32_t> roots_;
  std::vector<Growth> growths_;  // still to be done
  std::array<std::uint64_t, max_frames> writes_{};
  bool wrote_ = false;
  std::uint64_t memory_ = 0;
};

}  // namespace skep::verify
