// Jumps by instruction instead of by distance.
#include "generator.h"

namespace skep::oracle {
namespace {

bool names_code(const isa::Decoded& d) {
  const isa::Op& row = d.row();
  return isa::jumps(row) || row.operation == isa::Operation::call_local ||
         row.operation == isa::Operation::function;
}

std::vector<std::int64_t> first_slots(const Code& code) {
  std::vector<std::int64_t> slots;
  std::int64_t slot = 0;
  for (const isa::Decoded& d : code) {
    slots.push_back(slot);
    slot += d.slots;
  }
  slots.push_back(slot);
  return slots;
}

}  // namespace

Labelled label(const Code& code) {
  Labelled out{code, std::vector<int>(code.size(), -1)};
  std::vector<std::int64_t> slots = first_slots(code);
  for (std::size_t i = 0; i < code.size(); i++) {
    if (!names_code(code[i])) continue;
    // A function's address counts from the slot behind the first half of its lddw.
    std::int64_t to = isa::jumps(code[i].row()) ? slots[i] + code[i].slots + code[i].distance()
                                                : slots[i] + 1 + code[i].imm_low();
    for (std::size_t j = 0; j < code.size(); j++)
      if (slots[j] == to) out.target[i] = static_cast<int>(j);
  }
  return out;
}

bool unlabel(const Labelled& labelled, Code& code) {
  code = labelled.code;
  std::vector<std::int64_t> slots = first_slots(code);
  for (std::size_t i = 0; i < code.size(); i++) {
    if (!names_code(code[i])) continue;
    int target = labelled.target[i];
    if (target < 0 || static_cast<std::size_t>(target) >= code.size()) return false;
    std::int64_t to = slots[static_cast<std::size_t>(target)];
    if (!isa::jumps(code[i].row())) {
      code[i].imm = to - slots[i] - 1;
      if (code[i].slots == 2) code[i].imm &= 0xffff'ffff;
    } else if (isa::jumps_by_imm(code[i].row())) {
      code[i].imm = to - slots[i] - 1;
    } else {
      std::int64_t distance = to - slots[i] - 1;
      if (distance != static_cast<std::int16_t>(distance)) return false;
      code[i].off = static_cast<std::int16_t>(distance);
    }
  }
  return true;
}

bool drop(Labelled& labelled, std::size_t first, std::size_t count) {
  if (first + count >= labelled.code.size()) return false;
  auto at = static_cast<std::ptrdiff_t>(first), size = static_cast<std::ptrdiff_t>(count);
  labelled.code.erase(labelled.code.begin() + at, labelled.code.begin() + at + size);
  labelled.target.erase(labelled.target.begin() + at, labelled.target.begin() + at + size);
  for (int& target : labelled.target) {
    if (target < 0 || static_cast<std::size_t>(target) < first) continue;
    target = static_cast<std::size_t>(target) < first + count ? static_cast<int>(first)
                                                              : target - static_cast<int>(count);
  }
  return true;
}

}  // namespace skep::oracle
