// Reads that flow back.
#include "skep/verify/liveness.h"

namespace skep::verify {

void StackLiveness::Neighbours::build(const std::vector<Edge>& edges, std::size_t insns, bool backwards) {
  from.assign(insns + 1, 0);
  to.resize(edges.size());
  for (const Edge& edge : edges) from[(backwards ? edge.to : edge.from) + 1]++;
  for (std::size_t i = 1; i < from.size(); i++) from[i] += from[i - 1];
  // Filled from each one's end: afterwards `from` has moved to the beginnings of the next.
  std::vector<std::uint32_t> next(from.begin(), from.end() - 1);
  for (const Edge& edge : edges)
    to[next[backwards ? edge.to : edge.from]++] = backwards ? edge.from : edge.to;
}

void StackLiveness::begin(const std::vector<Edge>& edges, std::vector<Function> functions,
                          std::vector<Flow> flows) {
  functions_ = std::move(functions);
  flows_ = std::move(flows);
  before_.build(edges, flows_.size(), true);
  after_.build(edges, flows_.size(), false);
  reset();
}

void StackLiveness::reset() {
  chains_.clear();
  roots_.clear();
  memory_ = 0;
}

std::uint32_t StackLiveness::chain(std::uint32_t parent, isa::Slot callsite, std::uint32_t subprog,
                                   bool callback) {
  const std::vector<std::uint32_t>& siblings = parent == none ? roots_ : chains_[parent].children;
  for (std::uint32_t id : siblings)
    if (chains_[id].callsite == callsite && chains_[id].subprog == subprog) return id;
  const auto id = static_cast<std::uint32_t>(chains_.size());
  Chain made;
  made.parent = parent;
  made.subprog = subprog;
  made.callsite = callsite;
  made.callback = callback;
  made.first = functions_[subprog].first;
  made.depth = parent == none ? 0 : chains_[parent].depth + 1;
  made.seen.resize(functions_[subprog].end - functions_[subprog].first);
  memory_ += sizeof(Chain) + made.seen.size();
  chains_.push_back(std::move(made));
  (parent == none ? roots_ : chains_[parent].children).push_back(id);
  return id;
}

std::vector<std::uint64_t>& StackLiveness::masks(const Chain& c, std::vector<std::uint64_t>& of) {
  if (of.empty()) {
    of.resize(c.seen.size());
    memory_ += of.size() * sizeof(std::uint64_t);
  }
  return of;
}

std::uint64_t StackLiveness::live_before(std::uint32_t id, isa::Slot insn, std::uint32_t frame) const {
  const Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  const std::vector<std::uint64_t>& live = c.live[frame];
  if (live.empty() || insn < f.first || insn >= f.end) return 0;
  return live[insn - f.first];
}

// What the ways on from an instruction read; not through a function that it calls, which flows back itself.
std::uint64_t StackLiveness::live_after(const Chain& c, isa::Slot insn, std::uint32_t frame) const {
  const Function& f = functions_[c.subprog];
  const Flow flow = flows_[insn];
  std::uint64_t slots = 0;
  if (const std::vector<std::uint64_t>& live = c.live[frame]; !live.empty() && flow != Flow::call)
    for (std::uint32_t i = after_.from[insn]; i < after_.from[insn + 1]; i++)
      if (const isa::Slot next = after_.to[i]; next >= f.first && next < f.end) slots |= live[next - f.first];
  if (flow == Flow::leaves && c.parent != none && !c.callback && frame < c.depth)
    slots |= live_before(c.parent, c.callsite + 1, frame);
  return slots;
}

void StackLiveness::read(std::uint32_t id, isa::Slot insn, std::uint32_t frame, std::uint64_t slots) {
  const Function& f = functions_[chains_[id].subprog];
  if (insn < f.first || insn >= f.end || (slots & ~live_before(id, insn, frame)) == 0) return;
  growths_.push_back({id, frame, insn, slots});
  flow_back();
}

void StackLiveness::note_visit(std::uint32_t id, isa::Slot insn) {
  Chain& c = chains_[id];
  const isa::Slot index = insn - c.first;
  Seen& seen = c.seen[index];
  const bool first = seen == Seen::no;
  seen = Seen::plain;
  for (std::uint32_t frame = 0; frame <= c.depth; frame++) {
    std::vector<std::uint64_t>& replaced = c.replaced[frame];
    const std::uint64_t was = first ? ~std::uint64_t{0} : replaced.empty() ? 0 : replaced[index];
    const std::uint64_t is = was & writes_[frame];
    if (is != 0) {
      masks(c, replaced)[index] = is;
      seen = Seen::writes;
    } else if (!replaced.empty()) {
      replaced[index] = 0;
    }
    if (was != is)
      if (const std::uint64_t slots = live_after(c, insn, frame) & was & ~is; slots != 0)
        growths_.push_back({id, frame, insn, slots});
  }
  if (first && flows_[insn] == Flow::leaves) c.exits.push_back(insn);
  flow_back();
}

// Something behind `insn` reads the slots: so does it, unless it replaces them or was never run.
void StackLiveness::reach(std::uint32_t id, isa::Slot insn, std::uint32_t frame, std::uint64_t slots) {
  const Chain& c = chains_[id];
  const Function& f = functions_[c.subprog];
  if (insn < f.first || insn >= f.end) return;
  const isa::Slot index = insn - f.first;
  if (c.seen[index] == Seen::no) return;
  if (!c.replaced[frame].empty()) slots &= ~c.replaced[frame][index];
  if (!c.live[frame].empty()) slots &= ~c.live[frame][index];
  if (slots != 0) growths_.push_back({id, frame, insn, slots});
}

void StackLiveness::flow_back() {
  while (!growths_.empty()) {
    Growth growth = growths_.back();
    growths_.pop_back();
    Chain& c = chains_[growth.chain];
    const Function& f = functions_[c.subprog];
    std::vector<std::uint64_t>& live = masks(c, c.live[growth.frame]);
    const std::uint64_t* replaced =
        c.replaced[growth.frame].empty() ? nullptr : c.replaced[growth.frame].data();
    // Straight on towards the entry; where ways meet, all but one wait.
    for (bool goes_on = true; goes_on;) {
      Growth next;
      const std::uint64_t added = growth.slots & ~live[growth.insn - f.first];
      if (added == 0) break;
      live[growth.insn - f.first] |= added;
      if (growth.insn == f.first && c.parent != none && growth.frame < c.depth)
        growths_.push_back({c.parent, growth.frame, c.callsite, added});
      goes_on = false;
      for (std::uint32_t i = before_.from[growth.insn], end = before_.from[growth.insn + 1]; i < end; i++) {
        const isa::Slot source = before_.to[i];
        if (source < f.first || source >= f.end) continue;
        if (flows_[source] == Flow::call) {
          for (std::uint32_t child : c.children)
            if (chains_[child].callsite == source)
              for (isa::Slot exit : chains_[child].exits) reach(child, exit, growth.frame, added);
          continue;
        }
        const isa::Slot index = source - f.first;
        if (c.seen[index] == Seen::no) continue;
        std::uint64_t slots = added & ~live[index];
        if (replaced != nullptr) slots &= ~replaced[index];
        if (slots == 0) continue;
        if (goes_on) {
          growths_.push_back({growth.chain, growth.frame, source, slots});
          continue;
        }
        goes_on = true;
        next = {growth.chain, growth.frame, source, slots};
      }
      if (goes_on) growth = next;
    }
  }
}

std::uint64_t StackLiveness::alive(const State& checkpoint, std::uint32_t frame) const {
  // Behind calls of static functions the flow has gone back through their returns; a callback may be called
  // again.
  std::uint64_t mask = live_before(checkpoint.frame().chain, checkpoint.insn, frame);
  for (std::uint32_t d = frame; d < checkpoint.depth; d++) {
    const Frame& callee = *checkpoint.frames[d + 1];
    if (callee.in_callback) mask |= live_before(checkpoint.frames[d]->chain, callee.callsite, frame);
  }
  return mask;
}

}  // namespace skep::verify
