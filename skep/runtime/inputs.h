// Where clocks, random numbers and the identity of the caller come from: this machine, or a seed.
#pragma once

#include <memory>

#include "skep/image/run.h"

namespace skep::runtime {

std::unique_ptr<image::Inputs> machine_inputs();
// A virtual clock that advances by a microsecond with each reading, numbers from `seed`, fixed identity.
std::unique_ptr<image::Inputs> seeded_inputs(std::uint64_t seed);

}  // namespace skep::runtime
