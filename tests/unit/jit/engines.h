// The same image on the interpreter and compiled in several ways; they must agree.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "skep/jit/jit.h"
#include "skep/vm/machine.h"
#include "tests/unit/vm/images.h"

namespace skep::jit::testing {

using vm::testing::Environment;
using vm::testing::lower;
using vm::testing::make;
using vm::testing::Program;

struct Way {
  const char* name;
  Options options;
};

// Every way to compile that this machine can run.
inline const std::vector<Way>& ways() {
  static const std::vector<Way> all = [] {
    std::vector<Way> list{{"default", {}}};
    Options o;
    o.combine = false;
    list.push_back({"one to one", o});
    o = {};
    o.features = Features{};
    list.push_back({"no BMI2, no MOVBE, no LSE", o});
    o = {};
    o.blind_constants = true;
    o.blind_seed = 7;
    list.push_back({"blinded", o});
    o = {};
    o.cancellable = true;
    list.push_back({"cancellable", o});
    o = {};
    o.inline_helpers = false;
    list.push_back({"helpers called", o});
    return list;
  }();
  return all;
}

struct Outcome {
  bool done = false;
  std::uint64_t r0 = 0;
  std::uint32_t fault_inst = 0;
  std::string fault;
};

inline Outcome run_vm(const image::Image& image, image::RunContext& ctx, const vm::Arguments& arguments) {
  static vm::Machine machine;
  Outcome out;
  out.done =
      machine.call(image, ctx, reinterpret_cast<std::uint64_t>(image.functions.data()), arguments, &out.r0);
  if (!out.done) {
    out.fault = machine.fault().message();
    out.fault_inst = machine.fault().inst;
  }
  return out;
}

inline Outcome run_jit(const image::Image& image, image::RunContext& ctx, const Arguments& arguments,
                       const Options& options = {}) {
  static Machine machine;
  Outcome out;
  auto code = compile(image, options);
  if (!code) {
    out.fault = code.error().message;
    return out;
  }
  out.done =
      machine.call(*code, ctx, reinterpret_cast<std::uint64_t>(image.functions.data()), arguments, &out.r0);
  if (!out.done) {
    out.fault = machine.fault().message();
    out.fault_inst = machine.fault().inst;
  }
  return out;
}

// r0, which all engines must agree on. `memory` is given to the program as (r1, r2), fresh for each run, and
// must come out the same.
inline std::uint64_t value(const Program& program, const Environment& environment = {},
                           const std::vector<std::uint8_t>& memory = {}) {
  // At one address, which programs may well turn into numbers.
  alignas(64) static std::uint8_t place[4096];
  auto image = lower(program, environment);
  image->trusted = true;
  const Arguments arguments{reinterpret_cast<std::uint64_t>(place), memory.size()};
  auto fill = [&] { std::copy(memory.begin(), memory.end(), place); };
  fill();
  image::RunContext ctx;
  Outcome vm = run_vm(*image, ctx, arguments);
  EXPECT_TRUE(vm.done) << vm.fault;
  const std::vector<std::uint8_t> expected(place, place + memory.size());
  for (const Way& way : ways()) {
    fill();
    image::RunContext jit_ctx;
    Outcome jit = run_jit(*image, jit_ctx, arguments, way.options);
    EXPECT_TRUE(jit.done) << way.name << ": " << jit.fault;
    EXPECT_EQ(jit.r0, vm.r0) << way.name;
    EXPECT_EQ(std::vector<std::uint8_t>(place, place + memory.size()), expected) << way.name;
  }
  return vm.r0;
}

}  // namespace skep::jit::testing
