// Spectre rules, for programs without CAP_PERFMON: what a mispredicting CPU would do is explored too, and
// pointer arithmetic must be of a form that the kernel can mask.
//
// Source: the behaviour described in Documentation/admin-guide/hw-vuln/spectre.rst and the kernel's
// rejections.
#include <cstdlib>

#include "skep/verify/checker.h"

namespace skep::verify {

using isa::Operation;
using isa::Source;

namespace {

constexpr const char* prohibited = "pointer arithmetic with it prohibited for !root";

// How the kernel would mask an addition; paths must agree on it. 0: not seen yet.
constexpr std::uint8_t plain_number = 1, sanitize_src = 2, sanitize_dst = 4, negative = 8, immediate = 16;

}  // namespace

// The branch not taken, of which the CPU believes that it is: it knows nothing of the operands.
bool Checker::push_mispredicted(const Code& insn, isa::Slot target) {
  State* branch = push_branch(target, at_, true);
  if (branch == nullptr) return false;
  mark_unknown(branch->reg(insn.dst));
  if (insn.row().source == Source::reg) mark_unknown(branch->reg(insn.src));
  return true;
}

bool Checker::agree_on_masking(const Code& insn, std::uint8_t how, std::uint32_t limit) {
  Masking& memo = masking_[at_];
  if (memo.how != 0 && (memo.how != how || memo.limit != limit))
    return fail(EACCES, "R{} tried to {} from different maps, paths or scalars, {}", insn.dst,
                insn.row().operation == Operation::add ? "add" : "sub", prohibited);
  memo = {how, limit};
  return true;
}

bool Checker::sanitize_scalar_alu(const Code& insn) {
  const Operation operation = insn.row().operation;
  if (bypass_spec_v1() || insn.row().source != Source::reg ||
      (operation != Operation::add && operation != Operation::sub))
    return true;
  return agree_on_masking(insn, plain_number, 0);
}

// How far the pointer may go in the direction of the offset; the masking window.
bool Checker::masking_limit(const Code& insn, const RegState& pointer, bool to_left, std::uint32_t& limit) {
  std::uint32_t most = 0;
  switch (pointer.kind) {
    case Kind::stack:
      most = stack_bytes + (to_left ? 1 : 0);
      limit =
          static_cast<std::uint32_t>(-(static_cast<std::int64_t>(pointer.value.bits.value) + pointer.off));
      break;
    case Kind::map_value:
      most = pointer.map()->value_size;
      limit = static_cast<std::uint32_t>(
          (to_left ? pointer.value.full.smin : static_cast<std::int64_t>(pointer.value.full.umax)) +
          pointer.off);
      break;
    default: return fail(EACCES, "R{} has pointer with unsupported alu operation, {}", insn.dst, prohibited);
  }
  if (limit < most) return true;
  return fail(EACCES, "R{} tried to {} beyond pointer bounds, {}", insn.dst,
              insn.row().operation == Operation::add ? "add" : "sub", prohibited);
}

// Before the operation: the direction and the window; and what happens if the offset is masked to 0.
bool Checker::sanitize_pointer_alu(const Code& insn, const RegState& pointer, const RegState& offset,
                                   bool pointer_is_dst, MaskWindow& window) {
  const isa::Op& row = insn.row();
  window = {};
  if (bypass_spec_v1() || row.source != Source::reg ||
      (row.operation != Operation::add && row.operation != Operation::sub))
    return true;
  const bool constant = offset.value.is_const();
  if (!state_->speculative) {
    const Range<64>& range = offset.value.full;
    const bool is_negative = range.smin < 0;
    if (!constant && is_negative != (range.smax < 0))
      return fail(EACCES, "R{} has unknown scalar with mixed signed bounds, {}", insn.src, prohibited);
    window.to_left = row.operation == Operation::add ? is_negative : !is_negative;
    if (!masking_limit(insn, pointer, window.to_left, window.limit)) return false;
    window.how = static_cast<std::uint8_t>((is_negative ? negative : 0) | (constant ? immediate : 0) |
                                           (pointer_is_dst ? sanitize_src : sanitize_dst));
    window.active = true;
    if (!constant) masks_differ_ = true;
  }
  if (constant) return true;
  State* branch = push_branch(at_ + 1, at_, true);
  if (branch == nullptr) return false;
  branch->reg(insn.dst) = pointer;
  return true;
}

// After it: the window narrows to how far the pointer really moved.
bool Checker::commit_masking(const Code& insn, const MaskWindow& window) {
  if (!window.active) return true;
  std::uint32_t limit = 0;
  if (!masking_limit(insn, reg(insn.dst), window.to_left, limit)) return false;
  const auto moved = static_cast<std::int32_t>(window.limit - limit);
  return agree_on_masking(insn, window.how, static_cast<std::uint32_t>(std::abs(moved)));
}

// A speculative path that fails ends with a barrier since 6.17; before, it refused the program.
bool Checker::stops_speculation() {
  if (state_ == nullptr || !state_->speculative || !model_.at_least(6, 17)) return false;
  if (verdict_.unsupported || at_ >= code_.size()) return false;
  if (verdict_.code != EPERM && verdict_.code != EACCES && verdict_.code != EINVAL) return false;
  verdict_.code = 0;
  verdict_.reason.clear();
  barrier_[at_] = true;
  return true;
}

}  // namespace skep::verify
