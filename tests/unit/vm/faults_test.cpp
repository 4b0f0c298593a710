// Every way in which the checked interpreter stops a program, with the text that it gives:
// tests/golden/vm/faults.txt has a line for each. BLESS=1 rewrites the file.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "runs.h"

namespace skep::vm::testing {
namespace {

// A world with one of each kind of memory. The program gets the context in r1; the addresses of the rest are
// known to the test.
struct World {
  alignas(64) std::uint8_t packet[128] = {};
  alignas(64) std::uint8_t values[24 * 4] = {};
  alignas(64) std::uint8_t constants[32] = "constant text";
  alignas(64) std::uint8_t record[32] = {};
  std::uint32_t context[6] = {};

  image::MapDescriptor flows, inner, outer;
  image::Regions regions;
  image::RunContext ctx;
  Environment environment;

  static std::uint64_t address(const void* at) { return reinterpret_cast<std::uint64_t>(at); }
  std::int64_t at(const void* p) const { return static_cast<std::int64_t>(address(p)); }

  World() {
    auto region = [&](void* base, std::uint64_t size, image::RegionKind kind, bool writable,
                      const char* name) {
      image::Region r;
      r.base = address(base);
      r.size = size;
      r.kind = kind;
      r.writable = writable;
      r.name = name;
      return r;
    };
    image::Region map = region(values, sizeof values, image::RegionKind::map_value, true, "flows");
    map.stride = 24;
    map.cell = 16;
    regions.add(map);
    regions.add(region(constants, sizeof constants, image::RegionKind::map_value, false, ".rodata"));
    // 64 bytes of packet in the middle of its buffer.
    regions.add(region(packet + 32, 64, image::RegionKind::packet, true, "packet"));
    regions.add(region(record + 8, 16, image::RegionKind::ringbuf_record, true, "events"));
    ctx.regions = &regions;
    ctx.context = context;
    ctx.context_size = sizeof context;
    ctx.packet.data = packet + 32;
    ctx.packet.data_end = packet + 96;

    auto describe = [](image::MapDescriptor& m, uapi::MapType type, std::uint32_t key, std::uint32_t value,
                       const char* name) {
      m.type = type;
      m.key_size = key;
      m.value_size = value;
      std::strncpy(m.name, name, sizeof m.name - 1);
    };
    describe(flows, uapi::MapType::hash, 8, 16, "flows");
    describe(inner, uapi::MapType::hash, 4, 4, "inner");
    describe(outer, uapi::MapType::hash_of_maps, 4, 4, "outer");
    environment.maps[1] = &flows;
    environment.maps[2] = &outer;
    for (std::uint32_t id : {1u, 2u, 6u, 8u, 12u, 25u, 28u, 51u, 93u, 132u, 164u, 169u, 181u, 182u})
      if (const uapi::Helper* row = uapi::find_helper(id))
        environment.helpers[id] = {nothing, row, "bpf_" + std::string(row->name), id};
  }

  static std::uint64_t nothing(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                               image::RunContext*) {
    return 0;
  }
  std::string fault(Program program) {
    program.push_back(make("mov64_imm", 0, 0, 0, 0));
    program.push_back(make("exit"));
    auto image = lower(program, environment);
    image->type = uapi::ProgType::xdp;
    image->lines = {{0, 3, 1, "prog.c", "first"}, {2, 4, 5, "prog.c", "second"}};
    Outcome outcome = run(*image, ctx);
    return outcome.done ? "no fault" : outcome.fault;
  }
};

Program load_from(std::int64_t address, const char* load = "ldxdw", int off = 0) {
  return {make("lddw", 2, 0, 0, address), make(load, 0, 2, off)};
}
Program store_to(std::int64_t address, const char* store = "stdw", int off = 0) {
  return {make("lddw", 2, 0, 0, address), make(store, 2, 0, off, 1)};
}

std::vector<std::pair<std::string, std::string>> all_faults() {
  World world;
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&](std::string name, Program program) {
    out.emplace_back(std::move(name), world.fault(std::move(program)));
  };
  const std::int64_t packet = world.at(world.packet + 32), values = world.at(world.values),
                     constants = world.at(world.constants), record = world.at(world.record + 8);

