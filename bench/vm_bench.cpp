// The interpreter's speed: instructions per second (items) of small loops, checked and on trusted images, and
// the cost of a run by itself.
#include <benchmark/benchmark.h>

#include "../tests/unit/vm/images.h"
#include "skep/vm/machine.h"

namespace {

using namespace skep;
using vm::testing::make;
using vm::testing::Program;

constexpr int loops = 100'000;

// A program that executes `per_loop` instructions `loops` times, r1 counting down.
struct Loop {
  Program before, body;
  Program program() const {
    Program all = before;
    all.push_back(make("mov64_imm", 1, 0, 0, loops));
    all.insert(all.end(), body.begin(), body.end());
    all.push_back(make("add64_imm", 1, 0, 0, -1));
    all.push_back(make("jne64_imm", 1, 0, -static_cast<int>(body.size()) - 2, 0));
    all.push_back(make("mov64_imm", 0, 0, 0, 0));
    all.push_back(make("exit"));
    return all;
  }
  double per_loop() const { return static_cast<double>(body.size()) + 2; }
};

// xorshift64.
Loop alu() {
  return {{make("mov64_imm", 2, 0, 0, 88172645)},
          {make("mov64_reg", 3, 2), make("lsh64_imm", 3, 0, 0, 13), make("xor64_reg", 2, 3),
           make("mov64_reg", 3, 2), make("rsh64_imm", 3, 0, 0, 7), make("xor64_reg", 2, 3),
           make("mov64_reg", 3, 2), make("lsh64_imm", 3, 0, 0, 17), make("xor64_reg", 2, 3)}};
}

// Loads and stores: the stack, and a region that the instruction finds again.
Loop memory(const void* region) {
  return {{make("mov64_imm", 0, 0, 0, 0), make("stdw", 10, 0, -8, 1),
           make("lddw", 6, 0, 0, static_cast<std::int64_t>(reinterpret_cast<std::uint64_t>(region)))},
          {make("ldxdw", 2, 10, -8), make("ldxw", 3, 6, 16), make("add64_reg", 2, 3),
           make("stxdw", 10, 2, -16), make("stxh", 6, 3, 2)}};
}

// A subprogram that adds.
Program calls() {
  return {make("mov64_imm", 6, 0, 0, loops), make("mov64_imm", 7, 0, 0, 0), make("mov64_reg", 1, 7),
          make("call_local", 0, 0, 0, 5),    make("mov64_reg", 7, 0),       make("add64_imm", 6, 0, 0, -1),
          make("jne64_imm", 6, 0, -5, 0),    make("mov64_imm", 0, 0, 0, 0), make("exit"),
          make("mov64_reg", 0, 1),           make("add64_imm", 0, 0, 0, 3), make("exit")};
}

void go(benchmark::State& state, const Program& program, double insns,
        const image::Region* region = nullptr) {
  auto image = vm::testing::lower(program);
  image->trusted = state.range(0) == 0;
  state.SetLabel(image->trusted ? "trusted" : "checked");
  image::Regions regions;
  if (region) regions.add(*region);
  image::RunContext ctx;
  ctx.regions = &regions;
  vm::Machine machine;
  for (auto _ : state) {
    std::uint64_t r0 = 1;
    if (!machine.run(*image, ctx, &r0) || r0 != 0)
      return state.SkipWithError(machine.fault().message().c_str());
  }
  state.counters["insns"] =
      benchmark::Counter(insns, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void BM_alu(benchmark::State& state) { go(state, alu().program(), alu().per_loop() * loops); }
void BM_memory(benchmark::State& state) {
  alignas(64) static std::uint8_t bytes[64];
  image::Region region;
  region.base = reinterpret_cast<std::uint64_t>(bytes);
  region.size = sizeof bytes;
  region.writable = true;
  Loop loop = memory(bytes);
  go(state, loop.program(), loop.per_loop() * loops, &region);
}
void BM_calls(benchmark::State& state) { go(state, calls(), 8.0 * loops); }
// r0 = 0; exit: what a run costs.
void BM_empty(benchmark::State& state) { go(state, {make("mov64_imm", 0, 0, 0, 0), make("exit")}, 2); }

BENCHMARK(BM_alu)->Arg(0)->Arg(1);
BENCHMARK(BM_memory)->Arg(0)->Arg(1);
BENCHMARK(BM_calls)->Arg(0)->Arg(1);
BENCHMARK(BM_empty)->Arg(0)->Arg(1);

}  // namespace
