// Recycling of states and frames.
#include "skep/verify/pool.h"

namespace skep::verify {
namespace {

std::int64_t frame_bytes(const Frame& frame) {
  return static_cast<std::int64_t>(sizeof(Frame) + frame.stack.size() * sizeof(StackSlot));
}

}  // namespace

void StatePool::count(std::int64_t bytes) {
  memory_ += static_cast<std::uint64_t>(bytes);
  if (memory_ > peak_) peak_ = memory_;
}

State* StatePool::make() {
  if (free_states_.empty()) {
    states_.push_back(std::make_unique<State>());
    free_states_.push_back(states_.back().get());
  }
  State* state = free_states_.back();
  free_states_.pop_back();
  count(sizeof(State));
  return state;
}

Frame* StatePool::take_frame() {
  if (free_frames_.empty()) {
    frames_.push_back(std::make_unique<Frame>());
    free_frames_.push_back(frames_.back().get());
  }
  Frame* frame = free_frames_.back();
  free_frames_.pop_back();
  count(sizeof(Frame));
  return frame;
}

Frame* StatePool::make_frame() {
  Frame* frame = take_frame();
  std::vector<StackSlot> stack = std::move(frame->stack);  // its memory stays with the frame
  *frame = Frame{};
  frame->stack = std::move(stack);
  return frame;
}

void StatePool::release_frame(Frame* frame) {
  count(-frame_bytes(*frame));
  frame->stack.clear();
  free_frames_.push_back(frame);
}

void StatePool::cut_stack(State& state, std::uint32_t depth) {
  for (std::uint32_t i = depth + 1; i < max_frames; i++)
    if (state.frames[i] != nullptr) {
      release_frame(state.frames[i]);
      state.frames[i] = nullptr;
    }
  state.depth = depth;
}

void StatePool::copy(State& to, const State& from) {
  for (std::uint32_t i = 0; i < max_frames; i++) {
    if (i > from.depth) {
      if (to.frames[i] != nullptr) release_frame(to.frames[i]);
      to.frames[i] = nullptr;
      continue;
    }
    if (to.frames[i] == nullptr) to.frames[i] = take_frame();
    const std::size_t before = to.frames[i]->stack.size(), after = from.frames[i]->stack.size();
    *to.frames[i] = *from.frames[i];
    count((static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before)) *
          static_cast<std::int64_t>(sizeof(StackSlot)));
  }
  const auto frames = to.frames;
  std::vector<Step> steps = std::move(to.steps);
  std::vector<Reference> refs = std::move(to.refs);
  steps.clear();
  refs.assign(from.refs.begin(), from.refs.end());
  to.frames = frames;
  to.depth = from.depth;
  to.insn = from.insn;
  to.first_insn = from.first_insn;
  to.last_insn = from.last_insn;
  to.refs = std::move(refs);
  to.locks = from.locks;
  to.lock_id = from.lock_id;
  to.lock_object = from.lock_object;
  to.irq_id = from.irq_id;
  to.rcu_locks = from.rcu_locks;
  to.preempt_locks = from.preempt_locks;
  to.sleepable = from.sleepable;
  to.speculative = from.speculative;
  to.parent = from.parent;
  to.branches = from.branches;
  to.callback_unrolls = from.callback_unrolls;
  to.may_goto_depth = from.may_goto_depth;
  to.dfs_depth = from.dfs_depth;
  to.equal = from.equal;
  to.steps = std::move(steps);
}

void StatePool::release(State* state) {
  for (Frame*& frame : state->frames)
    if (frame != nullptr) {
      release_frame(frame);
      frame = nullptr;
    }
  std::vector<Step> steps = std::move(state->steps);
  std::vector<Reference> refs = std::move(state->refs);
  steps.clear();
  refs.clear();
  *state = State{};
  state->steps = std::move(steps);
  state->refs = std::move(refs);
  free_states_.push_back(state);
  count(-static_cast<std::int64_t>(sizeof(State)));
}

}  // namespace skep::verify
