// Bodies of trail.h: one pass over the steps, the last one excluded: it is the one that failed.
#include "skep/verify/trail.h"

#include <algorithm>

namespace skep::verify {

namespace {

constexpr std::size_t most_frames = 64;  // a hostile log may call without end

}  // namespace

Trail::Trail(const Log& log) : log_(log) {
  if (log.steps.empty()) return;
  frames_.push_back(new_frame(!log.cut));
  for (std::size_t i = 0; i < log.steps.size(); i++) {
    const auto index = static_cast<StepIndex>(i);
    const LogStep& step = log.steps[i];
    while (frames_.size() <= step.frame && frames_.size() < most_frames) frames_.push_back(new_frame(false));
    while (frames_.size() > std::size_t{step.frame} + 1) frames_.pop_back();
    tell(step.before, index);
    if (i + 1 == log.steps.size()) break;
    run(index);
    tell(step.after, index);
    if (!branches_.empty() && branches_.back().step == index) {
      Branch& branch = branches_.back();
      branch.taken = log.steps[i + 1].slot != step.slot + 1;
      const LogValue* now = nodes_[branch.left].latest;
      for (const LogRegister& reg : log.steps[i + 1].before)  // of older kernels
        if (reg.frame == step.frame && reg.place == step.insn->dst) now = &reg.value;
      branch.after = now;
    }
  }
}

NodeId Trail::make(NodeKind kind, StepIndex step) {
  Node node;
  node.kind = kind;
  node.step = step;
  node.base = static_cast<NodeId>(nodes_.size());
  nodes_.push_back(node);
  return node.base;
}

Trail::Frame Trail::new_frame(bool entry) {
  Frame frame;
  for (NodeId& reg : frame.regs) reg = make(entry ? NodeKind::unwritten : NodeKind::unknown, no_step);
  if (entry) nodes_[frame.regs[1]].kind = NodeKind::entry;
  nodes_[frame.regs[10]].kind = NodeKind::frame;
  nodes_[frame.regs[10]].frame = static_cast<std::uint32_t>(frames_.size());
  return frame;
}

NodeId Trail::node(LogPlace place) const {
  if (frames_.empty() || place > 10) return no_node;
  if (place >= 0) return top().regs[place];
  const auto slot = top().stack.find(place);
  return slot == top().stack.end() ? no_node : slot->second;
}

bool Trail::is_stack_address(NodeId id, std::uint32_t& frame, std::int64_t& off) const {
  if (id >= nodes_.size()) return false;
  const Node& base = nodes_[nodes_[id].base];
  if (base.kind != NodeKind::frame) return false;
  frame = base.frame;
  off = nodes_[id].add;
  return true;
}

// What the log prints belongs to the nodes that are there now.
void Trail::tell(const std::vector<LogRegister>& registers, StepIndex step) {
  for (const LogRegister& reg : registers) {
    if (reg.frame >= frames_.size()) continue;
    Frame& frame = frames_[reg.frame];
    NodeId id = no_node;
    if (reg.place >= 0) {
      if (reg.place > 10) continue;
      id = frame.regs[reg.place];
      if (nodes_[id].kind == NodeKind::unwritten || nodes_[id].kind == NodeKind::destroyed)
        // An argument of a function that is verified alone.
        id = frame.regs[reg.place] = make(NodeKind::entry, no_step);
    } else {
      const auto slot = frame.stack.find(reg.place);
      if (slot == frame.stack.end()) continue;
      id = slot->second;
    }
    Node& node = nodes_[id];
    if (!node.first) node.first = &reg.value;
    node.latest = &reg.value;
    (void)step;
  }
}

NodeId Trail::sum(StepIndex step, NodeId a, std::int64_t imm) {
  const NodeId id = make(NodeKind::alu, step);
  Node& node = nodes_[id];
  node.a = a;
  node.imm = imm;
  node.base = nodes_[a].base;
  node.add =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(nodes_[a].add) + static_cast<std::uint64_t>(imm));
  return id;
}

