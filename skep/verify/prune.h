// What pruning keeps: checkpoints, the pairing of ids between two states, loops being explored.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "skep/verify/state.h"

namespace skep::verify {

// How closely an old state must be matched.
enum class Exactness : std::uint8_t {
  pruning,  // what did not matter to the old one is free
  within,   // every number lies in the old one's range: convergence of loops
  exact,    // nothing changed: an endless loop
};

// Ids of an old state paired with those of the current one; a pair holds wherever either of them appears.
class IdMap {
 public:
  // `last_id`: ids above it are free for numbers that have none.
  void reset(std::uint32_t last_id) {
    pairs_.clear();
    temporary_ = last_id;
  }
  bool same(std::uint32_t old_id, std::uint32_t current_id);
  // Of numbers: an old one without id asks for nothing.
  bool same_scalar(std::uint32_t old_id, std::uint32_t current_id);

 private:
  struct Pair {
    std::uint32_t old_id, current_id;
  };
  std::vector<Pair> pairs_;
  std::uint32_t temporary_ = 0;
};

// A checkpoint in the list of its instruction.
struct Explored {
  State* state = nullptr;
  Explored* next = nullptr;
  std::uint32_t hits = 0, misses = 0;
  bool cleaned = false;  // dead registers and slots are gone
  bool removed = false;  // out of the list; its state waits for paths that go on from it
};

// One way into a loop: through these calls.
struct LoopKey {
  std::array<isa::Slot, max_frames> callsites{};
  std::uint32_t scc = 0;
  bool operator==(const LoopKey&) const = default;
};

struct LoopVisit {
  LoopKey key;
  State* entry = nullptr;  // the first checkpoint inside; null: not being explored
  std::vector<State*> back_edges;
};

bool same_callsites(const State& a, const State& b);

}  // namespace skep::verify
