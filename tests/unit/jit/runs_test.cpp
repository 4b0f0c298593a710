// What surrounds the instructions: calls, callbacks, tail calls, faults, cancellation, probe loads, jump
// tables.
#include <signal.h>
#include <sys/mman.h>

#include <mutex>
#include <thread>

#include "engines.h"
#include "skep/image/limits.h"
#include "skep/uapi/helpers.h"

namespace skep::jit::testing {
namespace {

using image::RunContext;

// r0 on all engines, with a context that the test prepares each time.
template <class Prepare>
Outcome everywhere(const image::Image& image, Prepare prepare, bool same_r0 = true) {
  RunContext ctx;
  prepare(ctx);
  Outcome vm = run_vm(image, ctx, {reinterpret_cast<std::uint64_t>(ctx.context)});
  for (const Way& way : ways()) {
    RunContext jit_ctx;
    prepare(jit_ctx);
    Outcome jit = run_jit(image, jit_ctx, {reinterpret_cast<std::uint64_t>(jit_ctx.context)}, way.options);
    EXPECT_EQ(jit.done, vm.done) << way.name << ": " << jit.fault << " / " << vm.fault;
    if (same_r0) {
      EXPECT_EQ(jit.r0, vm.r0) << way.name;
    }
    EXPECT_EQ(jit.fault_inst, vm.fault_inst) << way.name << ": " << jit.fault << " / " << vm.fault;
  }
  return vm;
}

std::unique_ptr<image::Image> trusted(const Program& program, const Environment& environment = {}) {
  auto image = lower(program, environment);
  image->trusted = true;
  return image;
}

std::uint64_t sum5(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d, std::uint64_t e,
                   RunContext* ctx) {
  return a + 2 * b + 3 * c + 4 * d + 5 * e + ctx->cpu;
}
std::uint64_t wrong(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                    RunContext* ctx) {
  ctx->fault = "the program is at fault";
  return 0;
}
std::uint64_t bpf_loop(std::uint64_t count, std::uint64_t function, std::uint64_t user, std::uint64_t flags,
                       std::uint64_t, RunContext* ctx) {
  if (flags) return static_cast<std::uint64_t>(-22);
  const auto n = static_cast<std::uint32_t>(count);
  if (n > 1 << 23) return static_cast<std::uint64_t>(-7);
  for (std::uint32_t i = 0; i < n; i++)
    if (ctx->call_function(ctx, function, i, user, 0, 0, 0) || ctx->fault) return i + 1;
  return n;
}

Environment helpers() {
  Environment environment;
  environment.helpers[100] = {sum5, nullptr, "sum5", 100};
  environment.helpers[101] = {wrong, nullptr, "wrong", 101};
  environment.helpers[181] = {bpf_loop, uapi::find_helper(181), "bpf_loop", 181};
  return environment;
}

TEST(Runs, only_verified_or_trusted_images_compile) {
  auto image = lower({make("mov64_imm", 0), make("exit")});
  auto code = compile(*image);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, EACCES);
  EXPECT_EQ(code.error().message, "image 'test' carries no verdict: only verified programs are compiled");
  image->verified = true;
  EXPECT_TRUE(compile(*image));
}

TEST(Runs, broken_images_are_refused) {
  auto refused = [](void (*spoil)(image::Image&)) {
    auto image = trusted({make("mov64_imm", 0), make("ja", 0, 0, 0), make("exit")});
    spoil(*image);
    auto code = compile(*image);
    return code ? std::string() : code.error().message;
  };
  EXPECT_EQ(refused([](image::Image& i) { i.insts[1].off = 7; }),
            "image 'test': inst 1: jump out of the function");
  EXPECT_EQ(refused([](image::Image& i) { i.insts[0].op = 60000; }), "image 'test': inst 0: no instruction");
  EXPECT_EQ(refused([](image::Image& i) { i.insts[0].dst = 10; }), "image 'test': inst 0: r10 is written");
  EXPECT_EQ(refused([](image::Image& i) { i.insts.pop_back(); }),
            "image 'test': inst 1: jump out of the function");
  EXPECT_EQ(refused([](image::Image& i) { i.insts[2] = i.insts[0]; }),
            "image 'test': inst 2: control runs over the end of the function");
}

TEST(Runs, helpers_get_five_arguments_and_the_context) {
  auto image = trusted(
      {make("mov64_imm", 1, 0, 0, 1), make("mov64_imm", 2, 0, 0, 10), make("mov64_imm", 3, 0, 0, 100),
       make("mov64_imm", 4, 0, 0, 1000), make("mov64_imm", 5, 0, 0, 10000), make("mov64_imm", 6, 0, 0, 7),
       make("mov64_imm", 9, 0, 0, 9), make("call_helper", 0, 0, 0, 100), make("add64_reg", 0, 6),
       make("add64_reg", 0, 9), make("exit")},
      helpers());
  Outcome out = everywhere(*image, [](RunContext& ctx) { ctx.cpu = 3; });
  EXPECT_EQ(out.r0, 1u + 20 + 300 + 4000 + 50000 + 3 + 7 + 9);
}

TEST(Runs, a_helpers_fault_ends_the_run) {
  auto image = trusted({make("mov64_imm", 6, 0, 0, 1), make("call_local", 0, 0, 0, 1), make("exit"),
                        make("call_helper", 0, 0, 0, 101), make("exit")},
                       helpers());
  Outcome out = everywhere(*image, [](RunContext&) {});
  EXPECT_FALSE(out.done);
  EXPECT_EQ(out.fault_inst, 3u);
  RunContext ctx;
  EXPECT_EQ(run_jit(*image, ctx, {}).fault, "insn 3: wrong: the program is at fault");
}

TEST(Runs, local_calls_keep_the_callers_registers_and_stacks_apart) {
  everywhere(
      *trusted({make("mov64_imm", 6, 0, 0, 6), make("mov64_imm", 7, 0, 0, 7), make("mov64_imm", 8, 0, 0, 8),
                make("mov64_imm", 9, 0, 0, 9), make("stdw", 10, 0, -8, 1234), make("mov64_imm", 1, 0, 0, 5),
                make("mov64_reg", 2, 10), make("call_local", 0, 0, 0, 8), make("add64_reg", 0, 6),
                make("lsh64_imm", 0, 0, 0, 4), make("add64_reg", 0, 7), make("add64_reg", 0, 8),
                make("add64_reg", 0, 9), make("ldxdw", 1, 10, -8), make("add64_reg", 0, 1), make("exit"),
                // f(r1, r2): changes everything, writes into the caller's frame
                make("mov64_imm", 6, 0, 0, 1), make("mov64_imm", 7, 0, 0, 2), make("mov64_imm", 8, 0, 0, 3),
                make("mov64_imm", 9, 0, 0, 4), make("stdw", 10, 0, -8, 99), make("stdw", 2, 0, -8, 4321),
                make("mov64_reg", 0, 1), make("exit")}),
      [](RunContext&) {});
}

TEST(Runs, recursion_ends_after_eight_frames) {
  Outcome out = everywhere(*trusted({make("mov64_imm", 0, 0, 0, 0), make("call_local", 0, 0, 0, 1),
                                     make("exit"), make("call_local", 0, 0, 0, -1), make("exit")}),
                           [](RunContext&) {});
  EXPECT_FALSE(out.done);
  // A chain of eight is allowed, one of nine is not.
  for (int frames : {8, 9}) {
    Program p;
    for (int i = 1; i < frames; i++) {
      p.push_back(make("call_local", 0, 0, 0, 1));
      p.push_back(make("exit"));
    }
    p.push_back(make("mov64_imm", 0, 0, 0, 5));
    p.push_back(make("exit"));
    Outcome chain = everywhere(*trusted(p), [](RunContext&) {});
    EXPECT_EQ(chain.done, frames == 8);
  }
}

Program loop_program(std::int32_t count, bool known, bool stops, int flags = 0) {
  Program p{make("stdw", 10, 0, -8, 0), make("mov64_imm", 1, 0, 0, count),
            make("lddw_func", 2, 0, 0, known ? 9 : 11)};
  if (!known) {
    // Through memory nobody knows it.
    p.push_back(make("stxdw", 10, 2, -16));
    p.push_back(make("ldxdw", 2, 10, -16));
  }
  p.insert(p.end(),
           {make("mov64_reg", 3, 10), make("add64_imm", 3, 0, 0, -8), make("mov64_imm", 4, 0, 0, flags),
            make("call_helper", 0, 0, 0, 181), make("lsh64_imm", 0, 0, 0, 32), make("ldxdw", 1, 10, -8),
            make("xor64_reg", 0, 1), make("exit"),
            // callback(i, &sum): sum = sum * 3 + i; 0, or i == 5
            make("ldxdw", 3, 2, 0), make("mul64_imm", 3, 0, 0, 3), make("add64_reg", 3, 1),
            make("stxdw", 2, 3, 0), make("mov64_imm", 0, 0, 0, 0)});
  if (stops) {
    p.push_back(make("jne64_imm", 1, 0, 1, 5));
    p.push_back(make("mov64_imm", 0, 0, 0, 1));
  }
  p.push_back(make("exit"));
  return p;
}

TEST(Runs, bpf_loop_with_a_known_and_an_unknown_callback) {
  for (bool known : {true, false})
    for (bool stops : {true, false})
      for (std::int32_t count : {0, 1, 5, 6, 7, 1000, 1 << 23, (1 << 23) + 1, -1}) {
        if (count == 1 << 23 && !stops) continue;  // long
        everywhere(*trusted(loop_program(count, known, stops), helpers()), [](RunContext&) {});
        everywhere(*trusted(loop_program(count, known, stops, 1), helpers()), [](RunContext&) {});
      }
}

TEST(Runs, a_callbacks_fault_ends_the_run_where_it_happened) {
  for (bool known : {true, false}) {
    Program p{make("mov64_imm", 1, 0, 0, 10), make("lddw_func", 2, 0, 0, known ? 5 : 7)};
    if (!known) {
      p.push_back(make("stxdw", 10, 2, -16));
      p.push_back(make("ldxdw", 2, 10, -16));
    }
    p.insert(p.end(), {make("mov64_imm", 3), make("mov64_imm", 4), make("call_helper", 0, 0, 0, 181),
                       make("exit"), make("call_helper", 0, 0, 0, 101), make("mov64_imm", 0), make("exit")});
    Outcome out = everywhere(*trusted(p, helpers()), [](RunContext&) {});
    EXPECT_FALSE(out.done);
  }
}

TEST(Runs, callbacks_count_as_frames) {
  // The callback starts the loop again: too deep.
  auto image =
      trusted({make("mov64_imm", 1, 0, 0, 1), make("lddw_func", 2, 0, 0, 5), make("mov64_imm", 3),
               make("mov64_imm", 4), make("call_helper", 0, 0, 0, 181), make("exit"),
               make("mov64_imm", 1, 0, 0, 1), make("lddw_func", 2, 0, 0, -2), make("mov64_imm", 3),
               make("mov64_imm", 4), make("call_helper", 0, 0, 0, 181), make("mov64_imm", 0), make("exit")},
              helpers());
  Outcome out = everywhere(*image, [](RunContext&) {});
  EXPECT_FALSE(out.done);
}

TEST(Runs, callx_calls_functions_and_numbered_helpers) {
  auto environment = helpers();
  auto image = trusted({make("mov64_imm", 6, 0, 0, 3), make("lddw_func", 7, 0, 0, 5),
                        make("mov64_imm", 1, 0, 0, 20), make("callx", 7), make("add64_reg", 0, 6),
                        make("exit"), make("mov64_imm", 6, 0, 0, 9), make("mov64_reg", 0, 1), make("exit")},
                       environment);
  EXPECT_EQ(everywhere(*image, [](RunContext&) {}).r0, 23u);
  for (unsigned reg : {0U, 1U, 5U, 8U}) {
    Program p{make("mov64_imm", 1, 0, 0, 1),
              make("mov64_imm", 2, 0, 0, 2),
              make("mov64_imm", 3, 0, 0, 3),
              make("mov64_imm", 4, 0, 0, 4),
              make("mov64_imm", 5, 0, 0, 5),
              make("mov64_imm", reg, 0, 0, 100),
              make("callx", reg),
              make("exit")};
    EXPECT_TRUE(everywhere(*trusted(p, environment), [](RunContext&) {}).done);
    p[5] = make("mov64_imm", reg, 0, 0, 4711);
    Outcome out = everywhere(*trusted(p, environment), [](RunContext&) {});
    EXPECT_FALSE(out.done);
    RunContext ctx;
    EXPECT_EQ(run_jit(*trusted(p, environment), ctx, {}).fault,
              "insn 6: the target is 0x1267, must be a function of this program");
  }
}

TEST(Runs, may_goto_gives_up) {
  auto image = trusted({make("mov64_imm", 0), make("add64_imm", 0, 0, 0, 1), make("may_goto", 0, 0, 1),
                        make("ja", 0, 0, -3), make("may_goto", 0, 0, 1), make("mov64_imm", 0), make("exit")});
  EXPECT_EQ(everywhere(*image, [](RunContext&) {}).r0, image::max_loops + 1u);
}

// --- tail calls ---

struct Tail {
  std::vector<const image::Image*> programs;
};

std::uint64_t tail_call(std::uint64_t, std::uint64_t, std::uint64_t index, std::uint64_t, std::uint64_t,
                        RunContext* ctx) {
  auto* tail = static_cast<Tail*>(ctx->extra);
  if (index >= tail->programs.size() || ctx->tail_calls >= 33 || !tail->programs[index])
    return static_cast<std::uint64_t>(-22);
  ctx->tail_calls++;
  ctx->tail_target = tail->programs[index];
  return 0;
}

Environment tail_environment() {
  Environment environment = helpers();
  environment.helpers[12] = {tail_call, uapi::find_helper(12), "bpf_tail_call", 12};
  return environment;
}

// Runs programs[0] on the interpreter and compiled; the results agree.
Outcome tail_run(const std::vector<image::Image*>& programs, std::vector<const image::Image*> table,
                 Options options = {}) {
  Tail tail{std::move(table)};
  RunContext ctx;
  ctx.extra = &tail;
  std::uint64_t context[2] = {5, 0};
  ctx.context = context;
  Outcome vm = run_vm(*programs[0], ctx, {reinterpret_cast<std::uint64_t>(context)});
  const std::uint32_t calls = ctx.tail_calls;
  std::vector<Code> codes;
  for (image::Image* image : programs) {
    auto code = compile(*image, options);
    EXPECT_TRUE(code) << code.error().message;
    codes.push_back(std::move(*code));
    image->native = codes.back().handle();
  }
  static Machine machine;
  RunContext jit_ctx;
  jit_ctx.extra = &tail;
  context[0] = 5;
  context[1] = 0;
  jit_ctx.context = context;
  Outcome jit;
  jit.done = machine.run(codes[0], jit_ctx, &jit.r0);
  if (!jit.done) jit.fault = machine.fault().message();
  EXPECT_EQ(jit.done, vm.done) << jit.fault << " / " << vm.fault;
  EXPECT_EQ(jit.r0, vm.r0);
  EXPECT_EQ(jit_ctx.tail_calls, calls);
  EXPECT_EQ(jit_ctx.image, programs[0]);
  for (image::Image* image : programs) image->native = nullptr;
  return jit;
}

Program tail_program(int add) {
  return {make("mov64_reg", 6, 1),
          make("ldxdw", 7, 6, 0),
          make("add64_imm", 7, 0, 0, add),
          make("stxdw", 6, 7, 0),
          make("mov64_reg", 1, 6),
          make("mov64_imm", 2),
          make("mov64_imm", 3),
          make("call_helper", 0, 0, 0, 12),
          make("ldxdw", 0, 6, 0),
          make("exit")};
}

TEST(TailCalls, one_after_the_other_up_to_the_limit) {
  auto first = trusted(tail_program(1), tail_environment()),
       second = trusted(tail_program(100), tail_environment());
  for (const Way& way : ways()) {
    // Itself, 33 times.
    EXPECT_EQ(tail_run({first.get()}, {first.get()}, way.options).r0, 5u + 34);
    EXPECT_EQ(tail_run({first.get(), second.get()}, {second.get()}, way.options).r0, 5u + 1 + 33 * 100);
    EXPECT_EQ(tail_run({first.get()}, {nullptr}, way.options).r0, 6u);
  }
}

TEST(TailCalls, from_a_subprogram_and_back_into_the_caller) {
  // main: r6 = ctx; f(ctx); callback check; r0 = r0 * 1000 + ctx[1]
  auto main =
      trusted({make("mov64_reg", 6, 1), make("call_local", 0, 0, 0, 5), make("mul64_imm", 0, 0, 0, 1000),
               make("ldxdw", 1, 6, 0), make("add64_reg", 0, 1), make("exit"), make("exit"),
               make("mov64_imm", 2), make("mov64_imm", 3), make("mov64_imm", 9, 0, 0, 77),
               make("call_helper", 0, 0, 0, 12), make("mov64_imm", 0, 0, 0, 1), make("exit")},
              tail_environment());
  auto other = trusted({make("mov64_reg", 6, 1), make("mov64_imm", 8, 0, 0, 3), make("stdw", 6, 0, 0, 9),
                        make("mov64_imm", 0, 0, 0, 42), make("exit")},
                       tail_environment());
  EXPECT_EQ(tail_run({main.get(), other.get()}, {other.get()}).r0, 42009u);
  EXPECT_EQ(tail_run({main.get()}, {}).r0, 1005u);
}

TEST(TailCalls, into_a_program_without_code_is_a_fault) {
  auto first = trusted(tail_program(1), tail_environment()),
       second = trusted(tail_program(100), tail_environment());
  auto code = compile(*first);
  ASSERT_TRUE(code);
  Tail tail{{second.get()}};
  RunContext ctx;
  ctx.extra = &tail;
  std::uint64_t context[2] = {};
  ctx.context = context;
  Machine machine;
  std::uint64_t r0 = 0;
  EXPECT_FALSE(machine.run(*code, ctx, &r0));
  EXPECT_EQ(machine.fault().message(), "insn 7: tail call into a program that is not compiled");
}

TEST(TailCalls, the_limit_of_frames_holds_across_programs) {
  // Each program calls a function that tail calls the next program: one frame more each time.
  auto image =
      trusted({make("call_local", 0, 0, 0, 1), make("exit"), make("mov64_imm", 2), make("mov64_imm", 3),
               make("call_helper", 0, 0, 0, 12), make("mov64_imm", 0, 0, 0, 1), make("exit")},
              tail_environment());
  EXPECT_FALSE(tail_run({image.get()}, {image.get()}).done);
}

// 8 frames fit, the caller's one is given back; one more is a fault of the caller.
TEST(TailCalls, below_the_first_frame_the_targets_frames_must_fit) {
  auto chain = [](unsigned calls) {
    Program p;
    for (unsigned i = 0; i < calls; i++) {
      p.push_back(make("call_local", 0, 0, 0, 1));
      p.push_back(make("exit"));
    }
    for (const auto& inst : {make("mov64_imm", 2), make("mov64_imm", 3), make("call_helper", 0, 0, 0, 12),
                             make("mov64_imm", 0, 0, 0, 42), make("exit")})
      p.push_back(inst);
    return p;
  };
  auto target =
      trusted({make("mov64_reg", 6, 1), make("call_local", 0, 0, 0, 1), make("exit"),
               make("call_local", 0, 0, 0, 1), make("exit"), make("mov64_imm", 0, 0, 0, 42), make("exit")},
              tail_environment());
  for (const Way& way : ways()) {
    auto fits = trusted(chain(5), tail_environment()), deep = trusted(chain(6), tail_environment());
    EXPECT_EQ(tail_run({fits.get(), target.get()}, {target.get()}, way.options).r0, 42u);
    auto code = compile(*deep, way.options), other = compile(*target, way.options);
    ASSERT_TRUE(code && other);
    target->native = other->handle();
    Tail tail{{target.get()}};
    RunContext ctx;
    ctx.extra = &tail;
    Machine machine;
    std::uint64_t r0 = 0;
    EXPECT_FALSE(machine.run(*code, ctx, &r0));
    EXPECT_EQ(machine.fault().message(), "insn 14: more than 8 frames");
    EXPECT_EQ(machine.fault().image, deep.get());
    target->native = nullptr;
  }
}

std::uint64_t array_tail_call(std::uint64_t, std::uint64_t map, std::uint64_t index, std::uint64_t,
                              std::uint64_t, RunContext* ctx) {
  const auto* array = reinterpret_cast<const image::MapDescriptor*>(map);
  const auto i = static_cast<std::uint32_t>(index);
  if (i >= array->max_entries || ctx->tail_calls >= image::max_tail_calls)
    return static_cast<std::uint64_t>(-22);
  if (!array->targets[i]) return static_cast<std::uint64_t>(-22);
  ctx->tail_calls++;
  ctx->tail_target = array->targets[i];
  return 0;
}

// Who asks which image runs is told, though programs that call nobody leave no word of themselves.
TEST(TailCalls, helpers_see_the_image_that_runs) {
  const image::Image* targets[2] = {};
  image::MapDescriptor array;
  array.type = uapi::MapType::prog_array;
  array.max_entries = 2;
  array.targets = targets;
  Environment environment = helpers();
  environment.maps[1] = &array;
  environment.helpers[12] = {array_tail_call, uapi::find_helper(12), "bpf_tail_call", 12};
  environment.helpers[5] = {[](std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                               RunContext* ctx) { return reinterpret_cast<std::uint64_t>(ctx->image); },
                            uapi::find_helper(5), "bpf_ktime_get_ns", 5};
  auto go_on = [&](int index) {
    return trusted({make("lddw_map_fd", 2, 0, 0, 1), make("mov64_imm", 3, 0, 0, index),
                    make("call_helper", 0, 0, 0, 12), make("exit")},
                   environment);
  };
  auto first = go_on(0), second = go_on(1);
  auto third = trusted({make("call_helper", 0, 0, 0, 5), make("exit")}, environment);
  targets[0] = second.get();
  targets[1] = third.get();
  for (const Way& way : ways()) {
    std::vector<Code> codes;
    for (auto* image : {first.get(), second.get(), third.get()}) {
      codes.push_back(*compile(*image, way.options));
      image->native = codes.back().handle();
    }
    RunContext ctx;
    Machine machine;
    std::uint64_t r0 = 0;
    ASSERT_TRUE(machine.run(codes[0], ctx, &r0)) << machine.fault().message();
    EXPECT_EQ(ctx.image, first.get());
    EXPECT_EQ(r0, reinterpret_cast<std::uint64_t>(third.get()));
  }
}

TEST(TailCalls, through_a_known_array) {
  const image::Image* targets[3] = {};
  image::MapDescriptor array;
  array.type = uapi::MapType::prog_array;
  array.max_entries = 3;
  array.targets = targets;
  Environment environment = helpers();
  environment.maps[1] = &array;
  environment.helpers[12] = {array_tail_call, uapi::find_helper(12), "bpf_tail_call", 12};
  auto program = [&](int add, std::int64_t index, bool known) {
    return trusted(
        {make("mov64_reg", 6, 1), make("ldxdw", 7, 6, 0), make("add64_imm", 7, 0, 0, add),
         make("stxdw", 6, 7, 0), make("mov64_reg", 1, 6), make("lddw_map_fd", 2, 0, 0, 1),
         make("lddw", 3, 0, 0, index), make("stxdw", 10, 3, -8),
         known ? make("mov64_reg", 5, 3) : make("ldxdw", 3, 10, -8), make("call_helper", 0, 0, 0, 12),
         make("ldxdw", 1, 6, 0), make("lsh64_imm", 0, 0, 0, 8), make("xor64_reg", 0, 1), make("exit")},
        environment);
  };
  for (const Way& way : ways())
    for (std::int64_t index : {std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{3},
                               std::int64_t{-1}, std::int64_t{0x1'0000'0001}})
      for (bool known : {false, true}) {
        auto first = program(1, index, known), second = program(100, index, known);
        targets[0] = first.get();
        targets[1] = second.get();
        EXPECT_TRUE(tail_run({first.get(), second.get()}, {}, way.options).done);
      }
}

// --- for_each ---

std::uint64_t for_each(std::uint64_t map, std::uint64_t function, std::uint64_t user, std::uint64_t flags,
                       std::uint64_t, RunContext* ctx) {
  if (flags) return static_cast<std::uint64_t>(-22);
  auto* m = reinterpret_cast<image::MapDescriptor*>(map);
  for (std::uint32_t i = 0; i < m->max_entries; i++) {
    std::uint32_t key = i;
    auto value =
        reinterpret_cast<std::uint64_t>(m->base + ctx->cpu * m->cpu_stride + std::uint64_t{i} * m->stride);
    if (ctx->call_function(ctx, function, map, reinterpret_cast<std::uint64_t>(&key), value, user, 0) ||
        ctx->fault)
      return i + 1;
  }
  return m->max_entries;
}

TEST(Runs, for_each_over_arrays) {
  for (std::uint32_t cpus : {1U, 2U})
    for (int flags : {0, 1})
      for (int stop : {-1, 0, 3}) {
        std::vector<std::uint64_t> memory(7 * 2 * cpus);
        image::MapDescriptor array;
        array.type = cpus > 1 ? uapi::MapType::percpu_array : uapi::MapType::array;
        array.max_entries = 7;
        array.stride = 16;
        array.base = reinterpret_cast<std::uint8_t*>(memory.data());
        array.cpu_stride = cpus > 1 ? 7 * 16 : 0;
        Environment environment = helpers();
        environment.maps[1] = &array;
        environment.helpers[164] = {for_each, uapi::find_helper(164), "bpf_for_each_map_elem", 164};
        auto image = trusted(
            {make("stdw", 10, 0, -8, 1), make("lddw_map_fd", 1, 0, 0, 1), make("lddw_func", 2, 0, 0, 9),
             make("mov64_reg", 3, 10), make("add64_imm", 3, 0, 0, -8), make("mov64_imm", 4, 0, 0, flags),
             make("call_helper", 0, 0, 0, 164), make("lsh64_imm", 0, 0, 0, 40), make("ldxdw", 1, 10, -8),
             make("xor64_reg", 0, 1), make("exit"),
             // (map, key, value, user): *user = *user * 5 + *key + *value; *value = *key
             make("ldxw", 6, 2, 0), make("ldxdw", 7, 3, 0), make("ldxdw", 0, 4, 0),
             make("mul64_imm", 0, 0, 0, 5), make("add64_reg", 0, 6), make("add64_reg", 0, 7),
             make("stxdw", 4, 0, 0), make("stxdw", 3, 6, 0), make("mov64_imm", 0),
             make("jne64_imm", 6, 0, 1, stop), make("mov64_imm", 0, 0, 0, 1), make("exit")},
            environment);
        everywhere(*image, [&](RunContext& ctx) {
          ctx.cpu = cpus - 1;
          for (std::size_t i = 0; i < memory.size(); i++) memory[i] = i * i;
        });
      }
}

// --- gotox ---

TEST(Runs, gotox_goes_where_the_table_says) {
  Program p{make("mov64_reg", 6, 1),       make("gotox", 6), make("mov64_imm", 0, 0, 0, 1), make("exit"),
            make("mov64_imm", 0, 0, 0, 2), make("exit"),     make("mov64_imm", 0, 0, 0, 3), make("exit")};
  for (bool listed : {false, true}) {
    auto image = trusted(p);
    if (listed) image->indirect_targets = {2, 4, 6};
    for (const Way& way : ways()) {
      auto run = [&](std::uint64_t target) {
        RunContext ctx;
        return run_jit(*image, ctx, {target}, way.options);
      };
      const auto base = reinterpret_cast<std::uint64_t>(image->insts.data());
      for (std::uint64_t i : {2U, 4U, 6U}) {
        RunContext ctx;
        Outcome vm = run_vm(*image, ctx, {base + i * sizeof(image::Inst)});
        Outcome jit = run(base + i * sizeof(image::Inst));
        EXPECT_TRUE(jit.done) << jit.fault;
        EXPECT_EQ(jit.r0, vm.r0);
      }
      for (std::uint64_t bad : {base + 8, base - 16, base + 8 * 16, std::uint64_t{0}, ~std::uint64_t{0}}) {
        Outcome jit = run(bad);
        EXPECT_FALSE(jit.done);
        EXPECT_EQ(jit.fault_inst, 1u);
      }
      EXPECT_EQ(run(base + 5 * 16).done, !listed);
    }
  }
}

// --- memory that is not there ---

void handler(int, siginfo_t* info, void* context) {
  if (!recover(info->si_addr, context)) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
  }
}