void Trail::run_alu(StepIndex index, const isa::Decoded& insn) {
  const isa::Op& row = insn.row();
  Frame& frame = top();
  if (row.operation == isa::Operation::mov && row.source == isa::Source::reg && row.sign_from == 0) {
    const NodeId from = frame.regs[insn.src];
    const bool fits = nodes_[from].kind == NodeKind::constant || nodes_[from].kind == NodeKind::truncate ||
                      (nodes_[from].kind == NodeKind::load && nodes_[from].bytes <= 4);
    if (row.width == 64 || fits) {
      frame.regs[insn.dst] = from;
    } else {
      const NodeId id = make(NodeKind::truncate, index);
      nodes_[id].a = from;
      frame.regs[insn.dst] = id;
    }
    return;
  }
  NodeId id;
  if (row.operation == isa::Operation::mov && row.source == isa::Source::imm) {
    id = make(NodeKind::constant, index);
    nodes_[id].imm = insn.imm;
  } else if (row.operation == isa::Operation::add && row.source == isa::Source::imm && row.width == 64) {
    id = sum(index, frame.regs[insn.dst], insn.imm);
  } else {
    id = make(NodeKind::alu, index);
    nodes_[id].a = frame.regs[row.operation == isa::Operation::mov ? insn.src : insn.dst];
    nodes_[id].imm = insn.imm;
    if (row.source == isa::Source::reg && row.operation != isa::Operation::mov)
      nodes_[id].b = frame.regs[insn.src];
  }
  frame.regs[insn.dst] = id;
}

void Trail::run_load(StepIndex index, const isa::Decoded& insn) {
  Frame& frame = top();
  const NodeId address = frame.regs[insn.src];
  const auto bytes = static_cast<std::uint8_t>(insn.row().width / 8);
  std::uint32_t number = 0;
  std::int64_t off = 0;
  if (is_stack_address(address, number, off) && number < frames_.size()) {
    const auto slot = frames_[number].stack.find(static_cast<LogPlace>(off + insn.off));
    if (slot != frames_[number].stack.end() && nodes_[slot->second].kind != NodeKind::written) {
      frame.regs[insn.dst] = slot->second;
      return;
    }
  }
  const NodeId id = make(NodeKind::load, index);
  nodes_[id].a = address;
  nodes_[id].imm = insn.off;
  nodes_[id].bytes = bytes;
  frame.regs[insn.dst] = id;
}

void Trail::run_store(StepIndex index, const isa::Decoded& insn) {
  Frame& frame = top();
  std::uint32_t number = 0;
  std::int64_t off = 0;
  if (!is_stack_address(frame.regs[insn.dst], number, off) || number >= frames_.size()) return;
  NodeId value;
  if (insn.row().action == isa::Class::store_imm) {
    value = make(NodeKind::constant, index);
    nodes_[value].imm = insn.imm;
  } else if (insn.row().action == isa::Class::atomic) {
    value = make(NodeKind::written, index);
  } else {
    value = frame.regs[insn.src];
  }
  auto& stack = frames_[number].stack;
  const std::int64_t begin = off + insn.off, end = begin + insn.row().width / 8;
  if (begin < -4096 || end > 4096) return;
  for (auto it = stack.lower_bound(static_cast<LogPlace>(begin - 7)); it != stack.end() && it->first < end;)
    it = it->first >= begin ? stack.erase(it) : std::next(it);
  stack[static_cast<LogPlace>(begin)] = value;
}

void Trail::run_call(StepIndex index, const isa::Decoded& insn) {
  Frame& frame = top();
  if (insn.row().operation == isa::Operation::call_local && index + 1 < log_.steps.size() &&
      log_.steps[index + 1].frame > log_.steps[index].frame && frames_.size() < most_frames) {
    Frame callee = new_frame(true);
    std::copy(&frame.regs[1], &frame.regs[6], &callee.regs[1]);
    frames_.push_back(std::move(callee));
    return;
  }
  for (unsigned reg = 1; reg <= 5; reg++) {
    std::uint32_t number = 0;
    std::int64_t off = 0;
    const NodeId argument = frame.regs[reg];
    if (is_stack_address(argument, number, off) && number < frames_.size() && off >= -4096 && off < 0) {
      NodeId& slot = frames_[number].stack.try_emplace(static_cast<LogPlace>(off), no_node).first->second;
      if (slot == no_node) slot = make(NodeKind::written, index);
    }
  }
  for (unsigned reg = 1; reg <= 5; reg++) frame.regs[reg] = make(NodeKind::destroyed, index);
  frame.regs[0] = make(NodeKind::call, index);
}

