// The interpreter without a probe, and with the one that only stops.
#include "skep/vm/dispatch.h"

namespace skep::vm {

bool Machine::run(const image::Image& image, image::RunContext& ctx, std::uint64_t* r0) {
  NoProbe probe;
  auto program = reinterpret_cast<image::FunctionValue>(image.functions.data());
  return run_probed(*this, image, ctx, program, {reinterpret_cast<std::uint64_t>(ctx.context)}, 1, probe, r0);
}

bool Machine::run_cancellable(const image::Image& image, image::RunContext& ctx, std::uint64_t* r0) {
  CancelProbe probe;
  auto program = reinterpret_cast<image::FunctionValue>(image.functions.data());
  return run_probed(*this, image, ctx, program, {reinterpret_cast<std::uint64_t>(ctx.context)}, 1, probe, r0);
}

bool Machine::call(const image::Image& image, image::RunContext& ctx, image::FunctionValue function,
                   const Arguments& arguments, std::uint64_t* r0) {
  NoProbe probe;
  return run_probed(*this, image, ctx, function, arguments, 5, probe, r0);
}

}  // namespace skep::vm
