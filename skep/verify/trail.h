// Where values came from along the path of a log: each register and stack slot holds a node, copies share
// one, operations make new ones out of old ones, and branches remember which nodes they compared.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "skep/verify/log.h"

namespace skep::verify {

using NodeId = std::uint32_t;
inline constexpr NodeId no_node = ~NodeId{0};
using StepIndex = std::uint32_t;  // into Log::steps
inline constexpr StepIndex no_step = ~StepIndex{0};

enum class NodeKind : std::uint8_t {
  unknown,    // the log does not show where it was made
  entry,      // an argument of the program, or of a function that is verified alone
  frame,      // r10
  unwritten,  // nothing has written it
  destroyed,  // r1 to r5 after a call, r0 of a call that returns nothing
  constant,
  load,      // `a` is the address, `imm` its offset
  call,      // the result of a helper or kfunc
  written,   // stack bytes that a call may have filled
  truncate,  // the low 32 bits of `a`
  alu,       // `a` op `b`, or op `imm` if b is no_node
};

struct Node {
  NodeKind kind = NodeKind::unknown;
  StepIndex step = no_step;
  NodeId a = no_node, b = no_node;
  std::int64_t imm = 0;
  std::uint8_t bytes = 0;  // of a load
  // A sum of another node and a constant; of others the node itself and 0.
  NodeId base = no_node;
  std::int64_t add = 0;
  std::uint32_t frame = 0;           // kind frame: whose
  const LogValue* first = nullptr;   // what the log said first and ...
  const LogValue* latest = nullptr;  // ... last about it; null: nothing
};

struct Branch {
  StepIndex step = no_step;
  bool taken = false;
  bool narrow = false;                     // compares the low 32 bits
  NodeId left = no_node, right = no_node;  // right: no_node when compared with a constant
  std::int64_t imm = 0;
  const LogValue* before = nullptr;  // of left
  const LogValue* after = nullptr;   // of left on this path; null: the log does not say
};

class Trail {
 public:
  explicit Trail(const Log& log);

  // What the place holds before the last step, in the innermost function. no_node: there are no steps.
  NodeId node(LogPlace place) const;
  const Node& operator[](NodeId id) const { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }
  std::span<const Branch> branches() const { return branches_; }
  // Offset from r10 and the frame, if the node is an address of the stack.
  bool is_stack_address(NodeId id, std::uint32_t& frame, std::int64_t& off) const;
  // `id` without truncations, copies of part of it, and additions of constants.
  NodeId origin(NodeId id) const;
  // Two values that a person would call the same: one is a truncated or masked copy of the other, or both are
  // read from the same place.
  bool same_to_people(NodeId a, NodeId b) const;

 private:
  struct Frame {
    NodeId regs[16];
    std::map<LogPlace, NodeId> stack;
  };

  NodeId make(NodeKind kind, StepIndex step);
  NodeId sum(StepIndex step, NodeId a, std::int64_t imm);
  Frame new_frame(bool entry);
  void tell(const std::vector<LogRegister>& registers, StepIndex step);
  void run(StepIndex index);
  void run_alu(StepIndex index, const isa::Decoded& insn);
  void run_load(StepIndex index, const isa::Decoded& insn);
  void run_store(StepIndex index, const isa::Decoded& insn);
  void run_call(StepIndex index, const isa::Decoded& insn);
  void run_branch(StepIndex index, const isa::Decoded& insn);
  Frame& top() { return frames_.back(); }
  const Frame& top() const { return frames_.back(); }

  const Log& log_;
  std::vector<Node> nodes_;
  std::vector<Frame> frames_;
  std::vector<Branch> branches_;
};

}  // namespace skep::verify