void Trail::run_branch(StepIndex index, const isa::Decoded& insn) {
  const Frame& frame = top();
  Branch branch;
  branch.step = index;
  branch.left = frame.regs[insn.dst];
  branch.imm = insn.imm;
  branch.narrow = insn.row().width == 32;
  branch.before = nodes_[branch.left].latest;
  if (insn.row().source == isa::Source::reg) branch.right = frame.regs[insn.src];
  branches_.push_back(branch);
}

void Trail::run(StepIndex index) {
  const LogStep& step = log_.steps[index];
  if (!step.insn) return;
  const isa::Decoded& insn = *step.insn;
  Frame& frame = top();
  switch (insn.row().action) {
    case isa::Class::alu: return run_alu(index, insn);
    case isa::Class::load:
    case isa::Class::load_acquire: return run_load(index, insn);
    case isa::Class::store:
    case isa::Class::store_imm:
    case isa::Class::store_release: return run_store(index, insn);
    case isa::Class::jump_if: return run_branch(index, insn);
    case isa::Class::call: return run_call(index, insn);
    case isa::Class::atomic: {
      run_store(index, insn);
      if (!insn.row().fetch) return;
      const unsigned target = isa::writes_src(insn.row()) ? insn.src : 0;
      const NodeId id = make(NodeKind::load, index);
      nodes_[id].a = frame.regs[insn.dst];
      nodes_[id].imm = insn.off;
      nodes_[id].bytes = static_cast<std::uint8_t>(insn.row().width / 8);
      frame.regs[target] = id;
      return;
    }
    case isa::Class::endian:
    case isa::Class::addr_space_cast: {
      const NodeId id = make(NodeKind::alu, index);
      nodes_[id].a = frame.regs[insn.row().action == isa::Class::endian ? insn.dst : insn.src];
      frame.regs[insn.dst] = id;
      return;
    }
    case isa::Class::load_imm64: {
      const NodeId id = make(NodeKind::constant, index);
      nodes_[id].imm = insn.imm;
      frame.regs[insn.dst] = id;
      return;
    }
    case isa::Class::packet_absolute:
    case isa::Class::packet_indirect: return run_call(index, insn);
    case isa::Class::exit:
      if (frames_.size() > 1) {
        frames_[frames_.size() - 2].regs[0] = frame.regs[0];
        for (unsigned reg = 1; reg <= 5; reg++)
          frames_[frames_.size() - 2].regs[reg] = make(NodeKind::destroyed, index);
        frames_.pop_back();
      }
      return;
    case isa::Class::jump:
    case isa::Class::jump_indirect:
    case isa::Class::may_goto: return;
  }
}

NodeId Trail::origin(NodeId id) const {
  while (id < nodes_.size()) {
    const Node& node = nodes_[id];
    if (node.kind == NodeKind::truncate) {
      id = node.a;
    } else if (node.kind == NodeKind::alu && node.b == no_node && node.a != no_node && node.step != no_step) {
      // Shifts by 32 in both directions are how a truncation was written before mcpu v3; constants that are
      // added or masked off leave a person's idea of the value alone.
      id = node.a;
    } else {
      return id;
    }
  }
  return id;
}

bool Trail::same_to_people(NodeId a, NodeId b) const {
  if (a == b) return true;
  a = origin(a);
  b = origin(b);
  if (a == b) return true;
  if (a >= nodes_.size() || b >= nodes_.size()) return false;
  const Node &x = nodes_[a], &y = nodes_[b];
  if (x.kind != NodeKind::load || y.kind != NodeKind::load || x.bytes != y.bytes) return false;
  const Node &at = nodes_[x.a], &other = nodes_[y.a];
  return at.base == other.base && at.add + x.imm == other.add + y.imm;
}

}  // namespace skep::verify
