// Pruning: a path need not be followed when a state explored before allowed everything that this one can be.
//
// At chosen instructions a checkpoint of the state is kept. A later state there is safe if each register and
// stack slot that was ever needed holds no more than the old one's, with the same relations between ids. The
// heuristics of when to keep a checkpoint and when to drop it are the kernel's, so that the number of
// instructions processed stays comparable.
#include "skep/verify/prune.h"

#include <algorithm>

#include "skep/verify/checker.h"

namespace skep::verify {

using isa::Class;
using isa::Operation;

bool IdMap::same(std::uint32_t old_id, std::uint32_t current_id) {
  if ((old_id != 0) != (current_id != 0)) return false;
  if (old_id == 0) return true;
  for (const Pair& pair : pairs_) {
    if (pair.old_id == old_id) return pair.current_id == current_id;
    if (pair.current_id == current_id) return false;
  }
  pairs_.push_back({old_id, current_id});
  return true;
}

bool IdMap::same_scalar(std::uint32_t old_id, std::uint32_t current_id) {
  if (old_id == 0) return true;
  if (current_id == 0) current_id = ++temporary_;
  if (!same(old_id, current_id)) return false;
  if ((old_id & id_add_const) == 0) return true;
  return same(old_id & ~id_add_const, current_id & ~id_add_const);
}

namespace {

bool exact_reg(const RegState& old, const RegState& current, IdMap& ids) {
  return old.same_but_ids(current) && ids.same(old.id, current.id) && ids.same(old.ref_id, current.ref_id);
}

bool all_misc(const StackSlot& slot, bool uninit_too) {
  return std::all_of(slot.bytes.begin(), slot.bytes.end(),
                     [&](Byte byte) { return byte == Byte::misc || (byte == Byte::invalid && uninit_too); });
}

// What a slot gives when 8 bytes of it are read as a number; null: that is no plain number.
const RegState* as_scalar(const StackSlot& slot, bool uninit_too) {
  static const RegState unknown = RegState::unknown();
  if (slot.is_spilled_scalar_of_8()) return &slot.spilled;
  return all_misc(slot, uninit_too) ? &unknown : nullptr;
}

}  // namespace

bool same_callsites(const State& a, const State& b) {
  if (a.depth != b.depth) return false;
  for (std::uint32_t i = 0; i <= a.depth; i++)
    if (a.frames[i]->callsite != b.frames[i]->callsite) return false;
  return true;
}

bool Checker::reg_safe(const RegState& old, const RegState& current, Exactness exactness) {
  IdMap& ids = ids_;
  if (exactness == Exactness::exact) return exact_reg(old, current, ids);
  if (old.kind == Kind::not_init && (exactness == Exactness::pruning || current.kind == Kind::not_init))
    return true;
  if (old.kind != current.kind || old.flags != current.flags) return false;
  switch (old.kind) {
    case Kind::scalar:
      if (masks_differ_) return old.value == current.value && ids.same_scalar(old.id, current.id);
      if (!old.precise && exactness == Exactness::pruning && options_.observer == nullptr) return true;
      if (old.id != 0 && (old.id & id_add_const) != (current.id & id_add_const)) return false;
      if ((old.id & id_add_const) != 0 && old.off != current.off) return false;
      return ids.same_scalar(old.id, current.id) && old.value.contains(current.value);
    case Kind::map_key:
    case Kind::map_value:
    case Kind::mem:
    case Kind::buf:
    case Kind::tp_buffer:
      return old.off == current.off && old.type == current.type && old.payload == current.payload &&
             old.object == current.object && old.dynptr == current.dynptr &&
             old.value.contains(current.value) && ids.same(old.id, current.id) &&
             ids.same(old.ref_id, current.ref_id);
    case Kind::packet_meta:
    case Kind::packet:
      if (old.range < 0 || current.range < 0) {
        if (old.range != current.range) return false;
      } else if (old.range > current.range) {
        return false;
      }
      return old.off == current.off && ids.same(old.id, current.id) && old.value.contains(current.value);
    case Kind::arena: return true;
    default: return exact_reg(old, current, ids);
  }
}

bool Checker::stack_safe(const Frame& old, const Frame& current, Exactness exactness) {
  const bool uninit = allow_uninit_stack();
  for (std::size_t i = 0; i < old.stack.size(); i++) {
    const StackSlot& was = old.stack[i];
    const bool there = i < current.stack.size();
    if (exactness == Exactness::exact && (!there || was.bytes != current.stack[i].bytes)) return false;
    const bool unneeded = std::all_of(was.bytes.begin(), was.bytes.end(), [&](Byte byte) {
      return byte == Byte::invalid || (uninit && byte == Byte::misc);
    });
    if (unneeded) continue;
    if (!there) return false;
    const StackSlot& is = current.stack[i];
    const RegState* old_scalar = as_scalar(was, uninit);
    const RegState* current_scalar = as_scalar(is, uninit);
    if (old_scalar != nullptr && current_scalar != nullptr) {
      if (!reg_safe(*old_scalar, *current_scalar, exactness)) return false;
      continue;
    }
    for (std::size_t b = 0; b < 8; b++) {
      const Byte old_byte = was.bytes[b];
      if (old_byte == Byte::invalid || (uninit && old_byte == Byte::misc)) continue;
      if (old_byte == Byte::misc && is.bytes[b] == Byte::zero) continue;
      if (old_byte != is.bytes[b]) return false;
    }
    const RegState& a = was.spilled;
    const RegState& b = is.spilled;
    switch (was.bytes[7]) {
      case Byte::spill:
        if (!reg_safe(a, b, exactness)) return false;
        break;
      case Byte::dynptr:
        if (a.dynptr != b.dynptr || a.first_slot != b.first_slot || !ids_.same(a.ref_id, b.ref_id))
          return false;
        break;
      case Byte::iter:
        if (a.object != b.object || a.type != b.type || a.iter != b.iter || !ids_.same(a.ref_id, b.ref_id))
          return false;
        break;
      case Byte::irq_flag:
        if (a.irq_class != b.irq_class || !ids_.same(a.ref_id, b.ref_id)) return false;
        break;
      case Byte::invalid:
      case Byte::misc:
      case Byte::zero: break;
    }
  }
  return true;
}

bool Checker::refs_safe(const State& old, const State& current) {
  if (old.refs.size() != current.refs.size() || old.locks != current.locks ||
      old.preempt_locks != current.preempt_locks || old.rcu_locks != current.rcu_locks ||
      old.sleepable != current.sleepable)
    return false;
  if (!ids_.same(old.irq_id, current.irq_id) || !ids_.same(old.lock_id, current.lock_id) ||
      old.lock_object != current.lock_object)
    return false;
  for (std::size_t i = 0; i < old.refs.size(); i++) {
    const Reference& a = old.refs[i];
    const Reference& b = current.refs[i];
    if (a.kind != b.kind || !ids_.same(a.id, b.id) || a.object != b.object) return false;
  }
  return true;
}

isa::Slot Checker::insn_of_frame(const State& state, std::uint32_t frame) {
  return frame == state.depth ? state.insn : state.frames[frame + 1]->callsite;
}

bool Checker::states_equal(const State& old, const State& current, Exactness exactness) {
  if (old.depth != current.depth || (old.speculative && !current.speculative)) return false;
  for (std::uint32_t f = 0; f <= old.depth; f++)
    if (old.frames[f]->callsite != current.frames[f]->callsite) return false;
  ids_.reset(last_id_);
  if (!refs_safe(old, current)) return false;
  for (std::uint32_t f = 0; f <= old.depth; f++) {
    const Frame& a = *old.frames[f];
    const Frame& b = *current.frames[f];
    if (a.callback_depth > b.callback_depth) return false;
    const std::uint32_t live = options_.observer != nullptr ? ~0u : code_[insn_of_frame(old, f)].live;
    for (unsigned i = 0; i < register_count; i++)
      if ((i == frame_pointer || (live >> i & 1) != 0) && !reg_safe(a.regs[i], b.regs[i], exactness))
        return false;
    if (!stack_safe(a, b, exactness)) return false;
  }
  return true;
}

// Cheap test before states_equal: has nothing happened to the registers and slots in the loop?
bool Checker::may_loop(const State& old, const State& current) const {
  if (old.depth != current.depth) return false;
  const Frame& a = old.frame();
  const Frame& b = current.frame();
  for (unsigned i = 0; i < register_count; i++) {
    const RegState& x = a.regs[i];
    const RegState& y = b.regs[i];
    if (x.kind != y.kind || x.flags != y.flags || x.off != y.off || !(x.value == y.value) ||
        x.type != y.type || x.payload != y.payload || x.object != y.object)
      return false;
  }
  return true;
}

// Did an iterator advance between the two?
bool Checker::iterators_differ(const State& old, const State& current) const {
  for (std::uint32_t f = 0; f <= old.depth; f++) {
    const Frame& a = *old.frames[f];
    const Frame& b = *current.frames[f];
    for (std::size_t i = 0; i < a.stack.size() && i < b.stack.size(); i++) {
      if (a.stack[i].bytes[0] != Byte::iter) continue;
      if (a.stack[i].spilled.iter != IterState::active) continue;
      if (a.stack[i].spilled.iter_depth != b.stack[i].spilled.iter_depth) return true;
    }
  }
  return false;
}

// What is never read again need not be compared.
void Checker::clean(State& state) {
  if (options_.observer != nullptr) return;
  for (std::uint32_t f = 0; f <= state.depth; f++) {
    Frame& frame = *state.frames[f];
    const std::uint32_t live = code_[insn_of_frame(state, f)].live;
    for (unsigned i = 0; i < frame_pointer; i++)
      if ((live >> i & 1) == 0) frame.regs[i] = RegState{};
    const std::uint64_t alive = liveness_.alive(state, f);
    for (std::size_t i = 0; i < frame.stack.size(); i++) {
      if ((alive >> i & 1) != 0) continue;
      StackSlot& slot = frame.stack[i];
      const Byte kind = slot.bytes[0];
      if (kind == Byte::dynptr || kind == Byte::iter || kind == Byte::irq_flag) continue;
      slot = StackSlot{};
    }
  }
}

void Checker::clean_finished(isa::Slot slot) {
  for (Explored* e = bucket(slot); e != nullptr; e = e->next) {
    if (e->state->branches != 0 || e->cleaned || e->state->insn != slot) continue;
    if (!same_callsites(*e->state, *state_) || in_unfinished_loop(*e->state)) continue;
    clean(*e->state);
    e->cleaned = true;
  }
}

Explored*& Checker::bucket(isa::Slot slot) {
  const std::size_t size = explored_.size();
  return explored_[(static_cast<std::size_t>(slot) ^ static_cast<std::size_t>(state_->frame().callsite)) %
                   size];
}

Checker::Visited Checker::visit_checkpoint() {
  const Code& insn = code_[at_];
  const bool force =
      (prog().flags & prog_flag::test_state_freq) != 0 || insn.force_checkpoint || state_->steps.size() > 40;
  bool add = force;
  if (jumps_processed_ - jumps_at_checkpoint_ >= 2 && insns_processed_ - insns_at_checkpoint_ >= 8)
    add = true;
  clean_finished(at_);

  std::uint32_t count = 0;
  Explored** link = &bucket(at_);
  while (*link != nullptr) {
    Explored* e = *link;
    count++;
    if (e->state->insn != at_) {
      link = &e->next;
      continue;
    }
    bool loop = false, hit = false;
    State& old = *e->state;
    if (old.branches != 0) {
      switch (compare_in_loop(old)) {
        case InLoop::failed: return Visited::failed;
        case InLoop::converged: loop = hit = true; break;
        case InLoop::goes_on:
          // Distinct iterations seldom help later: keep fewer of them.
          if (!force && jumps_processed_ - jumps_at_checkpoint_ < 20 &&
              insns_processed_ - insns_at_checkpoint_ < 100)
            add = false;
          break;
      }
    } else {
      loop = in_unfinished_loop(old);
      hit = states_equal(old, *state_, loop ? Exactness::within : Exactness::pruning);
    }
    if (hit) {
      e->hits++;
      if (insn.jump_point) record_step();
      if (!propagate_precision(old, *state_, nullptr)) return Visited::failed;
      if (loop) add_back_edge(old);
      return Visited::yes;
    }
    if (add) e->misses++;
    const std::uint32_t patience = insn.force_checkpoint && old.branches > 0 ? 64 : 3;
    if (e->misses > e->hits * patience + patience) {
      *link = e->next;
      e->removed = true;
      explored_count_--;
      free_if_done(e);
      continue;
    }
    link = &e->next;
  }
  Stats& stats = verdict_.stats;
  stats.max_states_per_insn = std::max(stats.max_states_per_insn, count);
  if (!bpf_capable() && count > 64) return Visited::no;
  if (!add) return Visited::no;
  remember_state();
  return Visited::no;
}

// The old state is on the current path: is this the same point again?
Checker::InLoop Checker::compare_in_loop(State& old) {
  const Code& insn = code_[at_];
  const Frame& was = *old.frames[std::min(old.depth, state_->depth)];
  const Frame& is = state_->frame();
  if (was.in_async_callback && was.async_entries != is.async_entries) return InLoop::goes_on;
  if (insn.iterator_next) {
    if (states_equal(old, *state_, Exactness::within)) {
      // r1 is the iterator; its state says whether this iteration still runs.
      const RegState& r1 = is.regs[1];
      const Frame& frame = state_->frame_of(r1);
      const std::int64_t off = r1.off + static_cast<std::int64_t>(r1.value.bits.value);
      const auto slot = static_cast<std::size_t>((-off - 1) / 8);
      if (slot < frame.stack.size() && frame.stack[slot].spilled.iter == IterState::active)
        return InLoop::converged;
    }
    return InLoop::goes_on;
  }
  if (insn.row().action == Class::may_goto && old.may_goto_depth != state_->may_goto_depth &&
      states_equal(old, *state_, Exactness::within))
    return InLoop::converged;
  if (insn.calls_callback) {
    if (states_equal(old, *state_, Exactness::within)) return InLoop::converged;
    return InLoop::goes_on;
  }
  if (may_loop(old, *state_) &&
      states_equal(old, *state_, model_.at_least(6, 9) ? Exactness::exact : Exactness::pruning) &&
      !iterators_differ(old, *state_) && old.may_goto_depth == state_->may_goto_depth &&
      old.callback_unrolls == state_->callback_unrolls) {
    if (logging_) log_line_info();
    fail(EINVAL, "infinite loop detected at insn {}", at_);
    if (logging_) {
      note("cur state:");
      log_state(*state_, state_->depth, true);
      note("old state:");
      log_state(old, old.depth, true);
    }
    return InLoop::failed;
  }
  return InLoop::goes_on;
}

void Checker::remember_state() {
  Stats& stats = verdict_.stats;
  explored_pool_.push_back(std::make_unique<Explored>());
  Explored* e = explored_pool_.back().get();
  e->state = pool_.make();
  stats.total_states++;
  explored_count_++;
  stats.peak_states = std::max(stats.peak_states, explored_count_ + free_waiting_);
  jumps_at_checkpoint_ = jumps_processed_;
  insns_at_checkpoint_ = insns_processed_;
  if (bpf_capable())
    state_->each_reg([](RegState& reg) {
      if (reg.kind == Kind::scalar) reg.precise = false;
    });
  clear_lonely_ids(*state_);
  pool_.copy(*e->state, *state_);
  e->state->steps.swap(state_->steps);
  e->state->insn = at_;
  e->state->owner = e;
  enter_loop(*e->state);
  state_->parent = e->state;
  state_->first_insn = at_;
  state_->dfs_depth = e->state->dfs_depth + 1;
  state_->branches = 1;
  state_->steps.clear();
  Explored*& head = bucket(at_);
  e->next = head;
  head = e;
}

// An id that only one register has says nothing.
void Checker::clear_lonely_ids(State& state) {
  if (!clears_lonely_ids_) return;
  id_counts_.clear();
  state.each_reg([&](RegState& reg) {
    if (reg.kind != Kind::scalar || reg.id == 0) return;
    const std::uint32_t id = reg.id & ~id_add_const;
    for (auto& [known, times] : id_counts_)
      if (known == id) {
        times++;
        return;
      }
    id_counts_.push_back({id, 1});
  });
  state.each_reg([&](RegState& reg) {
    if (reg.kind != Kind::scalar || reg.id == 0) return;
    const std::uint32_t id = reg.id & ~id_add_const;
    for (const auto& [known, times] : id_counts_)
      if (known == id && times == 1) unlink(reg);
  });
}

// Back edges lead to it, or through it: precision will be sought back from them when the loop is finished.
bool Checker::is_needed_by_loop(const State& state) {
  return state.kept_by_loop || in_unfinished_loop(state);
}

void Checker::free_if_done(Explored* e) {
  if (!e->removed || e->state == nullptr) return;
  if (e->state->branches != 0 || is_needed_by_loop(*e->state)) {
    free_waiting_++;
    return;
  }
  pool_.release(e->state);
  e->state = nullptr;
}

// The current path ends: checkpoints that no other path goes on from are finished.
bool Checker::finish_path(State* state) {
  while (state != nullptr) {
    if (--state->branches != 0) return true;
    if (!leave_loop(*state)) return false;
    State* parent = state->parent;
    if (auto* e = static_cast<Explored*>(state->owner);
        e != nullptr && e->removed && !is_needed_by_loop(*state)) {
      free_waiting_--;
      pool_.release(state);
      e->state = nullptr;
    }
    state = parent;
  }
  return true;
}

State* Checker::find_previous_entry(isa::Slot slot, bool after_call) {
  // The instruction's own checkpoint, made a moment ago, is none.
  const State* from = after_call ? state_ : state_->parent;
  if (from == nullptr) return nullptr;
  for (Explored* e = bucket(slot); e != nullptr; e = e->next) {
    State* st = e->state;
    if (st->insn == slot && st->branches != 0 && st->dfs_depth < from->dfs_depth &&
        same_callsites(*st, *state_))
      return st;
  }
  return nullptr;
}

// Numbers that changed from one iteration to the next and did not matter yet become unknown, so that the loop
// converges.
void Checker::widen(const State& old, State& current) {
  ids_.reset(last_id_);
  auto widen_reg = [&](const RegState& was, RegState& is) {
    if (was.kind != Kind::scalar || is.kind != Kind::scalar || was.precise || is.precise) return;
    if (exact_reg(was, is, ids_)) return;
    mark_unknown(is);
  };
  for (std::uint32_t f = std::min(old.depth, current.depth) + 1; f-- > 0;) {
    const Frame& a = *old.frames[f];
    Frame& b = *current.frames[f];
    for (unsigned i = 0; i < register_count; i++) widen_reg(a.regs[i], b.regs[i]);
    for (std::size_t i = 0; i < a.stack.size() && i < b.stack.size(); i++)
      if (a.stack[i].is_spilled() && b.stack[i].is_spilled())
        widen_reg(a.stack[i].spilled, b.stack[i].spilled);
  }
}

// --- Loops: strongly connected components of the control flow. A state inside of one whose exploration is
// still going on has incomplete precision marks; what was found equal to it is kept (a back edge) and gets
// the marks once the loop is finished.

bool Checker::loop_key(const State& state, LoopKey& key) const {
  key = LoopKey{};
  for (std::uint32_t f = 0; f <= state.depth; f++) {
    const isa::Slot slot = insn_of_frame(state, f);
    if (const std::uint32_t scc = code_[slot].scc; scc != 0) {
      key.scc = scc;
      return true;
    }
    if (f < state.depth) key.callsites[f] = slot;
  }
  return false;
}

LoopVisit* Checker::find_loop(const State& state) {
  LoopKey key;
  if (!loop_key(state, key)) return nullptr;
  for (LoopVisit& visit : loops_[key.scc])
    if (visit.key == key) return &visit;
  return nullptr;
}

void Checker::enter_loop(State& state) {
  LoopKey key;
  if (!loop_key(state, key)) return;
  LoopVisit* visit = find_loop(state);
  if (visit == nullptr) {
    loops_[key.scc].push_back({});
    visit = &loops_[key.scc].back();
    visit->key = key;
  }
  if (visit->entry == nullptr) visit->entry = &state;
}

bool Checker::in_unfinished_loop(const State& state) {
  LoopVisit* visit = find_loop(state);
  return visit != nullptr && !visit->back_edges.empty();
}

void Checker::add_back_edge(State& old) {
  LoopVisit* visit = find_loop(old);
  if (visit == nullptr) return;
  State* copy = pool_.make();
  pool_.copy(*copy, *state_);
  copy->steps = state_->steps;
  copy->insn = at_;
  copy->equal = &old;
  old.kept_by_loop = true;
  visit->back_edges.push_back(copy);
}

bool Checker::leave_loop(State& state) {
  LoopVisit* visit = find_loop(state);
  if (visit == nullptr || visit->entry != &state) return true;
  visit->entry = nullptr;
  constexpr unsigned rounds = 64;
  bool changed = true;
  for (unsigned i = 0; changed && i <= rounds; i++) {
    changed = false;
    for (State* edge : visit->back_edges) {
      if (i == rounds) {
        mark_all_precise(*edge);
      } else if (!propagate_precision(*edge->equal, *edge, &changed)) {
        return false;
      }
    }
  }
  for (State* edge : visit->back_edges) pool_.release(edge);
  visit->back_edges.clear();
  return true;
}

}  // namespace skep::verify