  // Memory.
  add("fine: all of the memory",
      {make("lddw", 2, 0, 0, packet), make("ldxdw", 0, 2, 56), make("stb", 2, 0, 63, 1),
       make("lddw", 2, 0, 0, values), make("ldxdw", 0, 2, 8), make("stdw", 2, 0, 24 * 3 + 8, 1),
       make("lddw", 2, 0, 0, constants), make("ldxdw", 0, 2, 24), make("lddw", 2, 0, 0, record),
       make("stdw", 2, 0, 8, 1), make("stdw", 10, 0, -512, 1), make("ldxdw", 0, 10, -8),
       make("ldxw", 0, 1, 0)});
  add("null pointer", {make("mov64_imm", 2, 0, 0, 0), make("ldxw", 0, 2, 0)});
  add("null pointer + 8", {make("mov64_imm", 2, 0, 0, 0), make("ldxw", 0, 2, 8)});
  add("below null", {make("mov64_imm", 2, 0, 0, 0), make("ldxw", 0, 2, -8)});
  add("packet end", load_from(packet, "ldxb", 64));
  add("packet end + 4", load_from(packet, "ldxdw", 68));
  add("crossing the packet's end", load_from(packet, "ldxdw", 60));
  add("before the packet", load_from(packet, "ldxh", -2));
  add("crossing the packet's start", load_from(packet, "ldxdw", -2));
  add("crossing a cell", load_from(values, "ldxdw", 12));
  add("crossing a later cell", store_to(values, "stdw", 24 * 3 + 10));
  add("between cells", load_from(values, "ldxw", 18));
  add("behind the map", load_from(values, "ldxw", 24 * 4));
  add("before the map", load_from(values, "ldxw", -4));
  add("read-only", store_to(constants, "stw", 4));
  add("record", store_to(record, "stdw", 16));
  add("crossing the record's end", store_to(record, "stdw", 12));
  add("before the record", load_from(record, "ldxb", -1));
  add("stack below", {make("stdw", 10, 0, -520, 1)});
  add("stack, partly below", {make("stdw", 10, 0, -516, 1)});
  add("stack above", {make("ldxb", 0, 10, 0)});
  add("stack, partly above", {make("ldxdw", 0, 10, -4)});
  add("stack of a callee after its return",
      {make("call_local", 0, 0, 0, 4), make("ldxdw", 0, 0, 0), make("mov64_imm", 0, 0, 0, 0), make("exit"),
       make("mov64_imm", 0, 0, 0, 0), make("stdw", 10, 0, -8, 0), make("mov64_reg", 0, 10),
       make("add64_imm", 0, 0, 0, -8), make("exit")});
  add("far away", load_from(0x7000'0000'0000, "ldxdw"));
  add("around the end of the address space", load_from(-4, "ldxdw"));
  add("atomic, misaligned", {make("mov64_imm", 2, 0, 0, 1), make("atomic_add64", 10, 2, -12)});
  add("atomic on read-only",
      {make("lddw", 2, 0, 0, constants), make("mov64_imm", 3, 0, 0, 1), make("atomic_fetch_add32", 2, 3, 4)});

  // The context, by the members of xdp_md.
  add("fine: members of the context", {make("ldxw", 2, 1, 4), make("ldxw", 2, 1, 12)});
  add("context: half of data_end", {make("ldxh", 2, 1, 4)});
  add("context: two members at once", {make("ldxdw", 2, 1, 0)});
  add("context: beyond", {make("ldxw", 2, 1, 24)});
  add("context: a member that is only read", {make("stw", 1, 0, 4, 0)});
  add("context: as a helper's buffer",
      {make("lddw_map_fd", 2, 0, 0, 1), make("mov64_imm", 3, 0, 0, 0), make("mov64_reg", 4, 1),
       make("mov64_imm", 5, 0, 0, 8), make("call_helper", 0, 0, 0, 25)});

  // Registers.
  add("r0 at the beginning", {make("mov64_reg", 2, 0)});
  add("dst that holds no value", {make("add64_imm", 7, 0, 0, 1)});
  add("argument register after a call",
      {make("mov64_imm", 2, 0, 0, 1), make("call_helper", 0, 0, 0, 8), make("mov64_reg", 0, 2)});
  add("pointer from an empty register", {make("ldxw", 0, 8, 4)});
  add("stored register", {make("stxdw", 10, 3, -8)});
  add("r6 in a callee", {make("mov64_imm", 6, 0, 0, 1), make("call_local", 0, 0, 0, 1), make("exit"),
                         make("mov64_reg", 0, 6), make("exit")});
  add("exit without r0", {make("ja", 0, 0, 1), make("exit"), make("ja", 0, 0, -2)});

