// The AArch64 back end from any machine: programs compile for it in every way, near and far. What the code
// does is tested where it can run (tests/arm64/run), by the other suites of this folder and by tests/oracle.
#include <gtest/gtest.h>

#include <chrono>

#include "engines.h"
#include "skep/isa/ops.h"
#include "tests/support/conformance.h"

namespace skep::jit::testing {
namespace {

constexpr bool runs_here =
#if defined(__aarch64__)
    true;
#else
    false;
#endif

std::vector<Options> for_arm64() {
  std::vector<Options> all;
  for (bool lse : {false, true})
    for (bool blind : {false, true})
      for (bool cancellable : {false, true}) {
        Options options;
        options.target = Target::arm64;
        options.features = Features{.lse = lse};
        options.blind_constants = blind;
        options.blind_seed = 7;
        options.cancellable = cancellable;
        all.push_back(options);
      }
  return all;
}

TEST(Arm64, conformance_suite_compiles) {
  conformance::run_suite([](conformance::Prepared& test, std::uint64_t* r0) -> std::string {
    test.image->trusted = true;
    for (const Options& options : for_arm64()) {
      auto code = compile(*test.image, options);
      if (!code) return code.error().message;
      if (code->target() != Target::arm64) return "another target";
      if (code->bytes().empty() || code->bytes().size() % 4) return "no words";
      for (std::uint32_t i = 0; i < test.image->insts.size(); i++)
        if (code->native_of(i) >= code->bytes().size() || code->native_of(i) < code->entry(0))
          return "an instruction outside of the code";
    }
    vm::Machine machine;
    image::RunContext ctx;
    const vm::Arguments arguments{reinterpret_cast<std::uint64_t>(test.memory.data()), test.memory.size()};
    if (!machine.call(*test.image, ctx, reinterpret_cast<std::uint64_t>(test.image->functions.data()),
                      arguments, r0))
      return machine.fault().message();
    return {};
  });
}

TEST(Arm64, offsets_and_instructions_name_each_other) {
  Program program;
  for (unsigned i = 0; i < 50; i++) program.push_back(make("atomic_fetch_add64", 10, 2, -8));
  program.push_back(make("exit"));
  auto image = lower(program);
  image->trusted = true;
  for (const Options& options : for_arm64()) {
    auto code = compile(*image, options);
    ASSERT_TRUE(code) << code.error().message;
    for (std::uint32_t i = 0; i < image->insts.size(); i++) {
      EXPECT_EQ(code->inst_of(code->native_of(i)), i);
      if (i != 0) {
        EXPECT_EQ(code->inst_of(code->native_of(i) - 4), i - 1);
      }
    }
    EXPECT_EQ(code->inst_of(0), image::Image::no_inst);
  }
}

// Constants of a program must not stand in its blinded code, in none of the ways to write one.
TEST(Arm64, blinded_code_has_no_constants) {
  for (const isa::Op& row : isa::ops()) {
    if (!row.has(isa::uses_imm) || isa::jumps_by_imm(row) || row.action == isa::Class::call ||
        row.action == isa::Class::addr_space_cast)
      continue;
    const bool bytes8 = row.slots == 2;
    if (bytes8 && row.operation != isa::Operation::imm64) continue;
    auto image = lower({make(row.name, row.has(isa::uses_dst) ? 1 : 0, 0, 0, 0x5a5a1234),
                        make("mov64_imm", 0), make("exit")});
    image->trusted = true;
    for (bool blind : {false, true}) {
      Options options;
      options.target = Target::arm64;
      options.features = Features{};
      options.blind_constants = blind;
      options.blind_seed = 99;
      auto code = compile(*image, options);
      ASSERT_TRUE(code) << code.error().message;
      bool found = false;
      for (std::size_t at = code->native_of(0); at + 4 <= code->bytes().size(); at += 4) {
        std::uint32_t word;
        std::memcpy(&word, code->bytes().data() + at, 4);
        const bool moves = (word >> 23 & 0x3f) == 0x25;
        found |= moves && (word >> 5 & 0xffff) == 0x1234;
      }
      // Shifts take a few bits of the constant, stores of a byte only one.
      const bool whole = row.operation != isa::Operation::lsh && row.operation != isa::Operation::rsh &&
                         row.operation != isa::Operation::arsh && row.name != "stb";
      if (blind || whole) {
        EXPECT_EQ(found, !blind) << row.name << " blinded: " << blind;
      }
    }
  }
}

// A million instructions with branches over all of them, which short conditional branches cannot reach.
TEST(Arm64, a_million_instructions) {
  constexpr unsigned count = 1'000'000;
  Program program{make("mov64_imm", 0, 0, 0, 1), make("mov64_imm", 6, 0, 0, 2)};
  std::uint64_t x = 88172645463325252;
  while (program.size() < count) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    switch (x % 8) {
      case 0: program.push_back(make("jne64_imm", 0, 0, 1, static_cast<std::int32_t>(x >> 40))); break;
      case 1: program.push_back(make("jgt32_reg", 0, 6, 2)); break;
      case 2: program.push_back(make("xor64_imm", 0, 0, 0, static_cast<std::int32_t>(x >> 32))); break;
      case 3: program.push_back(make("mul64_imm", 0, 0, 0, 1000003)); break;
      case 4: program.push_back(make("add64_reg", 0, 6)); break;
      case 5: program.push_back(make("stxdw", 10, 0, -8)); break;
      case 6: program.push_back(make("add32_imm", 6, 0, 0, 0x12345)); break;
      default: program.push_back(make("rsh64_imm", 6, 0, 0, 3)); break;
    }
  }
  // With r1 = 0 everything is jumped over; otherwise it is run, then jumped over on a second round.
  for (unsigned i = 0; i < 4; i++) program.push_back(make("add64_imm", 0, 0, 0, 5));
  program.push_back(make("exit"));
  auto image = lower(program);
  image->trusted = true;
  auto put = [&](std::size_t at, const char* name, unsigned dst, std::size_t to) {
    image->insts[at] = {static_cast<std::uint16_t>(isa::find_op(name) - isa::ops().data()),
                        static_cast<std::uint8_t>(dst), 0,
                        static_cast<std::int32_t>(to) - static_cast<std::int32_t>(at) - 1, 0};
  };
  put(2, "jeq64_imm", 1, count);          // over everything
  put(count, "jeq64_imm", 1, count + 4);  // to exit
  put(count + 1, "jset64_imm", 0, count + 3);
  image->insts[count + 2] = image->insts[count + 3] = {isa::op("mov64_imm"), 1, 0, 0, 0};
  put(count + 3, "jne64_imm", 2, 2);  // all the way back
  for (bool cancellable : {false, true}) {
    Options options;
    options.target = Target::arm64;
    options.cancellable = cancellable;
    const auto begin = std::chrono::steady_clock::now();
    auto code = compile(*image, options);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    ASSERT_TRUE(code) << code.error().message;
    EXPECT_GT(code->bytes().size(), std::size_t{1} << 20);
    RecordProperty("instructions_per_second", static_cast<int>(count / spent.count()));
    if (!runs_here) continue;
    for (std::uint64_t a : {0, 1}) {
      image::RunContext vm_ctx, jit_ctx;
      Outcome vm = run_vm(*image, vm_ctx, {a, 1});
      Machine machine;
      std::uint64_t r0 = 0;
      ASSERT_TRUE(vm.done) << vm.fault;
      ASSERT_TRUE(
          machine.call(*code, jit_ctx, reinterpret_cast<std::uint64_t>(image->functions.data()), {a, 1}, &r0))
          << machine.fault().message();
      EXPECT_EQ(r0, vm.r0);
    }
  }
}

}  // namespace
}  // namespace skep::jit::testing
