// Does what a run has in its registers and on its stack lie inside of what the verifier believed there?
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skep/image/regions.h"
#include "skep/verify/state.h"
#include "skep/verify/verify.h"

namespace skep::oracle {

// One moment of a run.
struct Concrete {
  const std::uint64_t* registers = nullptr;  // of the running frame
  unsigned depth = 0;                        // its number
  std::array<std::uint64_t, verify::max_frames> frame_pointers{};
  // r6 to r9 of the frames below; not looked at where a helper runs between the two.
  std::array<const std::uint64_t*, verify::max_frames> saved{};
  std::uint64_t context = 0, packet_meta = 0, packet = 0, packet_end = 0;
  std::span<const image::Region> regions;  // maps' values, by name
  std::uint64_t poison = 0;                // what unreadable registers hold
};

// Frames of a State, copied.
struct Snapshot {
  std::vector<verify::Frame> frames;
};

// Empty: inside. Otherwise what lies outside: "r3 = 0x8 is not in scalar(...)".
std::string outside(const Snapshot& believed, const Concrete& now);
std::string outside(const verify::RegState& believed, std::uint64_t value, const Concrete& now);

// Keeps the states of sampled instructions.
class Recorder final : public verify::Observer {
 public:
  static constexpr std::size_t states_limit = 100;  // of one instruction; with more it is not checked
  // Forgets what it has. About `percent` of `slots` instructions are sampled, chosen by `seed`.
  void begin(std::size_t slots, unsigned percent, std::uint64_t seed);
  void on_state(isa::Slot slot, const verify::State& state) override;

  enum class Finding : std::uint8_t { unchecked, inside, outside };
  // Holds the moment against the states of the instruction; `why`: of the nearest state.
  Finding check(isa::Slot slot, const Concrete& now, std::string& why) const;

 private:
  struct Slot {
    bool sampled = false, overflown = false;
    std::vector<Snapshot> states;  // the first `count` are in use
    std::size_t count = 0;
  };
  std::vector<Slot> slots_;
};

}  // namespace skep::oracle