  // Calls.
  add("callx of a number", {make("mov64_imm", 3, 0, 0, 4711), make("callx", 3)});
  add("gotox of null", {make("mov64_imm", 3, 0, 0, 0), make("gotox", 3)});
  add("endless recursion", {make("call_local", 0, 0, 0, -1)});
  add("ld_abs without the context", {make("mov64_imm", 6, 0, 0, 5), make("ld_absb", 0, 0, 0, 0)});
  add("addr_space_cast without an arena",
      {make("mov64_imm", 2, 0, 0, 64), make("addr_space_cast", 0, 2, 0, 1)});

  // Arguments of helpers. lookup: bpf_map_lookup_elem(r1 = map, r2 = key).
  auto lookup = [&](Program before) {
    before.push_back(make("call_helper", 0, 0, 0, 1));
    return before;
  };
  add("fine: lookup",
      lookup({make("lddw_map_fd", 1, 0, 0, 1), make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -8)}));
  add("map: the context", lookup({make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -8)}));
  add("map: null",
      lookup({make("mov64_imm", 1, 0, 0, 0), make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -8)}));
  add("key: no value", lookup({make("lddw_map_fd", 1, 0, 0, 1)}));
  add("key: beyond the stack",
      lookup({make("lddw_map_fd", 1, 0, 0, 1), make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -4)}));
  add("key: null", lookup({make("lddw_map_fd", 1, 0, 0, 1), make("mov64_imm", 2, 0, 0, 0)}));
  add("value: crosses the cell",
      {make("lddw_map_fd", 1, 0, 0, 1), make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -8),
       make("lddw", 3, 0, 0, values + 8), make("mov64_imm", 4, 0, 0, 0), make("call_helper", 0, 0, 0, 2)});
  // bpf_perf_event_output(ctx, map, flags, data, size)
  auto output = [&](std::int64_t data, std::int64_t size, bool with_context = true) {
    Program p;
    if (!with_context) p.push_back(make("mov64_imm", 1, 0, 0, 9));
    p.insert(p.end(),
             {make("lddw_map_fd", 2, 0, 0, 1), make("mov64_imm", 3, 0, 0, 0), make("lddw", 4, 0, 0, data),
              make("lddw", 5, 0, 0, size), make("call_helper", 0, 0, 0, 25)});
    return p;
  };
  add("fine: output of the packet", output(packet, 64));
  add("fine: nothing at all", output(packet, 0));
  add("context: a number", output(packet, 64, false));
  add("buffer: beyond the packet", output(packet, 65));
  add("size: negative", output(packet, -1));
  add("size: huge", output(packet, 1LL << 40));
  // bpf_trace_printk(fmt, size >= 1): data in read-only memory is fine
  add("fine: text in .rodata",
      {make("lddw", 1, 0, 0, constants), make("mov64_imm", 2, 0, 0, 14), make("call_helper", 0, 0, 0, 6)});
  add("size: 0",
      {make("lddw", 1, 0, 0, constants), make("mov64_imm", 2, 0, 0, 0), make("call_helper", 0, 0, 0, 6)});
  // bpf_csum_diff(from or null, size, to or null, size, seed)
  add("fine: null with size 0",
      {make("mov64_imm", 1, 0, 0, 0), make("mov64_imm", 2, 0, 0, 0), make("lddw", 3, 0, 0, packet),
       make("mov64_imm", 4, 0, 0, 8), make("mov64_imm", 5, 0, 0, 0), make("call_helper", 0, 0, 0, 28)});
  add("null with a size",
      {make("mov64_imm", 1, 0, 0, 0), make("mov64_imm", 2, 0, 0, 4), make("lddw", 3, 0, 0, packet),
       make("mov64_imm", 4, 0, 0, 8), make("mov64_imm", 5, 0, 0, 0), make("call_helper", 0, 0, 0, 28)});
  // bpf_ringbuf_submit(record, flags)
  auto submit = [&](std::int64_t at) -> Program {
    return {make("lddw", 1, 0, 0, at), make("mov64_imm", 2, 0, 0, 0), make("call_helper", 0, 0, 0, 132)};
  };
  add("fine: a record", submit(record));
  add("record: its middle", submit(record + 8));
  add("record: a map value", submit(values));
  // bpf_spin_lock(lock)
  add("fine: lock in a map value", {make("lddw", 1, 0, 0, values), make("call_helper", 0, 0, 0, 93)});
  add("lock on the stack",
      {make("mov64_reg", 1, 10), make("add64_imm", 1, 0, 0, -8), make("call_helper", 0, 0, 0, 93)});
  // bpf_loop(n, callback, context, flags)
  add("callback: a number",
      {make("mov64_imm", 1, 0, 0, 4), make("mov64_imm", 2, 0, 0, 4), make("mov64_imm", 3, 0, 0, 0),
       make("mov64_imm", 4, 0, 0, 0), make("call_helper", 0, 0, 0, 181)});
  add("callback's context: the packet",
      {make("mov64_imm", 1, 0, 0, 4), make("lddw_func", 2, 0, 0, 4), make("lddw", 3, 0, 0, packet),
       make("mov64_imm", 4, 0, 0, 0), make("call_helper", 0, 0, 0, 181)});
  // bpf_strncmp(s1, size, const_str)
  std::memset(world.values, 'x', 16);
  add("string without an end", {make("lddw", 1, 0, 0, constants), make("mov64_imm", 2, 0, 0, 4),
                                make("lddw", 3, 0, 0, values), make("call_helper", 0, 0, 0, 182)});
  add("fine: string", {make("lddw", 1, 0, 0, constants), make("mov64_imm", 2, 0, 0, 4),
                       make("lddw", 3, 0, 0, constants), make("call_helper", 0, 0, 0, 182)});
  add("result of a call that gives none", {make("lddw_map_fd", 2, 0, 0, 1), make("mov64_imm", 3, 0, 0, 0),
                                           make("call_helper", 0, 0, 0, 12), make("mov64_reg", 6, 0)});

  // The budget.
  world.ctx.budget = 1000;
  add("budget", {make("ja", 0, 0, -1)});
  world.ctx.budget = 0;
  return out;
}

