// vm::Machine: the reference interpreter. It runs every instruction of isa's table. Images with an accepting
// verdict (or marked trusted) run as they are; all others run checked: every load, store, register read and
// call argument is held against what the run may touch, and a mistake ends the run with a Fault.
//
// The checks follow RunContext::regions. Three things the machine knows by itself: its stack frames, the
// context [RunContext::context, + context_size), whose fields the program type's layout opens for reading and
// writing, and the program's own functions.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "skep/image/image.h"
#include "skep/image/limits.h"
#include "skep/image/run.h"
#include "skep/vm/fault.h"
#include "skep/vm/probe.h"

namespace skep::vm {

using image::max_frames;
using image::max_loops;
using image::stack_bytes;

using Arguments = std::array<std::uint64_t, 5>;

struct State;  // frames, stacks and caches: skep/vm/state.h

// One per thread; not copied, reusable for any number of runs. A run allocates nothing (a fault's text does).
class Machine {
 public:
  Machine();
  ~Machine();
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;

  // Runs the program with r1 = ctx.context. True: it ended with `exit`, *r0 is its result. False: fault()
  // says why, *r0 is untouched. Of `ctx` it uses context, context_size, packet, regions, budget (checked
  // mode: the instructions it may execute, 0 = any number; what is left is written back) and tail_target; it
  // sets image, engine and call_function for the time of the run.
  bool run(const image::Image& image, image::RunContext& ctx, std::uint64_t* r0);

  // The same for one function of the image with all arguments given: a timer's callback, a test of a
  // subprogram. `function` must be the address of one of image.functions.
  bool call(const image::Image& image, image::RunContext& ctx, image::FunctionValue function,
            const Arguments& arguments, std::uint64_t* r0);

  // run() that ends with FaultKind::cancelled soon after ctx.cancel became true, which it looks at on jumps
  // backwards and callbacks.
  bool run_cancellable(const image::Image& image, image::RunContext& ctx, std::uint64_t* r0);

  // Why the last run returned false.
  const Fault& fault() const;

  // The interpreter with a probe is in skep/vm/dispatch.h: run_probed(machine, image, ctx, args, probe, &r0).
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace skep::vm
