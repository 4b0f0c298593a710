// The JIT as a compiler: how fast it is, how much code it makes.
#pragma once

#include <string>
#include <vector>

#include "bench/jit/measure.h"

namespace skep::bench {

// Instructions of a program of 100,000 that are compiled in a second: the median of some compilations.
Result<double> compile_speed(const Effort& effort);

struct CodeSize {
  std::string program;
  std::uint32_t slots = 0;   // as loaded, 8 bytes each
  std::size_t jit = 0;       // bytes
  std::uint32_t kernel = 0;  // jited_prog_len; 0: unknown
};
// Of the XDP programs in tests/programs and examples: code as people write it.
Result<std::vector<CodeSize>> code_sizes(Bench& bench);

}  // namespace skep::bench