TEST(Faults, texts_are_those_of_the_golden_file) {
  std::string text;
  for (const auto& [name, message] : all_faults()) text += name + "\n    " + message + "\n";
  const std::string path = std::string(SKEP_SOURCE_DIR) + "/tests/golden/vm/faults.txt";
  if (std::getenv("BLESS")) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str());
}

TEST(Faults, what_is_fine_does_not_fault_and_the_rest_does) {
  for (const auto& [name, message] : all_faults())
    EXPECT_EQ(message == "no fault", name.starts_with("fine: ")) << name << ": " << message;
}

TEST(Faults, carry_their_place) {
  World world;
  auto image = lower({make("lddw", 2, 0, 0, world.at(world.packet + 32)), make("stw", 2, 0, 62, 1),
                      make("mov64_imm", 0, 0, 0, 0), make("exit")},
                     world.environment);
  Outcome outcome = run(*image, world.ctx);
  ASSERT_FALSE(outcome.done);
  EXPECT_EQ(outcome.detail.kind, FaultKind::memory);
  EXPECT_EQ(outcome.detail.image, image.get());
  EXPECT_EQ(outcome.detail.inst, 1u);
  EXPECT_EQ(outcome.detail.slot, 2u);
  EXPECT_EQ(outcome.detail.address, World::address(world.packet + 32 + 62));
  EXPECT_EQ(outcome.detail.size, 4u);
  EXPECT_TRUE(outcome.detail.write);
}

TEST(Faults, regions_that_go_are_gone) {
  // The same instruction, its memory there, gone, and there again (what adjust_head and submit do).
  World world;
  const std::int64_t packet = world.at(world.packet + 32);
  auto image = lower({make("lddw", 2, 0, 0, packet), make("ldxb", 0, 2, 0), make("exit")});
  EXPECT_TRUE(run(*image, world.ctx).done);
  EXPECT_TRUE(world.regions.remove(static_cast<std::uint64_t>(packet)));
  EXPECT_FALSE(run(*image, world.ctx).done);
  image::Region back;
  back.base = static_cast<std::uint64_t>(packet);
  back.size = 1;
  back.kind = image::RegionKind::packet;
  world.regions.add(back);
  EXPECT_TRUE(run(*image, world.ctx).done);
}

