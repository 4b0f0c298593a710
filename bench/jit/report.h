// What came out: the table, the summary against the targets, JSON.
#pragma once

#include <string>
#include <vector>

#include "bench/jit/compile.h"
#include "bench/jit/measure.h"

namespace skep::bench {

struct Row {
  std::string name;
  Traits traits;
  Times times;
};

// One target and how it was met. `value` is NaN when it could not be measured, which counts as missed.
struct Target {
  std::string what;
  double value, limit;
  bool at_least;  // the value must reach the limit; otherwise it must stay below
  bool met() const { return at_least ? value >= limit : value <= limit; }
};

// `insns_per_second`: the JIT's speed.
std::vector<Target> judge(const std::vector<Row>& rows, double insns_per_second);

struct Report {
  std::vector<Row> rows;
  std::vector<Target> targets;
  std::vector<std::pair<std::string, std::string>> machine;  // what the figures depend on
  std::vector<CodeSize> sizes;
  double insns_per_second = 0;  // compiled by our JIT
  double nothing_ns = 0;        // the kernel's run of a program without work
};

std::string print_text(const Report& report);
std::string print_json(const Report& report);

}  // namespace skep::bench
