#include "contain.h"

#include <fmt/format.h>

#include <cstring>

#include "case.h"

namespace skep::oracle {
namespace {

using verify::Byte;
using verify::Kind;
using verify::RegState;

std::string text(const RegState& reg) {
  return fmt::format("{}({}, off {}, {})", reg.kind == Kind::scalar ? "scalar" : "pointer",
                     static_cast<unsigned>(reg.kind), reg.off, verify::print(reg.value));
}

// The value counted from `base` is the fixed and the variable part of the pointer's offset.
bool at_offset(const RegState& reg, std::uint64_t value, std::uint64_t base) {
  return reg.value.contains(value - base - static_cast<std::uint64_t>(std::int64_t{reg.off}));
}

bool in_map(const RegState& reg, std::uint64_t value, const Concrete& now) {
  for (const image::Region& region : now.regions) {
    if (region.kind != image::RegionKind::map_value || reg.map()->name != region.name) continue;
    const std::uint64_t stride = region.stride != 0 ? region.stride : region.size;
    for (std::uint64_t at = 0; at < region.size; at += stride)
      if (at_offset(reg, value, region.base + at)) return true;
  }
  return false;
}

bool holds(const RegState& reg, std::uint64_t value, const Concrete& now) {
  if (reg.kind == Kind::not_init) return true;
  if (value == now.poison) return false;
  if (reg.kind == Kind::scalar) return reg.value.contains(value);
  if (value == 0 && reg.maybe_null()) return true;
  switch (reg.kind) {
    case Kind::context: return at_offset(reg, value, now.context);
    case Kind::stack: return at_offset(reg, value, now.frame_pointers[reg.frame]);
    case Kind::packet_meta: return at_offset(reg, value, now.packet_meta);
    case Kind::packet_end: return value == now.packet_end;
    case Kind::packet:
      if (!at_offset(reg, value, now.packet)) return false;
      // So many bytes from its variable part on were proven to be there.
      return reg.range <= 0 || static_cast<std::int64_t>(now.packet_end - value) + reg.off >= reg.range;
    case Kind::map_value: return in_map(reg, value, now);
    default: return value != 0;
  }
}

std::string stack_outside(const verify::Frame& frame, std::uint64_t fp, const Concrete& now) {
  for (std::size_t i = 0; i < frame.stack.size(); i++) {
    const verify::StackSlot& slot = frame.stack[i];
    std::uint8_t bytes[8];
    std::memcpy(bytes, reinterpret_cast<const void*>(fp - 8 * (i + 1)), sizeof bytes);
    if (slot.is_spilled()) {
      unsigned count = 0;
      while (count < 8 && slot.bytes[7 - count] == Byte::spill) count++;
      std::uint64_t value = 0;
      std::memcpy(&value, bytes, count);
      // Of a number its low bytes were stored.
      RegState stored = slot.spilled;
      if (count < 8 && stored.kind == Kind::scalar)
        stored.value = verify::zero_extend(stored.value, 8 * count);
      if (std::string why = outside(stored, value, now); !why.empty())
        return fmt::format("fp{:+} ({} bytes): {}", -8 * static_cast<int>(i + 1), count, why);
    }
    for (unsigned b = 0; b < 8; b++)
      if (slot.bytes[b] == Byte::zero && bytes[7 - b] != 0)
        return fmt::format("fp{:+}: {} is not zero", -8 * static_cast<int>(i) - 1 - static_cast<int>(b),
                           bytes[7 - b]);
  }
  return {};
}

}  // namespace

std::string outside(const RegState& believed, std::uint64_t value, const Concrete& now) {
  if (holds(believed, value, now)) return {};
  return fmt::format("{:#x} is not in {}", value, text(believed));
}

std::string outside(const Snapshot& believed, const Concrete& now) {
  if (believed.frames.size() != now.depth + 1) return "another depth of calls";
  for (unsigned depth = 0; depth <= now.depth; depth++) {
    const verify::Frame& frame = believed.frames[depth];
    const bool runs = depth == now.depth;
    // Who calls a helper that calls back keeps its registers where nobody sees them.
    const bool unseen = !runs && believed.frames[depth + 1].in_callback;
    for (unsigned reg = runs ? 0 : 6; reg < 10 && !unseen; reg++) {
      const std::uint64_t value = runs ? now.registers[reg] : now.saved[depth][reg - 6];
      if (std::string why = outside(frame.regs[reg], value, now); !why.empty())
        return fmt::format("frame {} r{}: {}", depth, reg, why);
    }
    if (std::string why = stack_outside(frame, now.frame_pointers[depth], now); !why.empty())
      return fmt::format("frame {} {}", depth, why);
  }
  return {};
}

void Recorder::begin(std::size_t slots, unsigned percent, std::uint64_t seed) {
  if (slots_.size() < slots) slots_.resize(slots);
  Random random(seed);
  for (Slot& slot : slots_) {
    slot.sampled = random.chance(percent);
    slot.overflown = false;
    slot.count = 0;
  }
}

void Recorder::on_state(isa::Slot at, const verify::State& state) {
  Slot& slot = slots_[at];
  if (!slot.sampled || slot.overflown) return;
  if (slot.count == states_limit) {
    slot.overflown = true;
    return;
  }
  if (slot.count == slot.states.size()) slot.states.emplace_back();
  std::vector<verify::Frame>& frames = slot.states[slot.count++].frames;
  frames.resize(state.depth + 1);
  for (std::uint32_t i = 0; i <= state.depth; i++) frames[i] = *state.frames[i];
}

Recorder::Finding Recorder::check(isa::Slot at, const Concrete& now, std::string& why) const {
  const Slot& slot = slots_[at];
  if (!slot.sampled || slot.overflown) return Finding::unchecked;
  why = "no path was seen to come here";
  for (std::size_t i = 0; i < slot.count; i++) {
    why = outside(slot.states[i], now);
    if (why.empty()) return Finding::inside;
  }
  return Finding::outside;
}

}  // namespace skep::oracle
