// The Machine's life, and what single instructions need from outside the loop.
#include "skep/vm/machine.h"

#include <algorithm>
#include <limits>

#include "skep/base/check.h"
#include "skep/isa/ops.h"
#include "skep/vm/state.h"

namespace skep::vm {

Machine::Machine() : state_(std::make_unique<State>()) {}
Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;

const Fault& Machine::fault() const { return state_->fault; }

void begin_run(State& state, const image::Image& image, image::RunContext& ctx) {
  check(!state.running, "one Machine runs one program at a time");
  check(!image.functions.empty() && !image.insts.empty(), "an Image has a program");
  state.running = true;
  state.failed = false;
  state.depth = 0;
  state.call_site = 0;
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  state.first_budget = state.budget = ctx.budget == 0 ? most : std::min(ctx.budget, most);
  if (state.inner_next) {
    std::fill(std::begin(state.inner), std::end(state.inner), nullptr);
    state.inner_next = 0;
  }
  ctx.image = &image;
  ctx.tail_target = nullptr;
  ctx.fault = nullptr;
}

void end_run(State& state, image::RunContext& ctx) {
  if (ctx.budget != 0) ctx.budget = state.failed ? 0 : state.budget;
  ctx.engine = nullptr;
  ctx.call_function = nullptr;
  state.running = false;
}

std::uint64_t address_by_fact(const image::Image& image, const image::RunContext& ctx,
                              const image::Inst& inst, std::uint64_t base, unsigned bytes,
                              std::uint64_t* nothing) {
  const auto off = static_cast<std::uint64_t>(std::int64_t{inst.off});
  std::uint64_t at = base + off;
  if (image::access_of(inst, isa::row(inst.op).action) == image::Access::arena)
    at = (image::arena_base(image) | (base & 0xffff'ffff)) + off;
  std::uint64_t seen;
  if (ctx.copy_guarded && !ctx.copy_guarded(&seen, reinterpret_cast<const void*>(at), bytes))
    return reinterpret_cast<std::uint64_t>(nothing);
  return at;
}

bool cast_address(const image::Image& image, std::uint64_t imm, std::uint64_t value, std::uint64_t* result) {
  constexpr std::uint64_t to_kernel = 1, to_user = 1 << 16;
  if (imm != to_kernel && imm != to_user) return false;
  for (const image::MapDescriptor* map : image.maps)
    if (map->type == uapi::MapType::arena && map->base) {
      std::uint64_t low = value & 0xffff'ffffU;
      std::uint64_t upper = reinterpret_cast<std::uint64_t>(map->base) & ~std::uint64_t{0xffff'ffffU};
      *result = low == 0 ? 0 : upper | low;
      return true;
    }
  return false;
}

}  // namespace skep::vm
