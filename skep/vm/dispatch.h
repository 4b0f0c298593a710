// Running with a Probe: how a run begins, and how helpers call back into the program. Machine (dispatch.cpp)
// uses it without a probe; who watches a run includes this header and calls run_probed().
#pragma once

#include "skep/vm/execute.h"

namespace skep::vm {

// CallFunction: a helper calls a function of the program. After a failure it answers 1, which ends the loops
// of bpf_loop and bpf_for_each_map_elem.
template <bool checked, class Probe>
std::uint64_t call_back(image::RunContext* ctx, image::FunctionValue function, std::uint64_t a1,
                        std::uint64_t a2, std::uint64_t a3, std::uint64_t a4, std::uint64_t a5) {
  auto& activation = *static_cast<Activation<Probe>*>(ctx->engine);
  State& state = activation.state;
  if (state.failed) return 1;
  const image::Image* image = ctx->image;
  const std::uint32_t call_site = state.call_site;
  Place place{image, call_site};
  const image::Function* callee = find_function(*image, function);
  if (!callee) {
    fail_target(state, place, "the callback", function, "a function of this program");
    return 1;
  }
  if (state.depth + 1 >= max_frames) {
    fail_depth(state, place);
    return 1;
  }
  if constexpr (requires { requires Probe::cancellable; })
    if (ctx->cancel && ctx->cancel->load(std::memory_order_relaxed)) {
      fail(state, place, FaultKind::cancelled, "the run was cancelled");
      return 1;
    }
  const unsigned caller = state.depth++;
  Registers registers;
  enter_frame<checked>(state, registers);
  registers.r[1] = a1;
  registers.r[2] = a2;
  registers.r[3] = a3;
  registers.r[4] = a4;
  registers.r[5] = a5;
  std::uint64_t result = 1;
  execute<checked>(activation, image, *ctx, image->insts.data() + callee->first, registers, &result);
  state.depth = caller;
  state.call_site = call_site;
  return result;
}

// Machine::call with a probe. `function` is the address of one of image.functions; arguments beyond `given`
// hold no value.
template <class Probe>
bool run_probed(Machine& machine, const image::Image& image, image::RunContext& ctx,
                image::FunctionValue function, const Arguments& arguments, unsigned given, Probe& probe,
                std::uint64_t* r0) {
  State& state = machine.state();
  begin_run(state, image, ctx);
  Activation<Probe> activation{state, probe};
  ctx.engine = &activation;
  Registers registers;
  const image::Function* callee = find_function(image, function);
  bool done = false;
  if (!callee) {
    fail_target(state, Place{&image, 0}, "the entry", function, "a function of this program");
  } else {
    const image::Inst* start = image.insts.data() + callee->first;
    for (unsigned i = 0; i < arguments.size(); i++) registers.r[i + 1] = i < given ? arguments[i] : poison;
    if (image.verified || image.trusted) {
      ctx.call_function = call_back<false, Probe>;
      enter_frame<false>(state, registers);
      done = execute<false>(activation, &image, ctx, start, registers, r0);
    } else {
      ctx.call_function = call_back<true, Probe>;
      enter_frame<true>(state, registers);
      done = execute<true>(activation, &image, ctx, start, registers, r0);
    }
  }
  end_run(state, ctx);
  return done;
}

}  // namespace skep::vm
