// Images for tests and benchmarks: instruction slots lowered as the runtime does it, with maps and helpers
// that the test gives.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "skep/base/check.h"
#include "skep/image/image.h"
#include "skep/isa/decode.h"

namespace skep::vm::testing {

// One instruction by the name of its row.
inline isa::Decoded make(std::string_view name, unsigned dst = 0, unsigned src = 0, int off = 0,
                         std::int64_t imm = 0) {
  isa::Decoded decoded;
  const isa::Op* row = isa::find_op(name);
  check(row != nullptr, "the row exists");
  decoded.op = static_cast<isa::OpId>(row - isa::ops().data());
  decoded.slots = row->slots;
  decoded.dst = static_cast<std::uint8_t>(dst);
  decoded.src = static_cast<std::uint8_t>(src);
  decoded.off = static_cast<std::int16_t>(off);
  decoded.imm = imm;
  return decoded;
}

using Program = std::vector<isa::Decoded>;

struct Environment {
  // By the imm of `call`; kfuncs by their imm as well.
  std::map<std::uint32_t, image::CallTarget> helpers;
  // By the imm of lddw_map_fd and lddw_map_value.
  std::map<std::uint32_t, image::MapDescriptor*> maps;
};

// Resolves what stands in `program`. Jumps count slots, as in the encoding.
inline std::unique_ptr<image::Image> lower(const Program& program, const Environment& environment = {}) {
  auto image = std::make_unique<image::Image>();
  image->name = "test";
  std::vector<isa::Slot> slots;
  for (const isa::Decoded& decoded : program) {
    image->slot_of.push_back(static_cast<isa::Slot>(image->inst_of.size()));
    image->inst_of.push_back(static_cast<std::uint32_t>(image->slot_of.size() - 1));
    if (decoded.slots == 2) image->inst_of.push_back(image::Image::no_inst);
  }
  // Functions first: their addresses are values of instructions.
  std::map<std::int64_t, std::uint32_t> function_at{{0, 0}};
  auto target_of = [&](std::size_t at, std::int64_t distance) {
    return static_cast<std::int64_t>(image->slot_of[at]) + program[at].slots + distance;
  };
  for (std::size_t i = 0; i < program.size(); i++) {
    isa::Operation operation = program[i].row().operation;
    std::int64_t distance = program[i].imm_low();
    if (operation == isa::Operation::call_local)
      function_at.emplace(target_of(i, distance), 0);
    else if (operation == isa::Operation::function)
      function_at.emplace(image->slot_of[i] + 1 + distance, 0);
  }
  for (auto& [slot, index] : function_at) {
    index = static_cast<std::uint32_t>(image->functions.size());
    image->functions.push_back(
        {"f" + std::to_string(index), image->inst_of[static_cast<std::size_t>(slot)], 0});
  }
  std::map<std::uint32_t, const image::CallTarget*> targets;
  for (const auto& [number, target] : environment.helpers) {
    image->calls.push_back(std::make_unique<image::CallTarget>(target));
    targets[number] = image->calls.back().get();
  }
  for (const auto& [number, map] : environment.maps) image->maps.push_back(map);

  for (std::size_t i = 0; i < program.size(); i++) {
    const isa::Decoded& decoded = program[i];
    const isa::Op& row = decoded.row();
    image::Inst inst{decoded.op, decoded.dst, decoded.src, decoded.off,
                     static_cast<std::uint64_t>(decoded.imm)};
    auto number = static_cast<std::uint32_t>(decoded.imm);
    if (isa::jumps(row)) {
      auto to = static_cast<std::size_t>(target_of(i, decoded.distance()));
      inst.off = static_cast<std::int32_t>(image->inst_of.at(to)) - static_cast<std::int32_t>(i) - 1;
    }
    switch (row.operation) {
      case isa::Operation::call_local: inst.imm = function_at.at(target_of(i, decoded.imm)); break;
      case isa::Operation::function:
        inst.imm = reinterpret_cast<std::uint64_t>(
            &image->functions[function_at.at(image->slot_of[i] + 1 + decoded.imm_low())]);
        break;
      case isa::Operation::call_helper:
      case isa::Operation::call_kfunc: inst.imm = reinterpret_cast<std::uint64_t>(targets.at(number)); break;
      case isa::Operation::map_fd:
        inst.imm = reinterpret_cast<std::uint64_t>(environment.maps.at(number));
        break;
      case isa::Operation::map_value:
        inst.imm = reinterpret_cast<std::uint64_t>(environment.maps.at(number)->base) +
                   static_cast<std::uint32_t>(decoded.imm_high());
        break;
      default: break;
    }
    image->insts.push_back(inst);
  }
  return image;
}

}  // namespace skep::vm::testing
