// The control-flow graph of a program: basic blocks, edges, functions, and its picture in Graphviz' DOT
// language.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/result.h"
#include "skep/isa/insn.h"
#include "skep/isa/print.h"

namespace skep::isa {

// Instructions that are always executed together, in slots [first, end).
struct Block {
  Slot first = 0, end = 0;
  Slot last = 0;               // slot of its last instruction
  std::uint32_t function = 0;  // index into Cfg::entries
};

enum class EdgeKind : std::uint8_t {
  next,      // into the block that follows
  taken,     // a jump
  indirect,  // gotox through a jump table
};

struct BlockEdge {
  std::uint32_t from = 0, to = 0;  // blocks
  EdgeKind kind = EdgeKind::next;
};

// Calls are not edges: they come back.
struct Cfg {
  std::vector<Block> blocks;     // by first slot
  std::vector<BlockEdge> edges;  // by from, then the order in EdgeKind
  std::vector<Slot> entries;     // functions: slot 0 and what is called or has its address taken; sorted
  std::vector<std::uint32_t> back_to;  // blocks that a jump backwards goes to: where loops close

  // The block that contains the slot; check()s that the slot is in the program.
  std::uint32_t block_at(Slot slot) const;
};

// `table_targets`: slots that gotox may go to (jump tables lie outside the instructions). Fails like
// validate(insns), with EINVAL if a table target is no instruction, with E2BIG above 2^24 edges.
Result<Cfg> build_cfg(std::span<const Insn> insns, std::span<const Slot> table_targets = {});

// The name of a function by its entry slot; may be empty.
struct FunctionName {
  Slot entry = 0;
  std::string name;
};

// What is shown in place of an instruction, because somebody knows more than its bytes say.
struct SlotText {
  Slot slot = 0;
  std::string text;
};

// A digraph: a node per block with its instructions, a cluster per function. `texts` are sorted by slot.
std::string print_dot(const Cfg& cfg, std::span<const Insn> insns, std::string_view title,
                      std::span<const FunctionName> names = {}, const PrintOptions& options = {.exact = true},
                      std::span<const SlotText> texts = {});

}  // namespace skep::isa