TEST(Faults, stack_is_fresh_in_every_run) {
  auto dirty = lower({make("stdw", 10, 0, -8, 77), make("mov64_imm", 0, 0, 0, 0), make("exit")});
  auto look = lower({make("ldxdw", 0, 10, -8), make("exit")});
  image::RunContext ctx;
  EXPECT_TRUE(run(*dirty, ctx).done);
  EXPECT_EQ(run(*look, ctx).r0, 0u);
}

TEST(Faults, budget_is_shared_and_given_back) {
  image::RunContext ctx;
  ctx.budget = 100;
  EXPECT_TRUE(run(*lower({make("mov64_imm", 0, 0, 0, 0), make("ja", 0, 0, 0), make("exit")}), ctx).done);
  EXPECT_EQ(ctx.budget, 97u);
  ctx.budget = 2;
  Outcome outcome = run(*lower({make("mov64_imm", 0, 0, 0, 0), make("ja", 0, 0, 0), make("exit")}), ctx);
  EXPECT_FALSE(outcome.done);
  EXPECT_EQ(outcome.detail.kind, FaultKind::budget);
}

// A callback that faults ends the run, whatever the helper does after it.
std::uint64_t call_thrice(std::uint64_t function, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                          image::RunContext* ctx) {
  std::uint64_t answers = 0;
  for (std::uint64_t i = 0; i < 3; i++) answers += ctx->call_function(ctx, function, i, 0, 0, 0, 0);
  return answers;
}

TEST(Faults, in_a_callback_end_the_run) {
  Environment environment;
  environment.helpers[1] = {call_thrice, nullptr, "call_thrice", 0};
  auto image = lower({make("lddw_func", 1, 0, 0, 3), make("call_helper", 0, 0, 0, 1), make("exit"),
                      make("ldxb", 0, 1, 0), make("exit")},
                     environment);
  image::RunContext ctx;
  Outcome outcome = run(*image, ctx);
  EXPECT_FALSE(outcome.done);
  EXPECT_EQ(outcome.detail.slot, 4u) << outcome.fault;
  EXPECT_NE(outcome.fault.find("null pointer"), std::string::npos) << outcome.fault;
}

std::uint64_t complain(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                       image::RunContext* ctx) {
  ctx->fault = "the lock is held already";
  return 0;
}

TEST(Faults, helpers_may_find_one) {
  Environment environment;
  environment.helpers[1] = {complain, nullptr, "bpf_spin_lock", 0};
  auto image = lower({make("call_helper", 0, 0, 0, 1), make("exit")}, environment);
  image::RunContext ctx;
  Outcome outcome = run(*image, ctx);
  EXPECT_FALSE(outcome.done);
  EXPECT_EQ(outcome.detail.kind, FaultKind::helper);
  EXPECT_EQ(outcome.fault, "insn 0 'call bpf_spin_lock': bpf_spin_lock: the lock is held already");
}

// Inner maps become maps of the program when a lookup gives them.
image::MapDescriptor* inner_map = nullptr;
std::uint64_t give_inner(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                         image::RunContext*) {
  return reinterpret_cast<std::uint64_t>(inner_map);
}

TEST(Faults, inner_maps_are_known_once_they_were_looked_up) {
  World world;
  inner_map = &world.inner;
  world.environment.helpers[1] = {give_inner, uapi::find_helper(1), "bpf_map_lookup_elem", 1};
  const auto inner = static_cast<std::int64_t>(World::address(&world.inner));
  Program second{make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -8), make("call_helper", 0, 0, 0, 1)};
  Program direct{make("lddw", 1, 0, 0, inner)};
  direct.insert(direct.end(), second.begin(), second.end());
  EXPECT_NE(world.fault(direct), "no fault");
  Program through{make("lddw_map_fd", 1, 0, 0, 2), make("mov64_reg", 2, 10), make("add64_imm", 2, 0, 0, -8),
                  make("call_helper", 0, 0, 0, 1), make("mov64_reg", 1, 0)};
  through.insert(through.end(), second.begin(), second.end());
  EXPECT_EQ(world.fault(through), "no fault");
  EXPECT_NE(world.fault(direct), "no fault") << "known in that run only";
}

}  // namespace
}  // namespace skep::vm::testing