class Faulting : public ::testing::Test {
 protected:
  void SetUp() override {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, &before_);
    hole_ = static_cast<std::uint8_t*>(
        mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memset(hole_, 0x5a, 8192);
    mprotect(hole_ + 4096, 4096, PROT_NONE);
  }
  void TearDown() override {
    sigaction(SIGSEGV, &before_, nullptr);
    munmap(hole_, 8192);
  }
  struct sigaction before_ = {};
  std::uint8_t* hole_ = nullptr;  // a page that is there and one that is not
};

bool guarded(void* to, const void* from, std::size_t size) {
  const auto page = reinterpret_cast<std::uint64_t>(from) + size - 1;
  // The test's memory: readable below the middle.
  static thread_local unsigned char probe;
  int fds[2];
  if (pipe(fds) != 0) return false;
  const bool ok = write(fds[1], reinterpret_cast<const void*>(page), 1) == 1 && write(fds[1], from, 1) == 1;
  close(fds[0]);
  close(fds[1]);
  static_cast<void>(probe);
  if (ok) std::memcpy(to, from, size);
  return ok;
}

TEST_F(Faulting, probe_loads_read_zero) {
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::load) continue;
    for (unsigned dst : {0U, 1U, 3U, 7U})
      for (unsigned base : {1U, 3U, 8U}) {
        auto image =
            trusted({make("mov64_reg", base, 1), make("mov64_imm", dst == base ? 5 : dst, 0, 0, -1),
                     make("mov64_reg", 4, base), make("add64_imm", 4, 0, 0, 8), make(row.name, dst, 4, 0),
                     make("mov64_reg", 0, dst), make("add64_imm", 0, 0, 0, 1), make("exit")});
        image::set_access(image->insts[4], isa::Class::load, image::Access::probe);
        for (std::uint8_t* at :
             {hole_, hole_ + 4096, static_cast<std::uint8_t*>(nullptr), hole_ + 4096 - 8 - row.width / 16}) {
          RunContext ctx;
          ctx.copy_guarded = guarded;
          Outcome vm = run_vm(*image, ctx, {reinterpret_cast<std::uint64_t>(at)});
          ASSERT_TRUE(vm.done);
          for (const Way& way : ways()) {
            RunContext jit_ctx;
            Outcome jit = run_jit(*image, jit_ctx, {reinterpret_cast<std::uint64_t>(at)}, way.options);
            ASSERT_TRUE(jit.done) << jit.fault;
            ASSERT_EQ(jit.r0, vm.r0) << row.name << " " << way.name;
          }
        }
      }
  }
}

