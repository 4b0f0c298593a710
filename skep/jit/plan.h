// What can be said about an Image before a machine is chosen: blocks, loops, which registers hold something
// that is read later, what calls can become, how deep calls go, how much stack each function uses.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "skep/base/result.h"
#include "skep/image/image.h"
#include "skep/image/limits.h"
#include "skep/isa/op.h"
#include "skep/isa/ops.h"

namespace skep::jit {

struct Options;
struct Handle;  // skep/jit/native.h

enum InstFlag : std::uint8_t {
  leader = 1,          // begins a block: control may come here from elsewhere than the Inst before
  loop_head = 2,       // the target of a back edge
  back_edge = 4,       // a jump to itself or further up: cancellable code polls here
  has_call = 8,        // Plan::calls has a row for this Inst
  const_divisor = 16,  // div, mod, sdiv, smod by a register whose value is known: Plan::constants
};

struct InstPlan {
  std::uint16_t live_out = 0;  // bit n: rn is read later before it is written
  std::uint8_t flags = 0;      // InstFlag
};

// What a call of a helper becomes. Everything but `helper` comes from the map's descriptor or from constant
// arguments, and only with Options::inline_helpers.
enum class CallKind : std::uint8_t {
  helper,        // target->fn(r1, r2, r3, r4, r5, ctx)
  array,         // r0 = *(u32*)r2 < max_entries ? base + (*(u32*)r2) * stride : 0
  percpu_array,  // the same, + ctx->cpu * cpu_stride
  lookup,        // r0 = map->lookup(map, r2, ctx)
  update,        // r0 = map->update(map, r2, r3, r4, ctx)
  remove,        // r0 = map->remove(map, r2, ctx)
  cpu,           // r0 = ctx->cpu
  loop,          // bpf_loop(r1, function, r3, r4): calls `function` directly, see CallPlan
};

// bpf_loop: count is the low half of r1. r4 not 0: r0 = -EINVAL. count above 1 << 23: r0 = -E2BIG. Otherwise
// function(i, r3, 0, 0, 0) for i from 0 until it returns something else than 0 or i reaches count; r0 = calls
// made.
struct CallPlan {
  std::uint32_t inst = 0;
  CallKind kind = CallKind::helper;
  // What a back end may do in place of a call of kind `helper`; calling it is right as well.
  //   each: bpf_for_each_map_elem over `map`, an array or per-CPU array, with the callback `function`:
  //         r4 not 0: r0 = -EINVAL; else function(map, &index, value, r3, 0) for each index until it returns
  //         something else than 0; r0 = calls made.
  //   tail: bpf_tail_call through `map`, whose targets are known: r3 (32 bits) >= max_entries, or
  //         RunContext::tail_calls >= image::max_tail_calls, or targets[r3] null: r0 = -EINVAL. Else
  //         tail_calls is increased and the tail call happens, with r1 as it is. `index` is r3 if that is
  //         one number.
  enum class Instead : std::uint8_t { nothing, each, tail };
  Instead instead = Instead::nothing;
  std::uint8_t arguments = 5;  // of target: how many of r1 to r5 it looks at
  bool may_fault = true;       // RunContext::fault must be looked at afterwards
  bool may_tail_call = false;  // RunContext::tail_target too
  const image::CallTarget* target = nullptr;
  image::MapDescriptor* map = nullptr;
  std::uint32_t function = 0;  // loop: index of the callback
  std::optional<std::uint32_t> index;

  // Native code outside the image is called.
  bool leaves() const {
    return instead == Instead::nothing && (kind == CallKind::helper || kind == CallKind::lookup ||
                                           kind == CallKind::update || kind == CallKind::remove);
  }
};

struct FunctionPlan {
  std::uint32_t first = 0, end = 0;     // Insts
  std::uint16_t reads = 0, writes = 0;  // registers, by any Inst of the function
  std::uint32_t stack =
      0;  // bytes below r10 that it uses, a multiple of 8; image::stack_bytes where r10 escapes
  bool frame_escapes = false;  // r10 is used otherwise than as the base of loads and stores
  bool called = false;         // native code of this image calls it (callx: any function)
  bool calls = false;          // anything at all
  bool calls_local = false;    // native frames are made below this one (also: bpf_loop that became `loop`)
  bool may_goto = false;       // needs the counter, which starts at image::max_loops
  bool may_tail_call = false;  // it, or what it calls
  bool gotox = false;
};

struct Plan {
  std::vector<InstPlan> insts;
  std::vector<FunctionPlan> functions;  // as in the image, which lists them by first Inst
  std::vector<CallPlan> calls;          // ascending inst; every call of a helper or kfunc
  struct Constant {
    std::uint32_t inst;
    std::uint64_t value;
  };
  std::vector<Constant> constants;  // ascending inst: values of src where const_divisor is set
  // True: frames must be counted in State::depth, one more than max_frames is a fault. False: the calls of
  // this image never go deeper than max_depth frames.
  bool count_depth = false;
  std::uint32_t max_depth = 1;
  std::uint64_t arena = 0;         // image::arena_base
  const Handle* handle = nullptr;  // of the Code that is being made: what State::code is while it runs

  const CallPlan* find_call(std::uint32_t inst) const;  // null if none
};

// EINVAL with the Inst if the image breaks its promises: a jump or function out of range, a function whose
// end control runs over, a call without target.
Result<Plan> make_plan(const image::Image& image, const Options& options);

// Registers that an Inst reads and writes, bit n for rn. Calls read r1 to r5 as far as `arguments` goes, and
// write r0 to r5.
struct Effect {
  std::uint16_t reads = 0, writes = 0;
};
Effect effect_of(const image::Inst& inst, const isa::Op& row, unsigned arguments = 5);

}  // namespace skep::jit
