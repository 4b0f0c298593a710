// Facts of the control flow that exploration uses: which registers may still be read from an instruction on,
// which instructions form loops, what functions do to packets and whether they sleep.
#include <algorithm>

#include "skep/uapi/helpers.h"
#include "skep/verify/checker.h"

namespace skep::verify {

using isa::Class;
using isa::Operation;
using isa::Source;

namespace {

constexpr std::uint32_t caller_saved = 0x3f;

struct UseDef {
  std::uint32_t use = 0, def = 0;
};

std::uint32_t arguments(unsigned count) { return ((1u << count) - 1) << 1; }

unsigned helper_arguments(std::int64_t id) {
  const uapi::Helper* helper = uapi::find_helper(static_cast<std::uint32_t>(id));
  if (helper == nullptr) return 5;
  unsigned count = 0;
  while (count < 5 && helper->args[count] != uapi::Arg::none) count++;
  return count;
}

UseDef use_def(const Code& insn) {
  const isa::Op& row = insn.row();
  const std::uint32_t dst = 1u << insn.dst, src = 1u << insn.src;
  const std::uint32_t by_reg = row.source == Source::reg ? src : 0;
  switch (row.action) {
    case Class::alu:
      if (row.operation == Operation::mov) return {by_reg, dst};
      return {dst | by_reg, dst};
    case Class::endian: return {dst, dst};
    case Class::addr_space_cast:
    case Class::load:
    case Class::load_acquire: return {src, dst};
    case Class::store:
    case Class::store_release: return {dst | src, 0};
    case Class::store_imm: return {dst, 0};
    case Class::atomic: {
      const bool exchange = row.operation == Operation::cmpxchg;
      return {dst | src | (exchange ? 1u : 0u), !row.fetch ? 0u : exchange ? 1u : src};
    }
    case Class::load_imm64: return {0, dst};
    case Class::packet_absolute: return {1u << 6, caller_saved};
    case Class::packet_indirect: return {1u << 6 | src, caller_saved};
    case Class::jump_if: return {dst | by_reg, 0};
    case Class::jump_indirect: return {dst, 0};
    case Class::jump:
    case Class::may_goto: return {};
    case Class::call:
      return {row.operation == Operation::call_helper ? arguments(helper_arguments(insn.imm)) : arguments(5),
              caller_saved};
    case Class::exit: return {1, 0};
  }
  return {};
}

// Code::backtrack; see Checker::step_back.
std::uint16_t backtrack_registers(const Code& insn) {
  const isa::Op& row = insn.row();
  const auto dst = static_cast<std::uint16_t>(1u << insn.dst);
  switch (row.action) {
    case Class::alu:
    case Class::addr_space_cast:
    case Class::endian:
    case Class::load:
    case Class::load_acquire:
    case Class::load_imm64:
    case Class::store:
    case Class::store_imm:
    case Class::store_release: return dst;
    case Class::jump_if:
      return row.source == Source::reg ? static_cast<std::uint16_t>(dst | 1u << insn.src) : std::uint16_t{0};
    case Class::jump:
    case Class::jump_indirect:
    case Class::may_goto: return 0;
    case Class::atomic:
    case Class::packet_absolute:
    case Class::packet_indirect:
    case Class::call:
    case Class::exit: return 0xffff;
  }
  return 0xffff;
}

}  // namespace

unsigned Checker::successors(isa::Slot slot, std::array<isa::Slot, 2>& next) const {
  const Code& insn = code_[slot];
  const isa::Slot following = slot + insn.slots;
  switch (insn.row().action) {
    case Class::exit:
    case Class::jump_indirect: return 0;
    case Class::jump: next[0] = insn.target; return 1;
    case Class::jump_if:
    case Class::may_goto: next = {following, insn.target}; return following == insn.target ? 1 : 2;
    default: break;
  }
  if (following >= code_.size()) return 0;
  next[0] = following;
  return 1;
}

void Checker::compute_live_registers() {
  std::vector<UseDef> table(code_.size());
  for (isa::Slot slot = 0; slot < code_.size(); slot++)
    if (code_[slot].slots != 0) {
      table[slot] = use_def(code_[slot]);
      code_[slot].live = 0;
      code_[slot].backtrack = backtrack_registers(code_[slot]);
    }
  bool changed = true;
  while (changed) {
    changed = false;
    for (isa::Slot slot = static_cast<isa::Slot>(code_.size()); slot-- > 0;) {
      Code& insn = code_[slot];
      if (insn.slots == 0) continue;
      std::array<isa::Slot, 2> next{};
      std::uint32_t out = 0;
      const unsigned count = successors(slot, next);
      for (unsigned i = 0; i < count; i++) out |= code_[next[i]].live;
      const auto live = static_cast<std::uint16_t>((out & ~table[slot].def) | table[slot].use);
      changed |= live != insn.live;
      insn.live = live;
    }
  }
}

// Tarjan's algorithm without recursion. Components of one instruction count only if it jumps to itself or
// calls a callback, which is a loop that no edge shows.
void Checker::compute_loops() {
  constexpr std::uint32_t none = ~0u;
  std::vector<std::uint32_t> order(code_.size(), none), low(code_.size(), 0);
  std::vector<bool> on_stack(code_.size(), false);
  std::vector<isa::Slot> stack;
  struct Visit {
    isa::Slot slot;
    unsigned edge;
  };
  std::vector<Visit> visits;
  std::uint32_t next_order = 0, next_scc = 0;
  auto open = [&](isa::Slot slot) {
    order[slot] = low[slot] = next_order++;
    stack.push_back(slot);
    on_stack[slot] = true;
    visits.push_back({slot, 0});
  };
  for (isa::Slot root = 0; root < code_.size(); root++) {
    if (code_[root].slots == 0 || order[root] != none) continue;
    open(root);
    while (!visits.empty()) {
      Visit& top = visits.back();
      const isa::Slot slot = top.slot;
      std::array<isa::Slot, 2> next{};
      const unsigned count = successors(slot, next);
      if (top.edge < count) {
        const isa::Slot to = next[top.edge++];
        if (order[to] == none)
          open(to);
        else if (on_stack[to])
          low[slot] = std::min(low[slot], order[to]);
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) low[visits.back().slot] = std::min(low[visits.back().slot], low[slot]);
      if (low[slot] != order[slot]) continue;
      bool loop = stack.back() != slot || code_[slot].calls_callback;
      for (unsigned i = 0; i < count; i++) loop |= next[i] == slot;
      const std::uint32_t scc = loop ? ++next_scc : 0;
      for (;;) {
        const isa::Slot member = stack.back();
        stack.pop_back();
        on_stack[member] = false;
        code_[member].scc = scc;
        if (member == slot) break;
      }
    }
  }
  loops_.assign(next_scc + 1, {});
}

// Through calls: repeated until nothing changes, as functions may call in any order.
void Checker::summarise_subprogs() {
  bool changed = true;
  while (changed) {
    changed = false;
    for (isa::Slot slot = 0; slot < code_.size(); slot++) {
      const Code& insn = code_[slot];
      if (insn.slots == 0) continue;
      Subprog& subprog = subprogs_[insn.subprog];
      bool packet = false, sleeps = false;
      const isa::Op& row = insn.row();
      if (row.operation == Operation::call_local || row.operation == Operation::function) {
        packet = subprogs_[code_[insn.target].subprog].changes_packet;
        sleeps = subprogs_[code_[insn.target].subprog].might_sleep;
      } else if (row.action == Class::call) {
        packet = call_changes_packet(insn);
        sleeps = call_might_sleep(insn);
      }
      changed |= (packet && !subprog.changes_packet) || (sleeps && !subprog.might_sleep);
      subprog.changes_packet |= packet;
      subprog.might_sleep |= sleeps;
    }
  }
}

namespace {

std::uint32_t rounded_depth(std::uint32_t bytes) { return (bytes + 15) / 16 * 16; }

}  // namespace

// Stack of the deepest chain of calls from `root`. Each call site is walked, as the kernel does; recursion
// was refused before.
bool Checker::check_stack_depth_from(std::uint32_t root, bool private_stack) {
  struct Call {
    std::uint32_t subprog;
    isa::Slot at;
    bool own_stack;  // on a stack of its own
  };
  std::vector<Call> calls;
  std::int64_t depth = 0;
  bool tail_call_reachable = false;
  constexpr std::uint32_t private_from = 64;

  auto enter = [&](std::uint32_t number) {
    Subprog& subprog = subprogs_[number];
    at_ = subprog.first;
    if (subprog.has_ld_abs) {
      bool in_callback = subprog.is_callback;
      for (const Call& call : calls) in_callback |= subprogs_[call.subprog].is_callback;
      if (in_callback) return fail(EINVAL, "cannot use BPF_LD_[ABS|IND] within callback");
    }
    if (number != 0 && subprog.has_tail_call && depth >= 256)
      return fail(EACCES,
                  "tail_calls are not allowed when call stack of previous frames is {} bytes. Too large",
                  depth);
    const std::uint32_t own = rounded_depth(subprog.stack_depth);
    const bool apart = private_stack && own >= private_from;
    if (apart) {
      if (own > stack_bytes) return fail(EACCES, "stack size of subprog {} is {}. Too large", number, own);
    } else {
      depth += own;
      if (depth > static_cast<std::int64_t>(stack_bytes))
        return fail(EACCES, "combined stack size of {} calls is {}. Too large", calls.size() + 1, depth);
    }
    verdict_.stats.total_stack_depth =
        std::max(verdict_.stats.total_stack_depth, static_cast<std::uint32_t>(depth));
    calls.push_back({number, subprog.first, apart});
    return true;
  };
  if (!enter(root)) return false;
  while (!calls.empty()) {
    Call& call = calls.back();
    const Subprog& subprog = subprogs_[call.subprog];
    std::uint32_t callee = no_subprog;
    while (call.at < subprog.end && callee == no_subprog) {
      const isa::Slot slot = call.at++;
      const Code& insn = code_[slot];
      if (insn.slots == 0) continue;
      const Operation operation = insn.row().operation;
      if (operation == Operation::call_kfunc && is_throw(insn)) {
        bool callback = false;
        for (const Call& c : calls) callback |= subprogs_[c.subprog].is_callback;
        at_ = slot;
        if (callback)
          return fail(EINVAL, "bpf_throw kfunc (insn {}) cannot be called from callback subprog {}", slot,
                      call.subprog);
      }
      if (operation != Operation::call_local && operation != Operation::function) continue;
      const std::uint32_t to = code_[insn.target].subprog;
      if (subprogs_[to].is_async_callback) {
        if (operation != Operation::call_local) continue;
        at_ = slot;
        if (subprogs_[to].is_exception_callback)
          return fail(EINVAL, "insn {} cannot call exception cb directly", slot);
      }
      callee = to;
    }
    if (callee != no_subprog) {
      tail_call_reachable |= subprogs_[callee].has_tail_call;
      if (calls.size() >= max_frames)
        return fail(E2BIG, "the call stack of {} frames is too deep !", calls.size());
      if (!enter(callee)) return false;
      continue;
    }
    if (tail_call_reachable)
      for (std::size_t i = 0; i + 1 < calls.size(); i++)
        if (subprogs_[calls[i].subprog].is_exception_callback)
          return fail(EINVAL, "cannot tail call within exception cb");
    if (!call.own_stack) depth -= rounded_depth(subprog.stack_depth);
    calls.pop_back();
  }
  return true;
}

bool Checker::check_stack_depth() {
  bool tail_calls = false;
  for (const Subprog& subprog : subprogs_) tail_calls |= subprog.has_tail_call;
  const bool private_stack = !tail_calls && model_.at_least(6, 13) && has_private_stack();
  for (std::uint32_t i = static_cast<std::uint32_t>(subprogs_.size()); i-- > 0;)
    if (i == 0 || subprogs_[i].is_async_callback)
      if (!check_stack_depth_from(i, i == 0 && private_stack)) return false;
  return true;
}

// Program types whose functions the kernel's JIT gives stacks of their own.
bool Checker::has_private_stack() const {
  switch (prog().type) {
    case uapi::ProgType::kprobe:
    case uapi::ProgType::tracepoint:
    case uapi::ProgType::perf_event:
    case uapi::ProgType::raw_tracepoint: return true;
    case uapi::ProgType::tracing: return prog().attach_type != uapi::AttachType::trace_iter;
    default: return false;
  }
}

}  // namespace skep::verify
