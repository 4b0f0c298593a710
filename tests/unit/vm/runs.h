// Running images in tests.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "images.h"
#include "skep/vm/machine.h"

namespace skep::vm::testing {

// One run and what came of it.
struct Outcome {
  bool done = false;
  std::uint64_t r0 = 0;
  std::string fault;  // the message
  Fault detail;
};

inline Outcome run(const image::Image& image, image::RunContext& ctx) {
  static Machine machine;
  Outcome outcome;
  outcome.done = machine.run(image, ctx, &outcome.r0);
  if (!outcome.done) {
    outcome.detail = machine.fault();
    outcome.fault = outcome.detail.message();
  }
  return outcome;
}

inline Outcome run(const Program& program, const Environment& environment = {}) {
  image::RunContext ctx;
  auto image = lower(program, environment);
  return run(*image, ctx);
}

// r0 of a program that must succeed, checked and unchecked alike.
inline std::uint64_t value(const Program& program, const Environment& environment = {}) {
  auto image = lower(program, environment);
  image::RunContext ctx;
  Outcome checked = run(*image, ctx);
  EXPECT_TRUE(checked.done) << checked.fault;
  image->trusted = true;
  Outcome unchecked = run(*image, ctx);
  EXPECT_TRUE(unchecked.done) << unchecked.fault;
  EXPECT_EQ(checked.r0, unchecked.r0);
  return checked.r0;
}

}  // namespace skep::vm::testing
