// Calls, jumps and what ends a run: on the interpreter and compiled in every way, with the same result and
// the same place of the fault.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "engines.h"
#include "skep/image/limits.h"
#include "skep/uapi/helpers.h"

namespace skep::jit::testing {
namespace {

using image::RunContext;

struct Expected {
  bool done = true;
  std::uint64_t r0 = 0;
  std::uint32_t fault_inst = 0;
};

// All engines give this.
void expect(image::Image& image, const Expected& expected, const Arguments& arguments = {},
            bool with_vm = true) {
  image.trusted = true;
  auto hold = [&](const Outcome& out, const char* who) {
    EXPECT_EQ(out.done, expected.done) << who << ": " << out.fault;
    if (expected.done)
      EXPECT_EQ(out.r0, expected.r0) << who;
    else
      EXPECT_EQ(out.fault_inst, expected.fault_inst) << who << ": " << out.fault;
  };
  if (with_vm) {
    RunContext ctx;
    hold(run_vm(image, ctx, arguments), "interpreter");
  }
  for (const Way& way : ways()) {
    RunContext ctx;
    hold(run_jit(image, ctx, arguments, way.options), way.name);
  }
}

std::uint64_t address_of(const image::Image& image, std::size_t inst) {
  return reinterpret_cast<std::uint64_t>(image.insts.data() + inst);
}

// --- local calls ---

TEST(Control, callees_keep_r6_to_r9_and_have_their_own_stack) {
  auto image = lower({
      make("mov64_imm", 6, 0, 0, 6),
      make("mov64_imm", 7, 0, 0, 7),
      make("mov64_imm", 8, 0, 0, 8),
      make("mov64_imm", 9, 0, 0, 9),
      make("stdw", 10, 0, -8, 100),
      make("mov64_imm", 1, 0, 0, 1),
      make("mov64_imm", 2, 0, 0, 2),
      make("mov64_imm", 3, 0, 0, 3),
      make("mov64_imm", 4, 0, 0, 4),
      make("mov64_imm", 5, 0, 0, 5),
      make("call_local", 0, 0, 0, 8),  // 10
      make("add64_reg", 0, 6),
      make("add64_reg", 0, 7),
      make("add64_reg", 0, 8),
      make("add64_reg", 0, 9),
      make("ldxdw", 1, 10, -8),
      make("add64_reg", 0, 1),
      make("exit"),
      make("exit"),
      // 19: r1 * 1 + r2 * 10 + ...
      make("stdw", 10, 0, -8, 7777),
      make("mov64_imm", 6, 0, 0, 666),
      make("mov64_imm", 9, 0, 0, 999),
      make("mov64_reg", 0, 1),
      make("mul64_imm", 0, 0, 0, 10),
      make("add64_reg", 0, 2),
      make("mul64_imm", 0, 0, 0, 10),
      make("add64_reg", 0, 3),
      make("mul64_imm", 0, 0, 0, 10),
      make("add64_reg", 0, 4),
      make("mul64_imm", 0, 0, 0, 10),
      make("add64_reg", 0, 5),
      make("exit"),
  });
  expect(*image, {.r0 = 12345 + 6 + 7 + 8 + 9 + 100});
}

// f(n): n == 0 ? 0 : 1 + f(n - 1), each level with something on its stack.
Program recursion() {
  return {make("call_local", 0, 0, 0, 1),
          make("exit"),
          make("mov64_imm", 0),
          make("jeq64_imm", 1, 0, 6, 0),
          make("mov64_reg", 6, 1),
          make("stxdw", 10, 6, -512),
          make("add64_imm", 1, 0, 0, -1),
          make("call_local", 0, 0, 0, -6),
          make("add64_imm", 0, 0, 0, 1),
          make("ldxdw", 6, 10, -512),
          make("exit")};
}

TEST(Control, eight_frames_and_not_one_more) {
  auto image = lower(recursion());
  expect(*image, {.r0 = 6}, {6});
  expect(*image, {.done = false, .fault_inst = 7}, {7});
  expect(*image, {.done = false, .fault_inst = 7}, {1000});
}

// --- may_goto ---

TEST(Control, may_goto_loses_patience_in_each_function_by_itself) {
  auto image = lower({make("mov64_imm", 6), make("may_goto", 0, 0, 2), make("add64_imm", 6, 0, 0, 1),
                      make("ja", 0, 0, -3), make("call_local", 0, 0, 0, 2), make("add64_reg", 0, 6),
                      make("exit"), make("mov64_imm", 0), make("may_goto", 0, 0, 2),
                      make("add64_imm", 0, 0, 0, 1), make("ja", 0, 0, -3), make("exit")});
  expect(*image, {.r0 = 2 * image::max_loops});
}

// --- gotox ---

TEST(Control, gotox_goes_to_instructions_of_the_function) {
  auto image = lower({make("gotox", 1), make("mov64_imm", 0, 0, 0, 10), make("exit"),
                      make("mov64_imm", 0, 0, 0, 20), make("exit")});
  for (bool listed : {false, true}) {
    image->indirect_targets.clear();
    if (listed) image->indirect_targets = {1, 3};
    expect(*image, {.r0 = 10}, {address_of(*image, 1)});
    expect(*image, {.r0 = 20}, {address_of(*image, 3)});
    for (std::uint64_t bad : {std::uint64_t{0}, address_of(*image, 1) + 1, address_of(*image, 1) + 8,
                              address_of(*image, 0) - 16, address_of(*image, 5), ~std::uint64_t{0}})
      expect(*image, {.done = false, .fault_inst = 0}, {bad});
  }
}

// --- callx ---

std::uint64_t sum(std::uint64_t r1, std::uint64_t r2, std::uint64_t r3, std::uint64_t r4, std::uint64_t r5,
                  RunContext* ctx) {
  return ctx ? r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5 : 0;
}

TEST(Control, callx_through_every_register) {
  Environment environment;
  environment.helpers[5] = {sum, nullptr, "sum", 5};
  for (unsigned reg : {0U, 6U, 7U, 9U, 3U, 1U}) {
    Program program{make("mov64_reg", 6, 1), make("mov64_reg", reg, 6)};
    for (unsigned r = 1; r <= 5; r++)
      if (r != reg) program.push_back(make("mov64_imm", r, 0, 0, static_cast<int>(r)));
    program.push_back(make("callx", reg));
    program.push_back(make("add64_imm", 0, 0, 0, 1));
    program.push_back(make("exit"));
    program.push_back(make("lddw_func", 1, 0, 0, 2));  // makes a function of what follows
    program.push_back(make("exit"));
    program.push_back(make("mov64_reg", 0, 2));
    program.push_back(make("mul64_reg", 0, 4));
    program.push_back(make("exit"));
    auto image = lower(program, environment);
    ASSERT_EQ(image->functions.size(), 2u);
    const std::uint64_t known[] = {reg == 1 ? 5ULL : 1ULL, 2, reg == 3 ? 5ULL : 3ULL, 4, 5};
    expect(*image, {.r0 = known[0] + 20 + 100 * known[2] + 4000 + 50000 + 1}, {5});
    if (reg != 3 && reg != 1)
      expect(*image, {.r0 = 2 * 4 + 1}, {reinterpret_cast<std::uint64_t>(&image->functions[1])});
    const auto call = static_cast<std::uint32_t>(reg == 3 || reg == 1 ? 6 : 7);
    for (std::uint64_t bad : {std::uint64_t{0}, std::uint64_t{6}, ~std::uint64_t{0}})
      expect(*image, {.done = false, .fault_inst = call}, {bad});
  }
}

// --- helpers ---

std::uint64_t fails(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                    RunContext* ctx) {
  ctx->fault = "no";
  return 0;
}

TEST(Control, helpers_get_their_arguments_and_may_fail) {
  Environment environment;
  environment.helpers[5] = {sum, nullptr, "sum", 5};
  environment.helpers[6] = {fails, nullptr, "fails", 6};
  Program program;
  for (unsigned r = 1; r <= 5; r++) program.push_back(make("mov64_imm", r, 0, 0, static_cast<int>(r)));
  program.push_back(make("call_helper", 0, 0, 0, 5));
  program.push_back(make("exit"));
  expect(*lower(program, environment), {.r0 = 54321});
  program.back() = make("call_kfunc", 0, 0, 0, 6);
  program.push_back(make("exit"));
  expect(*lower(program, environment), {.done = false, .fault_inst = 6});
}

// helper(function, a, b): function(a, b, 3, 4, 5)
std::uint64_t calls_back(std::uint64_t function, std::uint64_t a, std::uint64_t b, std::uint64_t,
                         std::uint64_t, RunContext* ctx) {
  return ctx->call_function(ctx, function, a, b, 3, 4, 5);
}

TEST(Control, callbacks_return_nest_and_fail) {
  Environment environment;
  environment.helpers[6] = {fails, nullptr, "fails", 6};
  environment.helpers[7] = {calls_back, nullptr, "calls_back", 7};
  // main(a): back(f, a, 0) + 1000;  f(n): n == 0 ? 7 : n == 99 ? fails() : back(f, n - 1) * 2
  auto image = lower(
      {
          make("mov64_imm", 6, 0, 0, 1000),
          make("mov64_reg", 2, 1),
          make("mov64_imm", 3),
          make("lddw_func", 1, 0, 0, 4),
          make("call_helper", 0, 0, 0, 7),
          make("add64_reg", 0, 6),
          make("exit"),
          make("mov64_imm", 0, 0, 0, 7),
          make("mov64_imm", 6, 0, 0, 2),
          make("jeq64_imm", 1, 0, 8, 0),
          make("jne64_imm", 1, 0, 1, 99),
          make("call_helper", 0, 0, 0, 6),
          make("add64_imm", 1, 0, 0, -1),
          make("mov64_reg", 2, 1),
          make("lddw_func", 1, 0, 0, -8),
          make("call_helper", 0, 0, 0, 7),
          make("mul64_reg", 0, 6),
          make("exit"),
      },
      environment);
  expect(*image, {.r0 = 1007}, {0});
  expect(*image, {.r0 = 1007 + 7}, {1});
  expect(*image, {.r0 = 1000 + 7 * 8}, {3});
  expect(*image, {.r0 = 1000 + 7 * 64}, {6});
  expect(*image, {.done = false, .fault_inst = 11}, {99});
  // The eighth callback is one too many: the call that asked for it is at fault.
  expect(*image, {.done = false, .fault_inst = 15}, {7});
  auto bad = lower({make("call_helper", 0, 0, 0, 7), make("exit")}, environment);
  expect(*bad, {.done = false, .fault_inst = 0}, {12345});
}

std::uint64_t vm_loop(std::uint64_t count, std::uint64_t function, std::uint64_t context, std::uint64_t flags,
                      std::uint64_t, RunContext* ctx) {
  if (flags) return static_cast<std::uint64_t>(-22);
  if (static_cast<std::uint32_t>(count) > 1U << 23) return static_cast<std::uint64_t>(-7);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); i++)
    if (ctx->call_function(ctx, function, i, context, 0, 0, 0)) return i + 1;
  return static_cast<std::uint32_t>(count);
}

