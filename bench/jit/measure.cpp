// Slices, rounds, medians.
#include "bench/jit/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skep::bench {
namespace {

Result<double> time_runs(Engine& engine, std::uint32_t count) {
  std::uint32_t r0;
  return engine.run(count, &r0);
}

// How many runs fill a slice.
Result<std::uint32_t> calibrate(Engine& engine, double slice_ns) {
  std::uint32_t count = 1;
  for (;;) {
    double each = TRY(time_runs(engine, count));
    each = std::max(each, 0.5);
    if (each * count >= slice_ns / 4) {
      double wanted = std::max(1.0, slice_ns / each);
      return static_cast<std::uint32_t>(std::min(wanted, 1e6));
    }
    if (count >= 1'000'000) return count;
    count *= 4;
  }
}

Result<void> compare(const Bench::Subject& subject) {
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < engine_count; i++) {
    if (!subject.engines[i]) continue;
    // Twice: what a run leaves behind must not change the next.
    for (int time = 0; time < 2; time++) {
      std::uint32_t r0 = 0;
      TRY(subject.engines[i]->run(1, &r0));
      if (i == 0 && time == 0) first = r0;
      if (r0 != first)
        return fail(EILSEQ, "{}: {} gives {:#x} in run {}, {} gave {:#x}", subject.name, engine_names[i], r0,
                    time + 1, engine_names[0], first);
    }
  }
  return {};
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += std::log(value);
  return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                        : std::exp(sum / static_cast<double>(values.size()));
}

double Times::ratio(EngineId engine, EngineId to) const {
  const auto& a = rounds[static_cast<std::size_t>(engine)];
  const auto& b = rounds[static_cast<std::size_t>(to)];
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.size() && i < b.size(); i++) ratios.push_back(a[i] / b[i]);
  return median(std::move(ratios));
}

Result<Times> measure(Bench& bench, const Bench::Subject& subject, const Effort& effort, double overhead) {
  bench.enter(subject);
  TRY(compare(subject));
  std::array<std::uint32_t, engine_count> counts{};
  for (std::size_t i = 0; i < engine_count; i++)
    if (subject.engines[i]) counts[i] = TRY(calibrate(*subject.engines[i], effort.slice_us * 1e3));
  Times times;
  for (std::uint32_t round = 0; round < effort.rounds; round++)
    for (std::size_t i = 0; i < engine_count; i++) {
      if (!subject.engines[i]) continue;
      double ns = TRY(time_runs(*subject.engines[i], counts[i]));
      if (i == static_cast<std::size_t>(EngineId::kernel)) ns = std::max(ns - overhead, 0.1);
      times.rounds[i].push_back(ns);
    }
  for (std::size_t i = 0; i < engine_count; i++) times.ns[i] = median(times.rounds[i]);
  return times;
}

}  // namespace skep::bench
