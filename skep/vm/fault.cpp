// The text of a fault.
#include "skep/vm/fault.h"

#include <fmt/format.h>

#include "skep/isa/print.h"
#include "skep/vm/state.h"

namespace skep::vm {
namespace {

// The instruction as it was before it was resolved, as far as that can be told: distances in slots again,
// helpers by number.
isa::Decoded unresolve(const image::Image& image, std::uint32_t at) {
  const image::Inst& inst = image.insts[at];
  isa::Decoded decoded;
  decoded.op = inst.op;
  const isa::Op& row = isa::row(inst.op);
  decoded.slots = row.slots;
  decoded.dst = inst.dst;
  decoded.src = inst.src;
  decoded.off = row.has(isa::uses_off) ? static_cast<std::int16_t>(inst.off) : std::int16_t{0};
  decoded.imm = static_cast<std::int64_t>(inst.imm);
  auto slot_at = [&](std::int64_t index) -> std::int64_t {
    auto i = static_cast<std::size_t>(index);
    return index >= 0 && i < image.slot_of.size() ? image.slot_of[i] : index;
  };
  std::int64_t next = slot_at(at) + row.slots;
  if (isa::jumps(row)) {
    std::int64_t distance = slot_at(std::int64_t{at} + 1 + inst.off) - next;
    if (isa::jumps_by_imm(row))
      decoded.imm = distance;
    else
      decoded.off = static_cast<std::int16_t>(distance);
  } else if (row.operation == isa::Operation::call_local) {
    if (inst.imm < image.functions.size()) decoded.imm = slot_at(image.functions[inst.imm].first) - next;
  } else if (row.operation == isa::Operation::call_helper || row.operation == isa::Operation::call_kfunc) {
    const auto* target = reinterpret_cast<const image::CallTarget*>(inst.imm);
    decoded.imm = target->helper ? target->helper->id : target->number;
  }
  return decoded;
}

// The instruction's text. Calls and maps by their names, which say more than numbers and addresses do.
std::string print_insn(const image::Image& image, std::uint32_t at) {
  const image::Inst& inst = image.insts[at];
  const isa::Op& row = isa::row(inst.op);
  if (row.operation == isa::Operation::call_helper || row.operation == isa::Operation::call_kfunc)
    return fmt::format("call {}", reinterpret_cast<const image::CallTarget*>(inst.imm)->name);
  if (row.action == isa::Class::load_imm64)
    for (const image::MapDescriptor* map : image.maps)
      if (inst.imm == reinterpret_cast<std::uint64_t>(map))
        return fmt::format("r{} = map '{}' ll", inst.dst, map->name);
  return isa::print(unresolve(image, at));
}

}  // namespace

std::string Fault::message() const {
  if (kind == FaultKind::none) return "no fault";
  std::string text = fmt::format("insn {}", slot);
  if (!insn.empty()) text += fmt::format(" '{}'", insn);
  if (image)
    if (const image::Line* line = image->find_line(slot); line && !line->file.empty())
      text += fmt::format(" ({}:{})", line->file, line->line);
  return text + ": " + detail;
}

void fail(State& state, Place place, FaultKind kind, std::string detail) {
  if (state.failed) return;
  state.failed = true;
  Fault& fault = state.fault;
  fault = {};
  fault.kind = kind;
  fault.image = place.image;
  fault.inst = place.inst;
  fault.slot = place.inst < place.image->slot_of.size() ? place.image->slot_of[place.inst] : place.inst;
  if (place.inst < place.image->insts.size()) fault.insn = print_insn(*place.image, place.inst);
  fault.detail = std::move(detail);
}

void fail_misaligned(State& state, const image::RunContext& ctx, Place place, std::uint64_t address,
                     std::uint32_t count) {
  fail(state, place, FaultKind::memory,
       fmt::format("atomic access to {} bytes at {} is not aligned", count,
                   describe(state, ctx, address, count)));
  state.fault.address = address;
  state.fault.size = count;
}

void fail_register(State& state, Place place, unsigned reg) {
  fail(state, place, FaultKind::unreadable, fmt::format("r{} holds no value", reg));
}

void fail_target(State& state, Place place, std::string_view what, std::uint64_t value,
                 std::string_view must_be) {
  fail(state, place, FaultKind::call, fmt::format("{} is {:#x}, must be {}", what, value, must_be));
  state.fault.address = value;
}

void fail_depth(State& state, Place place) {
  fail(state, place, FaultKind::call, fmt::format("more than {} frames", max_frames));
}

void fail_budget(State& state, Place place) {
  fail(state, place, FaultKind::budget,
       fmt::format("{} instructions executed, which is the budget of a run", state.first_budget));
}

}  // namespace skep::vm