TEST_F(Faulting, a_plain_access_ends_the_run) {
  auto image = trusted({make("mov64_imm", 6, 0, 0, 1), make("call_local", 0, 0, 0, 1), make("exit"),
                        make("stxdw", 1, 6, 16), make("mov64_imm", 0), make("exit")});
  Outcome out;
  for (const Way& way : ways()) {
    RunContext ctx;
    out = run_jit(*image, ctx, {reinterpret_cast<std::uint64_t>(hole_ + 4096)}, way.options);
    EXPECT_FALSE(out.done);
    EXPECT_EQ(out.fault_inst, 3u);
    EXPECT_TRUE(out.fault.starts_with("insn 3: access to memory that is not there, at 0x")) << out.fault;
  }
}

TEST_F(Faulting, arena_accesses) {
  // An arena whose upper half is the hole's; the second page is missing.
  image::MapDescriptor arena;
  arena.type = uapi::MapType::arena;
  arena.base = hole_;
  const auto low = static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(hole_));
  auto compare = [&](const isa::Op& row, std::int32_t page) {
    if (row.action == isa::Class::atomic && page == 0 && row.operation == isa::Operation::cmpxchg) return;
    const bool loads = row.action == isa::Class::load;
    Program p{make("mov64_reg", 7, 1), make("mov64_imm", 0, 0, 0, 3), make("mov64_imm", 2, 0, 0, 77)};
    // Garbage in the upper half does not matter.
    p.push_back(make("lddw", 3, 0, 0, 0x1234'0000'0000'0000));
    p.push_back(make("or64_reg", 7, 3));
    p.push_back(loads                                 ? make(row.name, 2, 7, 8)
                : row.action == isa::Class::store_imm ? make(row.name, 7, 0, 8, 99)
                                                      : make(row.name, 7, 2, 8));
    p.push_back(make("mul64_imm", 0, 0, 0, 1000));
    p.push_back(make("add64_reg", 0, 2));
    p.push_back(make("exit"));
    auto image = trusted(p);
    image->maps.push_back(&arena);
    image::set_access(image->insts[5], row.action, image::Access::arena);
    auto run = [&](auto engine) {
      std::memset(hole_, 0x5a, 4096);
      Outcome out = engine();
      std::uint64_t word;
      std::memcpy(&word, hole_ + 8, 8);
      return std::tuple(out.done, out.r0, word, out.fault);
    };
    const std::uint64_t pointer = low + static_cast<std::uint32_t>(page);
    auto vm = run([&] {
      RunContext ctx;
      ctx.copy_guarded = guarded;
      return run_vm(*image, ctx, {pointer});
    });
    EXPECT_TRUE(std::get<0>(vm));
    for (const Way& way : ways())
      EXPECT_EQ(run([&] {
                  RunContext ctx;
                  return run_jit(*image, ctx, {pointer}, way.options);
                }),
                vm)
          << row.name << " " << way.name << " page " << page;
  };
  for (const isa::Op& row : isa::ops())
    if (row.action == isa::Class::load || row.action == isa::Class::store ||
        row.action == isa::Class::store_imm || row.action == isa::Class::atomic)
      for (std::int32_t page : {0, 4096}) compare(row, page);
}

TEST(Runs, addr_space_cast) {
  image::MapDescriptor arena;
  arena.type = uapi::MapType::arena;
  alignas(64) static std::uint8_t memory[64];
  arena.base = memory;
  for (std::int64_t imm : {std::int64_t{1}, std::int64_t{1} << 16})
    for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0xffff'ffff},
                                std::uint64_t{0x1'0000'0000}, ~std::uint64_t{0}}) {
      auto image = trusted({make("lddw", 3, 0, 0, static_cast<std::int64_t>(value)),
                            make("addr_space_cast", 0, 3, 0, imm), make("exit")});
      image->maps.push_back(&arena);
      EXPECT_TRUE(everywhere(*image, [](RunContext&) {}).done);
    }
  auto without = trusted({make("mov64_imm", 3), make("addr_space_cast", 0, 3, 0, 1), make("exit")});
  EXPECT_FALSE(everywhere(*without, [](RunContext&) {}).done);
}

