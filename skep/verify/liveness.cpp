// Reads that flow back.
#include "skep/verify/liveness.h"

namespace skep::verify {

void StackLiveness::begin(const std::vector<Edge>& edges, std::vector<Function> functions,
                          std::vector<std::uint64_t> overwrites) {
  functions_ = std::move(functions);
  overwrites_ = std::move(overwrites);
  before_.assign(overwrites_.size() + 1, 0);
  for (const Edge& edge : edges) before_[edge.to + 1]++;
  for (std::size_t i = 1; i < before_.size(); i++) before_[i] += before_[i - 1];
  sources_.assign(edges.size(), 0);
  std::vector<std::uint32_t> next = before_;
  for (const Edge& edge : edges) sources_[next[edge.to]++] = edge.from;
  reset();
}

void StackLiveness::reset() {
  chains_.clear();
  roots_.clear();
  memory_ = 0;
}

std::uint32_t StackLiveness::chain(std::uint32_t parent, isa::Slot callsite, std::uint32_t subprog) {
  const std::vector<std::uint32_t>& siblings = parent == none ? roots_ : chains_[parent].children;
  for (std::uint32_t id : siblings)
    if (chains_[id].callsite == callsite && chains_[id].subprog == subprog) return id;
  const auto id = static_cast<std::uint32_t>(chains_.size());
  Chain made;
  made.parent = parent;
  made.subprog = subprog;
  made.callsite = callsite;
  made.depth = parent == none ? 0 : chains_[parent].depth + 1;
  chains_.push_back(std::move(made));
  (parent == none ? roots_ : chains_[parent].children).push_back(id);
  memory_ += sizeof(Chain);
  return id;
}

void StackLiveness::read(std::uint32_t id, isa::Slot insn, std::uint32_t frame, std::uint64_t slots) {
  Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  if (insn < f.first || insn >= f.end) return;
  std::vector<std::uint64_t>& live = c.live[frame];
  if (live.empty()) {
    live.resize(f.end - f.first);
    memory_ += live.size() * sizeof(std::uint64_t);
  }
  if ((live[insn - f.first] | slots) == live[insn - f.first]) return;
  std::vector<Growth> work{{insn, slots}};
  std::uint64_t from_caller = 0;  // what the function reads of it, seen from its entry
  while (!work.empty()) {
    const Growth growth = work.back();
    work.pop_back();
    std::uint64_t& at = live[growth.insn - f.first];
    const std::uint64_t added = growth.slots & ~at;
    if (added == 0) continue;
    at |= added;
    if (growth.insn == f.first) from_caller |= added;
    for (std::uint32_t i = before_[growth.insn]; i < before_[growth.insn + 1]; i++) {
      const isa::Slot source = sources_[i];
      if (source < f.first || source >= f.end) continue;
      const std::uint64_t through = frame == c.depth ? added & ~overwrites_[source] : added;
      if ((through & ~live[source - f.first]) != 0) work.push_back({source, through});
    }
  }
  if (from_caller != 0 && c.parent != none && frame < c.depth) read(c.parent, c.callsite, frame, from_caller);
}

std::uint64_t StackLiveness::live_before(std::uint32_t id, isa::Slot insn, std::uint32_t frame) const {
  const Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  const std::vector<std::uint64_t>& live = c.live[frame];
  if (live.empty() || insn < f.first || insn >= f.end) return 0;
  return live[insn - f.first];
}

std::uint64_t StackLiveness::alive(const State& checkpoint, std::uint32_t frame) const {
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
