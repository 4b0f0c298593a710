// The checked memory model: which bytes a run may touch, and how to say what a wrong access missed. Memory is
// looked for in this order: the stack frames in use, the context, RunContext::regions (newest first).
#include <fmt/format.h>

#include "skep/uapi/contexts.h"
#include "skep/vm/state.h"

namespace skep::vm {
namespace {

using image::Region;
using image::RegionKind;
using image::RunContext;

// The stacks of the frames in use as one region of cells.
Region stack_region(const State& state) {
  Region stack;
  stack.base = state.frame_pointer(state.depth) - stack_bytes;
  stack.size = (state.depth + 1) * std::uint64_t{stack_stride};
  stack.stride = stack_stride;
  stack.cell = stack_bytes;
  stack.kind = RegionKind::stack;
  stack.writable = true;
  stack.name = "stack";
  return stack;
}

Region context_region(const RunContext& ctx) {
  Region context;
  context.base = reinterpret_cast<std::uint64_t>(ctx.context);
  context.size = ctx.context ? ctx.context_size : 0;
  context.kind = RegionKind::context;
  context.writable = true;
  context.name = "context";
  return context;
}

Extent extent_in(const Region& region, std::uint64_t address) {
  Extent extent;
  extent.kind = region.kind;
  extent.writable = region.writable;
  std::uint64_t at = address - region.base;
  if (at >= region.size) return extent;
  extent.before = at;
  extent.left = region.size - at;
  if (region.stride) {
    extent.before = at % region.stride;
    extent.left = extent.before < region.cell ? region.cell - extent.before : 0;
  }
  return extent;
}

enum class Verdict : std::uint8_t { allowed, outside, read_only, no_field };

// Whether the context of this program type has a layout whose members say what may be touched. The others
// (arguments of a function, a syscall program's own buffer) are plain memory.
bool has_layout(const image::Image& image) {
  const uapi::Context* context = uapi::context_of(image.type);
  return context && context->size != 0;
}

// `member`: the access is a load or store, which may touch members of the context; a helper's buffer may not
// lie there.
Verdict judge(const Extent& extent, const image::Image& image, std::uint64_t count, bool write, bool member) {
  if (count > extent.left) return Verdict::outside;
  if (extent.kind == RegionKind::context && has_layout(image)) {
    if (!member) return Verdict::no_field;
    auto offset = static_cast<std::int64_t>(extent.before);
    auto bytes = static_cast<std::uint32_t>(count);
    if (uapi::check_context_access(image.type, image.attach_type, offset, bytes, write))
      return Verdict::allowed;
    bool readable =
        write && uapi::check_context_access(image.type, image.attach_type, offset, bytes, false).allowed;
    return readable ? Verdict::read_only : Verdict::no_field;
  }
  if (write && !extent.writable) return Verdict::read_only;
  return Verdict::allowed;
}

// All that a context's verdict depends on, in one number; never 0.
std::uint64_t context_key(const image::Image& image, std::uint64_t offset, std::uint32_t count, bool write) {
  return (offset & 0xffff'ffffU) << 32 | (static_cast<std::uint64_t>(image.attach_type) & 0xff) << 16 |
         (static_cast<std::uint64_t>(image.type) & 0xff) << 8 | (count & 0x7f) << 1 | (write ? 1U : 0U);
}

// How far the address lies from a region: 0 inside.
std::uint64_t distance(const Region& region, std::uint64_t address) {
  if (address < region.base) return region.base - address;
  std::uint64_t at = address - region.base;
  return at < region.size ? 0 : at - region.size + 1;
}

// "packet end + 4"; without a distance of 0.
std::string offset_from(std::string_view what, char sign, std::uint64_t distance) {
  return distance == 0 ? std::string(what) : fmt::format("{} {} {}", what, sign, distance);
}

std::string place_in_cells(const Region& region, std::string_view what, std::uint64_t at,
                           std::uint64_t count) {
  std::uint64_t cell = at / region.stride, byte = at % region.stride;
  if (byte >= region.cell)
    return offset_from(fmt::format("the end of value {} of {}", cell, what), '+', byte - region.cell);
  if (count > region.cell - byte)
    return fmt::format("byte {} of value {} of {}, crossing its {}-byte cell", byte, cell, what, region.cell);
  return fmt::format("byte {} of value {} of {}", byte, cell, what);
}

// "packet end + 4", "packet start - 2", "packet end - 1" for what begins inside and leaves.
std::string place_by_ends(const Region& region, std::string_view what, std::uint64_t address,
                          std::uint64_t count) {
  if (address < region.base) return offset_from(fmt::format("{} start", what), '-', region.base - address);
  std::uint64_t end = region.base + region.size;
  if (address >= end) return offset_from(fmt::format("{} end", what), '+', address - end);
  if (count > end - address) return offset_from(fmt::format("{} end", what), '-', end - address);
  return offset_from(what, '+', address - region.base);
}

std::string place_in_sized(const Region& region, std::string_view what, std::uint64_t address,
                           std::uint64_t count) {
  if (address < region.base) return offset_from(what, '-', region.base - address);
  std::uint64_t at = address - region.base;
  std::string place = offset_from(what, '+', at);
  if (at >= region.size || count > region.size - at)
    place += fmt::format(", which has {} bytes", region.size);
  return place;
}

std::string place_on_stack(const State& state, std::uint64_t address, std::uint64_t count) {
  // Told from the frame whose r10 is nearest above, at most a gap away.
  for (unsigned frame = state.depth + 1; frame-- > 0;) {
    std::uint64_t fp = state.frame_pointer(frame);
    bool own = frame == state.depth;
    std::string_view base = own ? "r10" : "the caller's r10";
    if (address >= fp && (address - fp < stack_gap || frame == 0))
      return offset_from(base, '+', address - fp) + ", above the stack";
    if (address < fp && (address >= fp - stack_bytes || own)) {
      std::string place = offset_from(base, '-', fp - address);
      if (address < fp - stack_bytes)
        place += fmt::format(", below the {} bytes of stack", stack_bytes);
      else if (count > fp - address)
        place += ", crossing the end of the stack";
      return place;
    }
  }
  return "the stack of another frame";
}

constexpr std::uint64_t near_bytes = 4096;

}  // namespace

Extent find_extent(const State& state, const RunContext& ctx, std::uint64_t address) {
  Region stack = stack_region(state);
  if (address - stack.base < stack.size) return extent_in(stack, address);
  Region context = context_region(ctx);
  if (address - context.base < context.size) return extent_in(context, address);
  if (!ctx.regions) return {};
  const auto& all = ctx.regions->all();
  for (std::size_t i = all.size(); i-- > 0;)
    if (address - all[i].base < all[i].size) {
      Extent extent = extent_in(all[i], address);
      extent.index = static_cast<std::int32_t>(i);
      return extent;
    }
  return {};
}

bool may_access(const State& state, const RunContext& ctx, const image::Image& image, std::uint64_t address,
                std::uint64_t count, bool write) {
  if (count == 0) return true;
  return judge(find_extent(state, ctx, address), image, count, write, false) == Verdict::allowed;
}

bool find_access(State& state, const RunContext& ctx, Place place, std::uint64_t address, std::uint32_t count,
                 bool write) {
  Extent extent = find_extent(state, ctx, address);
  if (extent.kind == RegionKind::context) {
    std::uint64_t& known = state.context_hints[place.inst % State::context_hint_slots];
    const std::uint64_t key = context_key(*place.image, extent.before, count, write);
    if (known == key && count <= extent.left) return true;
    if (judge(extent, *place.image, count, write, true) != Verdict::allowed) return false;
    known = key;
    return true;
  }
  if (judge(extent, *place.image, count, write, true) != Verdict::allowed) return false;
  if (extent.index >= 0)
    state.hints[place.inst % State::hint_slots] = static_cast<std::uint16_t>(extent.index);
  return true;
}

std::string describe(const State& state, const RunContext& ctx, std::uint64_t address, std::uint64_t count) {
  if (address == 0) return "null pointer";
  if (address < near_bytes) return offset_from("null pointer", '+', address);
  if (address == poison) return "a register that holds no value";

  Region nearest = stack_region(state);
  std::uint64_t best = distance(nearest, address);
  auto consider = [&](const Region& region) {
    if (region.size == 0 || best == 0) return;
    std::uint64_t far = distance(region, address);
    if (far < best) {
      best = far;
      nearest = region;
    }
  };
  consider(context_region(ctx));
  if (ctx.regions)
    for (const Region& region : ctx.regions->all()) consider(region);
  if (best > near_bytes) return fmt::format("{:#x}, which is no memory of this program", address);

  switch (nearest.kind) {
    case RegionKind::stack: return place_on_stack(state, address, count);
    case RegionKind::context: return place_in_sized(nearest, "context", address, count);
    case RegionKind::packet: return place_by_ends(nearest, "packet", address, count);
    case RegionKind::ringbuf_record: return place_in_sized(nearest, "ring buffer record", address, count);
    case RegionKind::map_value:
    case RegionKind::memory: {
      std::string what = nearest.kind == RegionKind::map_value ? fmt::format("map '{}'", nearest.name)
                                                               : std::string(nearest.name);
      if (what.empty()) what = "memory";
      if (nearest.stride && best == 0) return place_in_cells(nearest, what, address - nearest.base, count);
      return place_by_ends(nearest, what, address, count);
    }
  }
  return {};
}

// Why a context refuses an access: what it has there.
static std::string context_problem(const image::Image& image, std::uint64_t offset, bool write,
                                   bool read_only) {
  const uapi::Context* context = uapi::context_of(image.type);
  const uapi::ContextField* field = uapi::find_field(*context, static_cast<std::uint32_t>(offset));
  if (!field) return fmt::format("{} has no member there", context->name);
  if (read_only)
    return fmt::format("{}.{} is read-only for this type of program", context->name, field->name);
  std::string_view use = write ? "written" : "read";
  std::uint64_t types = write ? field->writable : field->readable;
  if (!(types >> static_cast<unsigned>(image.type) & 1))
    return fmt::format("{}.{} is not {} by this type of program", context->name, field->name, use);
  const uapi::Widths widths = write ? field->store : field->load;
  if (widths.min == widths.max)
    return fmt::format("{}.{} is {} whole, {} bytes", context->name, field->name, use, widths.max);
  return fmt::format("{}.{} is {} in aligned pieces of {} to {} bytes", context->name, field->name, use,
                     widths.min, widths.max);
}

void fail_access(State& state, const RunContext& ctx, Place place, std::uint64_t address, std::uint32_t count,
                 bool write) {
  Extent extent = find_extent(state, ctx, address);
  Verdict verdict = judge(extent, *place.image, count, write, true);
  bool read_only = verdict == Verdict::read_only;
  std::string why;
  if (extent.kind == RegionKind::context && (read_only || verdict == Verdict::no_field))
    why = "; " + context_problem(*place.image, extent.before, write, read_only);
  else if (read_only)
    why = ", which is read-only";
  std::string detail = fmt::format("{} of {} byte{} at {}{}", write ? "store" : "load", count,
                                   count == 1 ? "" : "s", describe(state, ctx, address, count), why);
  fail(state, place, read_only ? FaultKind::read_only : FaultKind::memory, std::move(detail));
  state.fault.address = address;
  state.fault.size = count;
  state.fault.write = write;
}

}  // namespace skep::vm
