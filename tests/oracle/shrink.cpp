// Delta debugging on instructions.
#include "shrink.h"

#include <algorithm>

#include "generator.h"

namespace skep::oracle {
namespace {

bool try_case(Case& best, Case candidate, Question& question) {
  if (!question.still(candidate)) return false;
  best = std::move(candidate);
  return true;
}

bool drop_programs(Case& best, Question& question) {
  bool changed = false;
  while (best.programs.size() > 1) {
    Case smaller = best;
    smaller.programs.pop_back();
    if (!try_case(best, smaller, question)) break;
    changed = true;
  }
  return changed;
}

bool drop_instructions(Case& best, std::size_t program, Question& question) {
  bool changed = false;
  for (std::size_t count = std::max<std::size_t>(1, best.programs[program].size() / 2); count > 0; count /= 2)
    for (std::size_t at = 0; at + count < best.programs[program].size();) {
      Labelled labelled = label(best.programs[program]);
      Case smaller = best;
      bool fits = drop(labelled, at, count) && unlabel(labelled, smaller.programs[program]);
      if (fits && try_case(best, smaller, question))
        changed = true;
      else
        at += std::max<std::size_t>(1, count / 2);
    }
  return changed;
}

// A jump that always goes, or one that never does, in place of a condition.
bool simplify_jumps(Case& best, std::size_t program, Question& question) {
  bool changed = false;
  for (std::size_t at = 0; at < best.programs[program].size(); at++) {
    const isa::Decoded d = best.programs[program][at];
    if (d.row().action != isa::Class::jump_if) continue;
    Case smaller = best;
    isa::Decoded& now = smaller.programs[program][at];
    now = isa::Decoded{};
    now.op = isa::op("ja");
    now.off = d.off;
    changed |= try_case(best, smaller, question);
  }
  return changed;
}

bool simplify_numbers(Case& best, std::size_t program, Question& question) {
  bool changed = false;
  for (std::size_t at = 0; at < best.programs[program].size(); at++) {
    const isa::Decoded d = best.programs[program][at];
    const isa::Op& op = d.row();
    if (isa::jumps(op) && isa::jumps_by_imm(op)) continue;
    if (op.action == isa::Class::call) continue;
    if (op.action == isa::Class::load_imm64 && op.operation != isa::Operation::imm64) continue;
    if (!op.has(isa::uses_imm) || d.imm == 0 || d.imm == 1) continue;
    for (std::int64_t simple :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, d.imm / 2, d.imm / 16, d.imm & 0xff}) {
      if (simple == d.imm || (op.slots == 1 && simple != static_cast<std::int32_t>(simple))) continue;
      Case smaller = best;
      smaller.programs[program][at].imm = simple;
      if (try_case(best, smaller, question)) {
        changed = true;
        break;
      }
    }
  }
  return changed;
}

bool simplify_packet(Case& best, Question& question) {
  bool changed = false;
  Case smaller = best;
  for (std::size_t i = 14; i < smaller.packet.size(); i++) smaller.packet[i] = 0;
  if (smaller.packet != best.packet) changed |= try_case(best, smaller, question);
  if (best.packet.size() > 64) {
    smaller = best;
    smaller.packet.resize(64);
    changed |= try_case(best, smaller, question);
  }
  return changed;
}

}  // namespace

Case shrink(const Case& c, Question& question) {
  Case best = c;
  for (unsigned round = 0; round < 6; round++) {
    bool changed = drop_programs(best, question);
    for (std::size_t program = 0; program < best.programs.size(); program++) {
      changed |= drop_instructions(best, program, question);
      changed |= simplify_jumps(best, program, question);
      changed |= simplify_numbers(best, program, question);
    }
    changed |= simplify_packet(best, question);
    if (!changed) break;
  }
  return best;
}

}  // namespace skep::oracle
