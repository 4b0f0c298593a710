// image::Image: the only thing that engines execute. Instructions are resolved (maps, helpers, functions,
// jump targets), and every one knows the slot and source line that it came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skep/image/run.h"
#include "skep/isa/insn.h"
#include "skep/uapi/helpers.h"
#include "skep/uapi/numbers.h"

namespace skep::image {

// A helper or kfunc.
using HelperFn = std::uint64_t (*)(std::uint64_t r1, std::uint64_t r2, std::uint64_t r3, std::uint64_t r4,
                                   std::uint64_t r5, RunContext* ctx);

struct CallTarget {
  HelperFn fn = nullptr;
  const uapi::Helper* helper = nullptr;  // the table row that argument checks follow; null for a kfunc
  std::string name;
  std::uint32_t number = 0;  // a register with this number calls it through callx; 0: none does
};

// A resolved instruction. lddw is one instruction here.
struct Inst {
  std::uint16_t op = 0;  // row of isa::ops()
  std::uint8_t dst = 0, src = 0;
  // Memory: offset in bytes. Jumps: distance in Insts from the next one, in 32 bits. Otherwise the
  // discriminator's value.
  std::int32_t off = 0;
  // The immediate, sign-extended; lddw: the 64-bit value (an address where it loads a map, value or
  // function); call helper/kfunc: address of a CallTarget; call local: index of the Function.
  // gotox and callx take a register: the address of an Inst of this image (what a program reads from an
  // insn_array map) and a FunctionValue.
  std::uint64_t imm = 0;
};
static_assert(sizeof(Inst) == 16);

struct Function {
  std::string name;
  std::uint32_t first = 0, count = 0;  // Insts
};

struct Line {
  isa::Slot slot = 0;  // first slot of the line
  std::uint32_t line = 0, column = 0;
  std::string file, text;
};

// Who makes an Image owes the engines: insts come from slots that isa::validate() accepted; jumps land inside
// of insts; no function's last Inst can run over its end; `functions` and `calls` stay where they are.
struct Image {
  std::string name;
  uapi::ProgType type = uapi::ProgType::unspec;
  uapi::AttachType attach_type{};
  bool gpl = false;

  std::vector<Inst> insts;
  std::vector<isa::Slot> slot_of;      // Inst -> slot
  std::vector<std::uint32_t> inst_of;  // slot -> Inst; no_inst in the second half of lddw
  std::vector<Function>
      functions;  // [0] is the program itself; a FunctionValue is the address of one of these
  std::vector<MapDescriptor*> maps;  // every map that the program names
  std::vector<std::unique_ptr<CallTarget>> calls;
  std::vector<Line> lines;  // sorted by slot

  // Insts that gotox may go to, ascending; empty: any of its function. (What the insn_array maps hold.)
  std::vector<std::uint32_t> indirect_targets;

  bool verified = false;  // carries an accepting verdict
  bool trusted = false;   // marked by tests and benchmarks: may run without one

  // Where native runs go on when a tail call leads here: jit::Code::handle(), set and cleared by the owner of
  // that Code. Null: not compiled.
  const void* native = nullptr;

  static constexpr std::uint32_t no_inst = ~std::uint32_t{0};

  // The source line that `slot` belongs to; null without line information.
  const Line* find_line(isa::Slot slot) const {
    const Line* found = nullptr;
    for (const Line& l : lines) {
      if (l.slot > slot) break;
      found = &l;
    }
    return found;
  }
};

}  // namespace skep::image
