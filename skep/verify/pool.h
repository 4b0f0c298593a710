// StatePool: recycles States and Frames with their memory, so that following a branch allocates nothing once
// the pool is warm. Counts what it holds.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "skep/verify/state.h"

namespace skep::verify {

class StatePool {
 public:
  StatePool() = default;
  StatePool(const StatePool&) = delete;
  StatePool& operator=(const StatePool&) = delete;

  // A state as fresh from its constructor, without frames. Owned by the pool.
  State* make();
  // A frame with unreadable registers and no stack.
  Frame* make_frame();
  // `to` becomes what `from` is; the steps of its path are not copied.
  void copy(State& to, const State& from);
  void release(State* state);
  void release_frame(Frame* frame);
  void cut_stack(State& state, std::uint32_t depth);  // releases frames above `depth`

  // A frame's stack in use grew by that many slots.
  void grew(std::size_t slots) { count(static_cast<std::int64_t>(slots * sizeof(StackSlot))); }

  std::uint64_t memory_bytes() const { return memory_; }
  std::uint64_t peak_memory_bytes() const { return peak_; }

 private:
  Frame* take_frame();  // with whatever its last user left but an empty stack
  void count(std::int64_t bytes);

  std::vector<std::unique_ptr<State>> states_;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::vector<State*> free_states_;
  std::vector<Frame*> free_frames_;
  std::uint64_t memory_ = 0, peak_ = 0;  // bytes of frames in use, their stacks, and states
};

}  // namespace skep::verify