// --- cancellation ---

TEST(Cancel, an_endless_loop_ends) {
  auto loop =
      trusted({make("mov64_imm", 0), make("add64_imm", 0, 0, 0, 1), make("ja", 0, 0, -2), make("exit")});
  auto conditional = trusted(
      {make("mov64_imm", 0), make("add64_imm", 0, 0, 0, 2), make("jne64_imm", 0, 0, -2, 1), make("exit")});
  auto callbacks = trusted({make("mov64_imm", 1, 0, 0, 1 << 23), make("lddw_func", 2, 0, 0, 6),
                            make("mov64_imm", 3), make("mov64_imm", 4), make("call_helper", 0, 0, 0, 181),
                            make("ja", 0, 0, -7), make("exit"), make("mov64_imm", 0), make("exit")},
                           helpers());
  for (image::Image* image : {loop.get(), conditional.get(), callbacks.get()})
    for (bool inlined : {true, false}) {
      std::atomic<bool> cancel{false};
      std::thread stop([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        cancel = true;
      });
      RunContext ctx;
      ctx.cancel = &cancel;
      Options options;
      options.cancellable = true;
      options.inline_helpers = inlined;
      Outcome jit = run_jit(*image, ctx, {}, options);
      stop.join();
      EXPECT_FALSE(jit.done);
      EXPECT_TRUE(jit.fault.ends_with(": the run was cancelled")) << jit.fault;
      // The flag stays: the interpreter stops at once.
      vm::Machine machine;
      std::uint64_t r0 = 0;
      EXPECT_FALSE(machine.run_cancellable(*image, ctx, &r0));
      EXPECT_EQ(machine.fault().kind, vm::FaultKind::cancelled);
    }
}

}  // namespace
}  // namespace skep::jit::testing
