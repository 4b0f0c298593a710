// Timing on a machine that is never quiet: all engines of a program take turns in short slices of CPU time,
// so that what disturbs one disturbs the others; medians over the rounds.
#pragma once

#include <array>
#include <vector>

#include "bench/jit/engines.h"

namespace skep::bench {

struct Effort {
  std::uint32_t rounds = 31;
  std::uint32_t slice_us = 1000;
};

// Of one program. NaN where the engine is absent.
struct Times {
  // Of one run, in ns, round by round.
  std::array<std::vector<double>, engine_count> rounds;
  std::array<double, engine_count> ns;  // median

  double of(EngineId id) const { return ns[static_cast<std::size_t>(id)]; }
  // Median of the ratios of the same round.
  double ratio(EngineId engine, EngineId to) const;
};

// Checks first that all engines give the same result (EILSEQ if not, naming them). `overhead`: what the
// kernel takes for a program that does nothing, in ns; subtracted from its times.
Result<Times> measure(Bench& bench, const Bench::Subject& subject, const Effort& effort, double overhead);

double median(std::vector<double> values);  // NaN when empty
double geometric_mean(const std::vector<double>& values);

}  // namespace skep::bench
