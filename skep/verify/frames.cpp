// Calls and returns: frames of static functions, callbacks, and what a program may return.
#include <algorithm>
#include <span>
#include <string_view>

#include "skep/uapi/prog_types.h"
#include "skep/verify/checker.h"

namespace skep::verify {

using isa::Operation;
using uapi::AttachType;
using uapi::ProgType;

namespace {

// Under a spin lock a program may unlock it, and work on the lists and trees that it guards.
constexpr std::string_view under_lock[] = {
    "bpf_list_push_front_impl", "bpf_list_push_back_impl", "bpf_list_pop_front",  "bpf_list_pop_back",
    "bpf_list_front",           "bpf_list_back",           "bpf_rbtree_add_impl", "bpf_rbtree_remove",
    "bpf_rbtree_first",         "bpf_rbtree_root",         "bpf_rbtree_left",     "bpf_rbtree_right",
    "bpf_refcount_acquire_impl"};
// Since 6.15: what neither sleeps nor takes locks of its own.
constexpr std::string_view under_lock_6_15[] = {"bpf_iter_num_new",
                                                "bpf_iter_num_next",
                                                "bpf_iter_num_destroy",
                                                "bpf_res_spin_lock",
                                                "bpf_res_spin_unlock",
                                                "bpf_res_spin_lock_irqsave",
                                                "bpf_res_spin_unlock_irqrestore",
                                                "bpf_arena_alloc_pages",
                                                "bpf_arena_free_pages",
                                                "bpf_arena_reserve_pages",
                                                "bpf_stream_vprintk",
                                                "bpf_stream_vprintk_impl"};
constexpr std::int64_t helper_spin_unlock = 94, helper_kptr_xchg = 194;

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Checker::may_call_under_lock(const Code& insn) const {
  switch (insn.row().operation) {
    case Operation::call_helper:
      return insn.imm == helper_spin_unlock || (insn.imm == helper_kptr_xchg && model_.at_least(6, 15));
    case Operation::call_kfunc: {
      const auto id = static_cast<btf::TypeId>(insn.imm);
      if (insn.off != 0 || model_.kernel_btf == nullptr || !model_.kernel_btf->has(id)) return false;
      const std::string_view name = model_.kernel_btf->name(id);
      return contains(under_lock, name) || (model_.at_least(6, 15) && contains(under_lock_6_15, name));
    }
    default: return locks_in_functions_;
  }
}

bool Checker::simulate_call(const Code& insn) {
  if (state_->locks != 0 && !may_call_under_lock(insn))
    return fail(EINVAL, "function calls are not allowed while holding a lock");
  switch (insn.row().operation) {
    case Operation::call_local: {
      const std::uint32_t subprog = code_[insn.target].subprog;
      if (subprogs_[subprog].global) return check_global_call(insn, subprog);
      return enter_static(insn, subprog);
    }
    case Operation::call_kfunc: return check_kfunc_call(insn);
    case Operation::call_helper: return check_helper_call(insn);
    default: return fail(EINVAL, "unknown opcode {:02x}", insn.row().opcode);
  }
}

// A new frame on `state` for `subprog`, called at `callsite` (by a helper: `callback`). Null after fail().
Frame* Checker::add_frame(State& state, std::uint32_t subprog, isa::Slot callsite, bool callback) {
  if (state.depth + 1 >= max_frames) {
    fail(E2BIG, "the call stack of {} frames is too deep", state.depth + 2);
    return nullptr;
  }
  Frame* frame = pool_.make_frame();
  frame->number = state.depth + 1;
  frame->callsite = callsite;
  frame->subprog = subprog;
  frame->chain = liveness_.chain(state.frame().chain, callsite, subprog, callback);
  init_frame(*frame);
  state.frames[frame->number] = frame;
  return frame;
}

void Checker::init_frame(Frame& frame) const {
  RegState& fp = frame.regs[frame_pointer];
  mark_pointer(fp, Kind::stack);
  fp.frame = static_cast<std::uint8_t>(frame.number);
}

bool Checker::enter_static(const Code& insn, std::uint32_t subprog) {
  (void)insn;
  Frame* callee = add_frame(*state_, subprog, at_, false);
  if (callee == nullptr) return false;
  Frame& caller = state_->frame();
  for (unsigned i = 1; i <= 5; i++) callee->regs[i] = caller.regs[i];
  callee->async_entries = caller.async_entries;
  clobber_caller_saved();
  state_->depth++;
  next_ = subprogs_[subprog].first;
  if (logging_) {
    note("caller:\n");
    log_state(*state_, state_->depth - 1, true);
    note("callee:\n");
    log_state(*state_, state_->depth, true);
  }
  return true;
}

bool Checker::push_callback(const Code& insn, std::uint32_t subprog, SetCallee set) {
  subprogs_[subprog].is_callback = true;
  State* inside = push_branch(subprogs_[subprog].first, at_, false);
  if (inside == nullptr) return false;
  Frame* callee = add_frame(*inside, subprog, at_, true);
  if (callee == nullptr) return false;
  if (!set(*this, inside->frame(), *callee, insn)) return false;
  callee->in_callback = true;
  inside->depth++;
  inside->callback_unrolls++;
  inside->frames[inside->depth - 1]->callback_depth++;
  state_->frame().callback_depth = 0;
  return true;
}

bool Checker::push_async_callback(const Code& insn, std::uint32_t subprog, SetCallee set, bool sleepable) {
  subprogs_[subprog].is_callback = subprogs_[subprog].is_async_callback = true;
  // A path of its own, with nothing but its arguments.
  State* inside = push_branch(subprogs_[subprog].first, at_, false);
  if (inside == nullptr) return false;
  pool_.cut_stack(*inside, 0);
  inside->refs.clear();
  inside->steps.clear();
  inside->locks = inside->lock_id = inside->irq_id = inside->rcu_locks = inside->preempt_locks = 0;
  inside->lock_object = nullptr;
  inside->sleepable = sleepable;
  inside->parent->branches--;
  inside->parent = nullptr;
  inside->branches = 1;
  inside->first_insn = subprogs_[subprog].first;
  inside->last_insn = no_insn;
  inside->callback_unrolls = inside->may_goto_depth = 0;
  pool_.release_frame(inside->frames[0]);
  Frame* callee = pool_.make_frame();
  inside->frames[0] = callee;
  callee->callsite = no_insn;
  callee->subprog = subprog;
  callee->chain = liveness_.chain(StackLiveness::none, no_insn, subprog);
  init_frame(*callee);
  callee->async_entries = state_->frame().async_entries + 1;
  if (!set(*this, state_->frame(), *callee, insn)) return false;
  callee->in_callback = false;
  callee->in_async_callback = true;
  return true;
}

bool Checker::leave_frame() {
  Frame& callee = state_->frame();
  Frame& caller = *state_->frames[state_->depth - 1];
  RegState& r0 = callee.regs[0];
  if (r0.kind == Kind::stack) return fail(EINVAL, "cannot return stack pointer to the caller");
  const bool callback = callee.in_callback;
  if (callback) {
    if (r0.kind != Kind::scalar) return fail(EACCES, "R0 not a scalar value");
    if (!mark_precise(0)) return false;
    if (!check_in_range(r0, callee.callback_return, true, "At callback return", "R0")) return false;
  } else {
    caller.regs[0] = r0;
  }
  next_ = callback ? callee.callsite : callee.callsite + 1;
  if (logging_) {
    note("returning from callee:\n");
    log_state(*state_, state_->depth, true);
    note("to caller at {}:\n", next_);
    log_state(*state_, state_->depth - 1, true);
  }
  pool_.cut_stack(*state_, state_->depth - 1);
  if (callback)
    if (State* before = find_previous_entry(next_, true); before != nullptr) widen(*before, *state_);
  return true;
}

Checker::Next Checker::simulate_exit(const Code& insn, bool exception) {
  (void)insn;
  const bool outermost = state_->depth == 0;
  if (!locks_in_functions_ && state_->locks != 0) {
    fail(EINVAL, "bpf_spin_unlock is missing");
    return Next::failed;
  }
  if (!check_nothing_held(exception, exception || outermost,
                          exception ? "bpf_throw" : "BPF_EXIT instruction in main prog"))
    return Next::failed;
  // Without a callback of the program's own, what is thrown is its result.
  if (exception)
    return exception_callback_ != no_subprog || check_return_value(1, "R1") ? Next::path_done : Next::failed;
  if (!outermost) {
    if (state_->frame().in_callback && !check_callback_references()) return Next::failed;
    if (!leave_frame()) return Next::failed;
    print_state_ = true;
    return Next::go_on;
  }
  return check_return_value(0, "R0") ? Next::path_done : Next::failed;
}

bool Checker::check_in_range(const RegState& r, ReturnBounds range, bool wide, const char* where,
                             const char* name) {
  const Range<64>& full = r.value.full;
  const Range<32>& low = r.value.low;
  const bool inside = wide ? range.min <= full.smin && full.smax <= range.max
                           : range.min <= low.smin && low.smax <= range.max;
  if (inside) return true;
  std::string text = fmt::format("{} the register {} has", where, name);
  const bool unknown = full.smin == INT64_MIN && full.smax == INT64_MAX;
  if (full.smin != INT64_MIN) text += fmt::format(" smin={}", full.smin);
  if (full.smax != INT64_MAX) text += fmt::format(" smax={}", full.smax);
  if (unknown) text += " unknown scalar value";
  return fail(EINVAL, "{} should have been in [{}, {}]", text, range.min, range.max);
}

// The value that a main program, global function or asynchronous callback leaves in a register.
bool Checker::check_return_value(unsigned number, const char* name) {
  const Frame& frame = *state_->frames[0];
  const bool subprog = frame.subprog != 0;
  const bool own = !subprog || frame.in_exception_callback;
  const AttachType attach = prog().attach_type;
  if (own &&
      (prog_type_ == ProgType::struct_ops ||
       (prog_type_ == ProgType::lsm && attach != AttachType::lsm_cgroup)) &&
      target_returns_void())
    return true;
  if (!check_reg_read(number)) return false;
  const RegState& r = reg(number);
  if (is_pointer_to_hide(r)) return fail(EACCES, "R{} leaks addr as return value", number);
  const char* where = "At program exit";
  ReturnBounds range;
  bool wide = true;
  if (frame.in_async_callback) {
    where = "At async callback return";
    range = {0, 0, true};
  } else if (subprog && !frame.in_exception_callback) {
    if (r.kind != Kind::scalar)
      return fail(EINVAL, "At subprogram exit the register R{} is not a scalar value ({})", number,
                  kind_name(r));
    return true;
  } else if (prog_type_ == ProgType::lsm) {
    if (attach == AttachType::lsm_cgroup) {
      range = target_returns_void() ? ReturnBounds{1, 1, true} : ReturnBounds{0, 1, true};
    } else {
      if (!checks_lsm_result_) return true;
      std::optional<ReturnBounds> hook = lsm_return_range();
      if (!hook) return true;
      range = *hook;
      wide = false;
    }
  } else if (prog_type_ == ProgType::raw_tracepoint) {
    if (prog().target.btf == nullptr) return true;
    range = {0, 0, true};
  } else if (prog_type_ == ProgType::ext || prog().type == ProgType::ext) {
    return true;
  } else {
    const auto row = uapi::return_range(prog_type_, attach);
    if (!row) return true;
    range = {row->min, row->max, true};
  }
  if (r.kind != Kind::scalar)
    return fail(EINVAL, "{} the register R{} is not a known value ({})", where, number, kind_name(r));
  if (!mark_precise(number)) return false;
  if (check_in_range(r, range, wide, where, name)) return true;
  if (own && prog_type_ == ProgType::lsm && attach == AttachType::lsm_cgroup && target_returns_void())
    note("Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n");
  return false;
}

}  // namespace skep::verify