TEST(Control, bpf_loop) {
  Environment environment;
  environment.helpers[181] = {vm_loop, uapi::find_helper(181), "bpf_loop", 181};
  // r1: how often, r2: where the callback stops, r3: flags. r0 = calls * 1000000 + sum of what it saw
  auto image =
      lower({make("stdw", 10, 0, -8, 0), make("stxdw", 10, 2, -16), make("mov64_reg", 4, 3),
             make("lddw_func", 2, 0, 0, 9), make("mov64_reg", 3, 10), make("add64_imm", 3, 0, 0, -16),
             make("mov64_imm", 7, 0, 0, 1000000), make("call_helper", 0, 0, 0, 181), make("mul64_reg", 0, 7),
             make("ldxdw", 1, 10, -8), make("add64_reg", 0, 1), make("exit"),
             // f(i, context): context[1] += i; return i == context[0]
             make("mov64_imm", 7, 0, 0, 1), make("ldxdw", 6, 2, 8), make("add64_reg", 6, 1),
             make("stxdw", 2, 6, 8), make("ldxdw", 3, 2, 0), make("mov64_imm", 0), make("jne64_reg", 1, 3, 1),
             make("mov64_imm", 0, 0, 0, 1), make("exit")},
            environment);
  ASSERT_EQ(image->functions.size(), 2u);
  expect(*image, {.r0 = 100 * 1000000 + 99 * 100 / 2}, {100, 1000, 0});
  expect(*image, {.r0 = 11 * 1000000 + 55}, {100, 10, 0});
  expect(*image, {.r0 = 0}, {0, 10, 0});
  expect(*image, {.r0 = 3000000 + 3}, {0xffff'ffff'0000'0003, 10, 0});
  expect(*image, {.r0 = static_cast<std::uint64_t>(-22) * 1000000}, {100, 10, 1});
  expect(*image, {.r0 = static_cast<std::uint64_t>(-22) * 1000000}, {100, 10, std::uint64_t{1} << 40});
  expect(*image, {.r0 = static_cast<std::uint64_t>(-7) * 1000000}, {(1 << 23) + 1, 10, 0});
}

std::uint64_t look_up(std::uint64_t map, std::uint64_t key, std::uint64_t, std::uint64_t, std::uint64_t,
                      RunContext* ctx) {
  auto& m = *reinterpret_cast<image::MapDescriptor*>(map);
  std::uint32_t index;
  std::memcpy(&index, reinterpret_cast<const void*>(key), 4);
  if (index >= m.max_entries) return 0;
  return reinterpret_cast<std::uint64_t>(m.base) + ctx->cpu * m.cpu_stride + std::uint64_t{index} * m.stride;
}
std::uint64_t cpu_number(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                         RunContext* ctx) {
  return ctx->cpu;
}

TEST(Control, array_lookups_and_the_cpu) {
  std::vector<std::uint8_t> memory(1 << 20);
  for (bool percpu : {false, true})
    for (std::uint32_t stride : {8U, 16U, 24U, 4096U})
      for (std::uint32_t entries : {1U, 3U, 5U}) {
        image::MapDescriptor map;
        map.type = percpu ? uapi::MapType::percpu_array : uapi::MapType::array;
        map.base = memory.data();
        map.stride = map.value_size = stride;
        map.key_size = 4;
        map.max_entries = entries;
        map.index_mask = 7;
        map.cpu_stride = percpu ? 1 << 16 : 0;
        Environment environment;
        environment.helpers[1] = {look_up, uapi::find_helper(1), "bpf_map_lookup_elem", 1};
        environment.helpers[8] = {cpu_number, uapi::find_helper(8), "bpf_get_smp_processor_id", 8};
        environment.maps[3] = &map;
        auto image = lower({make("stxw", 10, 1, -4), make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -4),
                            make("lddw_map_fd", 1, 0, 0, 3), make("call_helper", 0, 0, 0, 1),
                            make("mov64_reg", 6, 0), make("call_helper", 0, 0, 0, 8),
                            make("lsh64_imm", 0, 0, 0, 48), make("add64_reg", 0, 6), make("exit")},
                           environment);
        image->trusted = true;
        for (std::uint64_t index : {0U, 1U, 2U, 4U, 5U, 6U, 0xffffffffU})
          for (std::uint32_t cpu : {0U, 3U}) {
            const std::uint64_t place = index < entries ? reinterpret_cast<std::uint64_t>(map.base) +
                                                              cpu * map.cpu_stride + index * stride
                                                        : 0;
            for (const Way& way : ways()) {
              RunContext ctx;
              ctx.cpu = cpu;
              Outcome out = run_jit(*image, ctx, {index}, way.options);
              ASSERT_TRUE(out.done) << out.fault;
              ASSERT_EQ(out.r0, place + (std::uint64_t{cpu} << 48)) << way.name << " index " << index;
            }
          }
      }
}

// --- tail calls ---

struct Tails {
  const image::Image* next = nullptr;
  std::uint64_t left = 0;
};
// Goes on in `next` as long as there is some left.
std::uint64_t tail(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                   RunContext* ctx) {
  auto& tails = *static_cast<Tails*>(ctx->extra);
  if (tails.left == 0) return static_cast<std::uint64_t>(-2);
  tails.left--;
  ctx->tail_target = tails.next;
  return 0;
}

Environment tail_environment() {
  Environment environment;
  environment.helpers[12] = {tail, uapi::find_helper(12), "bpf_tail_call", 12};
  return environment;
}

TEST(Control, tail_calls_do_not_grow_the_stack) {
  // Counts its rounds in *r1.
  auto image = lower({make("ldxdw", 6, 1, 0), make("add64_imm", 6, 0, 0, 1), make("stxdw", 1, 6, 0),
                      make("stxdw", 10, 6, -8), make("mov64_reg", 7, 1), make("call_helper", 0, 0, 0, 12),
                      make("ldxdw", 0, 7, 0), make("exit")},
                     tail_environment());
  image->trusted = true;
  for (const Way& way : ways()) {
    auto code = compile(*image, way.options);
    ASSERT_TRUE(code) << code.error().message;
    image->native = code->handle();
    std::uint64_t rounds = 0;
    Tails tails{image.get(), 200'000};
    RunContext ctx;
    ctx.context = &rounds;
    ctx.extra = &tails;
    Machine machine;
    std::uint64_t r0 = 0;
    ASSERT_TRUE(machine.run(*code, ctx, &r0)) << way.name << machine.fault().message();
    EXPECT_EQ(r0, 200'001u) << way.name;
    EXPECT_EQ(ctx.image, image.get());
  }
  image->native = nullptr;
}

TEST(Control, tail_calls_in_functions_return_to_the_caller) {
  // outer: r6 = 5; r0 = inner(r1) + r6, then a helper that fails or not tells whose image it is
  auto outer = lower({make("mov64_imm", 6, 0, 0, 5), make("call_local", 0, 0, 0, 2), make("add64_reg", 0, 6),
                      make("exit"), make("mov64_imm", 6, 0, 0, 1), make("call_helper", 0, 0, 0, 12),
                      make("mov64_imm", 0, 0, 0, 400), make("exit")},
                     tail_environment());
  auto target = lower({make("mov64_imm", 6, 0, 0, 77), make("mov64_imm", 7, 0, 0, 78), make("ldxdw", 0, 1, 0),
                       make("stdw", 10, 0, -512, 1), make("exit")});
  outer->trusted = target->trusted = true;
  for (const Way& way : ways())
    for (std::uint64_t left : {0U, 1U})
      for (bool compiled : {true, false}) {
        auto outer_code = compile(*outer, way.options), target_code = compile(*target, way.options);
        ASSERT_TRUE(outer_code && target_code);
        target->native = compiled ? target_code->handle() : nullptr;
        std::uint64_t context = 3000;
        Tails tails{target.get(), left};
        RunContext ctx;
        ctx.context = &context;
        ctx.extra = &tails;
        Machine machine;
        std::uint64_t r0 = 0;
        const bool done = machine.run(*outer_code, ctx, &r0);
        if (left && !compiled) {
          EXPECT_FALSE(done);
          EXPECT_EQ(machine.fault().kind, FaultKind::call);
          EXPECT_EQ(machine.fault().inst, 5u);
          EXPECT_EQ(machine.fault().image, outer.get());
        } else {
          ASSERT_TRUE(done) << way.name << ": " << machine.fault().message();
          EXPECT_EQ(r0, left ? 3005u : 405u) << way.name;
        }
        EXPECT_EQ(ctx.image, outer.get());
      }
  target->native = nullptr;
}

// --- cancellation ---

TEST(Control, endless_loops_are_cancelled) {
  Environment environment;
  environment.helpers[181] = {vm_loop, uapi::find_helper(181), "bpf_loop", 181};
  std::unique_ptr<image::Image> programs[] = {
      lower({make("mov64_imm", 0), make("ja", 0, 0, -1), make("exit")}),
      lower({make("mov64_imm", 0), make("add64_imm", 0, 0, 0, 1), make("jge64_imm", 0, 0, -2, 0),
             make("exit")}),
      // loops of loops, each short
      lower({make("mov64_imm", 1, 0, 0, 1 << 23), make("lddw_func", 2, 0, 0, 6), make("mov64_imm", 3),
             make("mov64_imm", 4), make("call_helper", 0, 0, 0, 181), make("ja", 0, 0, -7), make("exit"),
             make("mov64_imm", 0), make("exit")},
            environment)};
  Options options;
  options.cancellable = true;
  for (auto& image : programs) {
    image->trusted = true;
    for (bool inlined : {true, false}) {
      options.inline_helpers = inlined;
      auto code = compile(*image, options);
      ASSERT_TRUE(code) << code.error().message;
      std::atomic<bool> cancel{false};
      RunContext ctx;
      ctx.cancel = &cancel;
      std::thread other([&] {
        usleep(20000);
        cancel = true;
      });
      Machine machine;
      std::uint64_t r0 = 0;
      EXPECT_FALSE(machine.run(*code, ctx, &r0));
      other.join();
      EXPECT_EQ(machine.fault().kind, FaultKind::cancelled) << machine.fault().message();
      EXPECT_LT(machine.fault().inst, image->insts.size());
    }
  }
}

// --- memory that is not there ---

void on_fault(int number, siginfo_t* info, void* context) {
  if (!recover(info->si_addr, context)) signal(number, SIG_DFL);
}

class Faults : public ::testing::Test {
 protected:
  void SetUp() override {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, &segv_);
    sigaction(SIGBUS, &action, &bus_);
    page_ =
        static_cast<std::uint8_t*>(mmap(nullptr, 3 * size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_EQ(mprotect(page_ + size_, size_, PROT_READ | PROT_WRITE), 0);
  }
  void TearDown() override {
    munmap(page_, 3 * size_);
    sigaction(SIGSEGV, &segv_, nullptr);
    sigaction(SIGBUS, &bus_, nullptr);
  }
  std::uint64_t bad() const { return reinterpret_cast<std::uint64_t>(page_); }
  std::uint64_t good() const { return bad() + size_; }

  const std::size_t size_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::uint8_t* page_ = nullptr;
  struct sigaction segv_{}, bus_{};
};

TEST_F(Faults, wrong_accesses_end_the_run) {
  for (const isa::Op& row : isa::ops()) {
    const bool memory = row.action == isa::Class::load || row.action == isa::Class::store ||
                        row.action == isa::Class::store_imm || row.action == isa::Class::load_acquire ||
                        row.action == isa::Class::store_release || row.action == isa::Class::atomic;
    if (!memory) continue;
    const bool loads = row.action == isa::Class::load || row.action == isa::Class::load_acquire;
    // (the source of a store of a constant would be its access fact)
    const unsigned src = loads ? 1 : row.action == isa::Class::store_imm ? 0 : 3;
    auto image = lower({make("mov64_imm", 0), make("mov64_imm", 3), make(row.name, 1, src, 8),
                        make("mov64_reg", 0, 1), make("exit")});
    for (std::uint64_t address : {bad(), std::uint64_t{0}}) {
      expect(*image, {.done = false, .fault_inst = 2}, {address}, false);
    }
    image->trusted = true;
    RunContext ctx;
    EXPECT_TRUE(run_jit(*image, ctx, {good()}).done) << row.name;
  }
}

TEST_F(Faults, probe_loads_give_0) {
  std::memset(page_ + size_, 0x81, size_);
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::load) continue;
    for (unsigned dst : {0U, 1U, 6U})
      for (int off : {0, 16, -16, 30000}) {
        auto image = lower({make("mov64_imm", 0, 0, 0, 5), make("mov64_imm", 6, 0, 0, 5),
                            make(row.name, dst, 1, off), make("mov64_reg", 0, dst), make("exit")});
        image::set_access(image->insts[2], row.action, image::Access::probe);
        expect(*image, {.r0 = 0}, {bad() + 32 - static_cast<std::uint64_t>(off)}, false);
        expect(*image, {.r0 = 0}, {0xdead'0000'0000'0000}, false);
        auto plain = lower({make("mov64_imm", 0, 0, 0, 5), make("mov64_imm", 6, 0, 0, 5),
                            make(row.name, dst, 1, off), make("mov64_reg", 0, dst), make("exit")});
        plain->trusted = true;
        RunContext ctx;
        const std::uint64_t address = good() + 32 - static_cast<std::uint64_t>(off);
        const Outcome vm = run_vm(*plain, ctx, {address});
        ASSERT_TRUE(vm.done);
        expect(*image, {.r0 = vm.r0}, {address}, false);
      }
  }
}

// In an arena the low half of a register counts; what is missing reads 0 and swallows stores.
TEST_F(Faults, arena_accesses) {
  image::MapDescriptor arena;
  arena.type = uapi::MapType::arena;
  arena.base = page_;
  Environment environment;
  environment.maps[1] = &arena;
  for (const isa::Op& row : isa::ops()) {
    const bool loads = row.action == isa::Class::load || row.action == isa::Class::load_acquire;
    const bool memory = loads || row.action == isa::Class::store || row.action == isa::Class::store_imm ||
                        row.action == isa::Class::store_release || row.action == isa::Class::atomic;
    if (!memory) continue;
    for (int off : {0, 8, 504}) {
      // r0 = 5, r3 = 9; operation at r1; r0 = r0 + 16 * r3
      auto image = lower({make("mov64_imm", 0, 0, 0, 5), make("mov64_imm", 3, 0, 0, 9),
                          make(row.name, loads ? 3 : 1, loads ? 1 : 3, off, 0x77),
                          make("lsh64_imm", 3, 0, 0, 4), make("add64_reg", 0, 3), make("exit")},
                         environment);
      image::set_access(image->insts[2], row.action, image::Access::arena);
      std::uint64_t r0 = 5, r3 = 9;
      if (loads || isa::writes_src(row)) r3 = 0;
      if (row.operation == isa::Operation::cmpxchg) r0 = 0;
      const std::uint64_t noise = 0x1234'0000'0000'0000;
      expect(*image, {.r0 = r0 + 16 * r3}, {(bad() & 0xffff'ffff) | noise}, false);
      // The same where the memory is there, against plain code.
      auto plain = lower({make("mov64_imm", 0, 0, 0, 5), make("mov64_imm", 3, 0, 0, 9),
                          make(row.name, loads ? 3 : 1, loads ? 1 : 3, off, 0x77),
                          make("lsh64_imm", 3, 0, 0, 4), make("add64_reg", 0, 3), make("exit")});
      plain->trusted = true;
      for (const Way& way : ways()) {
        auto fill = [&] {
          for (std::size_t i = 0; i < 512 + 16; i++) page_[size_ + i] = static_cast<std::uint8_t>(i * 7 + 5);
          page_[size_ + static_cast<std::size_t>(off)] = 5;
          std::memset(page_ + size_ + off + 1, 0, 7);
        };
        fill();
        RunContext ctx;
        image->trusted = true;
        const Outcome jit = run_jit(*image, ctx, {(good() & 0xffff'ffff) | noise}, way.options);
        const std::vector<std::uint8_t> after(page_ + size_, page_ + 2 * size_);
        fill();
        const Outcome vm = run_vm(*plain, ctx, {good()});
        ASSERT_TRUE(jit.done && vm.done) << row.name << " " << way.name << ": " << jit.fault << vm.fault;
        EXPECT_EQ(jit.r0, vm.r0) << row.name << " " << way.name;
        EXPECT_EQ(std::memcmp(after.data(), page_ + size_, size_), 0) << row.name << " " << way.name;
      }
    }
  }
}

TEST(Control, addr_space_cast) {
  image::MapDescriptor arena;
  arena.type = uapi::MapType::arena;
  arena.base = reinterpret_cast<std::uint8_t*>(0x7f12'0000'0000);
  Environment environment;
  environment.maps[1] = &arena;
  for (int imm : {1, 1 << 16})
    for (unsigned src : {0U, 2U}) {
      const Program program{make("mov64_reg", src, 1), make("addr_space_cast", 0, src, 1, imm), make("exit")};
      auto image = lower(program, environment);
      expect(*image, {.r0 = 0}, {0});
      expect(*image, {.r0 = 0}, {0x5555'0000'0000});
      expect(*image, {.r0 = 0x7f12'8000'0010}, {0x1'8000'0010});
      auto none = lower(program);
      expect(*none, {.done = false, .fault_inst = 1}, {5});
    }
}

TEST(Control, no_page_is_writable_and_executable) {
  auto image = lower({make("mov64_imm", 0, 0, 0, 1), make("exit")});
  image->trusted = true;
  auto code = compile(*image);
  ASSERT_TRUE(code);
  std::ifstream maps("/proc/self/maps");
  std::string line;
  bool seen = false;
  const auto at = reinterpret_cast<std::uint64_t>(code->bytes().data());
  while (std::getline(maps, line)) {
    std::uint64_t first = 0, end = 0;
    char rights[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &first, &end, rights) != 3) continue;
    EXPECT_FALSE(rights[1] == 'w' && rights[2] == 'x') << line;
    if (at >= first && at < end) {
      seen = true;
      EXPECT_EQ(std::string(rights).substr(0, 3), "r-x") << line;
    }
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace skep::jit::testing
