// How fast verify() is beside the verifier of the running kernel, on the programs of a record.
#pragma once

#include <span>

#include "tests/conformance/selftests/trial.h"

namespace skep::selftests {

struct SpeedOptions {
  unsigned programs = 30;  // the largest accepted ones, by the kernel's instructions processed
  unsigned rounds = 7;     // each side once in each; medians count
};

// Measured and printed: each of the largest programs on both sides in turns, then verify() on all accepted
// programs of at most 20 instructions processed. Building the model is not timed, as the kernel does not time
// the copying of program and types either. True when the limits hold: 0.4 of the kernel's time and 1.05 of
// its instructions in total, 10 microseconds for the median small program.
Result<bool> measure_speed(std::span<const Record> records, const TrialOptions& trial,
                           const SpeedOptions& options);

}  // namespace skep::selftests
