// What a probe sees of a run, and what it can change.
#include <string>

#include "runs.h"
#include "skep/vm/dispatch.h"

namespace skep::vm::testing {
namespace {

struct Recorder {
  static constexpr bool active = true;
  std::string log;
  std::uint64_t insns = 0, stop_after = ~std::uint64_t{0};
  bool mock = false;
  std::uint64_t stack = 0;  // r10 of the first instruction

  bool on_insn(const image::Image&, std::uint32_t inst, Registers& registers) {
    if (!stack) stack = registers.r[10];
    log += std::to_string(inst) + " ";
    return ++insns <= stop_after;
  }
  void on_branch(const image::Image&, std::uint32_t, bool taken) { log += taken ? "taken " : "not taken "; }
  void on_load(const image::Image&, std::uint32_t, std::uint64_t address, unsigned bytes) {
    log += "load" + std::to_string(bytes) + "@-" + std::to_string(stack - address) + " ";
  }
  void on_store(const image::Image&, std::uint32_t, std::uint64_t address, unsigned bytes) {
    log += "store" + std::to_string(bytes) + "@-" + std::to_string(stack - address) + " ";
  }
  bool on_call(const image::Image&, std::uint32_t, const image::CallTarget& target, Registers& registers) {
    log += target.name + " ";
    if (mock) registers.r[0] = 42;
    return mock;
  }
};

std::uint64_t seven(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                    image::RunContext*) {
  return 7;
}

struct Probed {
  Environment environment;
  std::unique_ptr<image::Image> image;
  Machine machine;
  image::RunContext ctx;

  explicit Probed(bool trusted) {
    environment.helpers[1] = {seven, nullptr, "seven", 0};
    image = lower({make("stw", 10, 0, -4, 2), make("ldxh", 2, 10, -4), make("jeq64_imm", 2, 0, 1, 3),
                   make("jeq64_imm", 2, 0, 1, 2), make("exit"), make("atomic_add32", 10, 2, -4),
                   make("call_helper", 0, 0, 0, 1), make("exit")},
                  environment);
    image->trusted = trusted;
  }
  bool go(Recorder& recorder, std::uint64_t* r0) {
    return run_probed(machine, *image, ctx, reinterpret_cast<std::uint64_t>(image->functions.data()), {}, 0,
                      recorder, r0);
  }
};

TEST(Probe, sees_instructions_branches_memory_and_calls) {
  for (bool trusted : {false, true}) {
    Probed probed(trusted);
    Recorder recorder;
    std::uint64_t r0 = 0;
    ASSERT_TRUE(probed.go(recorder, &r0)) << probed.machine.fault().message();
    EXPECT_EQ(r0, 7u);
    EXPECT_EQ(recorder.log, "0 store4@-4 1 load2@-4 2 not taken 3 taken 5 store4@-4 6 seven 7 ");
  }
}

TEST(Probe, may_replace_a_call_and_stop_the_run) {
  Probed probed(false);
  Recorder recorder;
  recorder.mock = true;
  std::uint64_t r0 = 0;
  ASSERT_TRUE(probed.go(recorder, &r0));
  EXPECT_EQ(r0, 42u);
  recorder = {};
  recorder.stop_after = 3;
  EXPECT_FALSE(probed.go(recorder, &r0));
  EXPECT_EQ(probed.machine.fault().slot, 3u);
  EXPECT_EQ(probed.machine.fault().detail, "stopped by the probe");
}

}  // namespace
}  // namespace skep::vm::testing
