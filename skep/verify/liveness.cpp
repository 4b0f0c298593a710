// The fixpoint behind StackLiveness.
#include "skep/verify/liveness.h"

#include <algorithm>

namespace skep::verify {

void StackLiveness::begin(std::vector<Edges> edges, std::vector<Function> functions) {
  edges_ = std::move(edges);
  functions_ = std::move(functions);
  reset();
}

void StackLiveness::reset() {
  chains_.clear();
  roots_.clear();
  memory_ = 0;
}

std::uint32_t StackLiveness::chain(std::uint32_t parent, isa::Slot callsite, std::uint32_t subprog) {
  std::vector<std::uint32_t>& siblings = parent == none ? roots_ : chains_[parent].children;
  for (std::uint32_t id : siblings)
    if (chains_[id].callsite == callsite && chains_[id].subprog == subprog) return id;
  const auto id = static_cast<std::uint32_t>(chains_.size());
  siblings.push_back(id);
  Chain made;
  made.parent = parent;
  made.subprog = subprog;
  made.callsite = callsite;
  made.depth = parent == none ? 0 : chains_[parent].depth + 1;
  made.written.resize(functions_[subprog].end - functions_[subprog].first);
  memory_ += sizeof(Chain) + made.written.size() * sizeof(Written);
  chains_.push_back(std::move(made));
  return id;
}

void StackLiveness::soil(std::uint32_t id) {
  for (; id != none && !chains_[id].dirty; id = chains_[id].parent) chains_[id].dirty = true;
}

void StackLiveness::read(std::uint32_t id, isa::Slot insn, std::uint32_t frame, std::uint64_t slots) {
  Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  if (insn < f.first || insn >= f.end) return;
  std::vector<std::uint64_t>& mask = c.frames[frame].read;
  if (mask.empty()) {
    mask.resize(f.end - f.first);
    memory_ += 2 * sizeof(std::uint64_t) * mask.size();  // live follows
  }
  std::uint64_t& at = mask[insn - f.first];
  if ((at | slots) == at) return;
  at |= slots;
  soil(id);
}

void StackLiveness::wrote(std::uint32_t id, isa::Slot insn, std::uint32_t frame, std::uint64_t slots) {
  Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  if (insn < f.first || insn >= f.end) return;
  Written& at = c.written[insn - f.first];
  if (!at.seen) {
    at = {slots, static_cast<std::uint8_t>(frame), true};
    if (slots != 0) soil(id);
    return;
  }
  const std::uint64_t both = at.frame == frame ? at.slots & slots : 0;
  if (both == at.slots) return;
  at.slots = both;
  soil(id);
}

void StackLiveness::compute(std::uint32_t id) {
  Chain& c = chains_[id];
  if (!c.dirty) return;
  for (std::uint32_t child : c.children) compute(child);
  const Function& f = functions_[c.subprog];
  const isa::Slot count = f.end - f.first;
  for (std::uint32_t frame = 0; frame <= c.depth; frame++) {
    Masks& masks = c.frames[frame];
    std::vector<std::uint64_t> use = masks.read;
    for (std::uint32_t child : c.children) {
      const std::uint64_t entry = live_before(child, functions_[chains_[child].subprog].first, frame);
      if (entry == 0) continue;
      if (use.empty()) use.resize(count);
      use[chains_[child].callsite - f.first] |= entry;
    }
    if (use.empty()) continue;
    std::vector<std::uint64_t>& live = masks.live;
    live.assign(count, 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (isa::Slot i = count; i-- > 0;) {
        const Edges& edges = edges_[f.first + i];
        std::uint64_t out = 0;
        for (unsigned e = 0; e < edges.count; e++) {
          const isa::Slot to = edges.next[e];
          if (to >= f.first && to < f.end) out |= live[to - f.first];
        }
        const Written& w = c.written[i];
        const std::uint64_t kill = w.seen && w.frame == frame ? w.slots : 0;
        const std::uint64_t in = use[i] | (out & ~kill);
        changed |= in != live[i];
        live[i] = in;
      }
    }
  }
  c.dirty = false;
}

std::uint64_t StackLiveness::live_before(std::uint32_t id, isa::Slot insn, std::uint32_t frame) {
  compute(id);
  const Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  const std::vector<std::uint64_t>& live = c.frames[frame].live;
  if (live.empty() || insn < f.first || insn >= f.end) return 0;
  return live[insn - f.first];
}

std::uint64_t StackLiveness::alive(const State& checkpoint, std::uint32_t frame) {
  std::uint64_t mask = 0;
  for (std::uint32_t d = frame; d <= checkpoint.depth; d++) {
    const Frame& at = *checkpoint.frames[d];
    isa::Slot insn = checkpoint.insn;
    if (d < checkpoint.depth) {
      const Frame& callee = *checkpoint.frames[d + 1];
      insn = callee.in_callback ? callee.callsite : callee.callsite + 1;
    }
    mask |= live_before(at.chain, insn, frame);
  }
  return mask;
}

}  // namespace skep::verify
