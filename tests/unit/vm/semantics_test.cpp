// Every row of the table does what RFC 9669 and the kernel say, at the edges of its operands; checked and
// unchecked runs agree (runs.h: value()).
#include <array>
#include <limits>

#include "runs.h"

namespace skep::vm::testing {
namespace {

constexpr std::uint64_t u64_max = ~std::uint64_t{0};
constexpr std::uint64_t edges[] = {0,
                                   1,
                                   2,
                                   7,
                                   31,
                                   32,
                                   63,
                                   64,
                                   0x7f,
                                   0x80,
                                   0xff,
                                   0x7fff,
                                   0x8000,
                                   0xffff,
                                   0x7fff'ffff,
                                   0x8000'0000,
                                   0xffff'ffff,
                                   0x1'0000'0000,
                                   0x1122'3344'5566'7788,
                                   0x7fff'ffff'ffff'ffff,
                                   0x8000'0000'0000'0000,
                                   u64_max - 1,
                                   u64_max};

__extension__ using Wide = __int128;

// The operation by the RFC's words, in 128-bit arithmetic, apart from the interpreter's own.
std::uint64_t expected(isa::Operation operation, unsigned width, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t mask = width == 64 ? u64_max : 0xffff'ffff;
  a &= mask;
  b &= mask;
  auto sign = [&](std::uint64_t x) -> Wide {
    return x >> (width - 1) ? Wide(x) - (Wide(1) << width) : Wide(x);
  };
  const unsigned shift = static_cast<unsigned>(b & (width - 1));
  Wide x = 0;
  using enum isa::Operation;
  switch (operation) {
    case add: x = Wide(a) + Wide(b); break;
    case sub: x = Wide(a) - Wide(b); break;
    case mul: return (a * b) & mask;
    case div: x = b ? Wide(a / b) : 0; break;
    case mod: x = b ? Wide(a % b) : Wide(a); break;
    case sdiv: x = b ? sign(a) / sign(b) : 0; break;
    case smod: x = b ? sign(a) % sign(b) : Wide(a); break;
    case or_: x = Wide(a | b); break;
    case and_: x = Wide(a & b); break;
    case xor_: x = Wide(a ^ b); break;
    case lsh: x = Wide(a) << shift; break;
    case rsh: x = Wide(a >> shift); break;
    case arsh: x = sign(a) >> shift; break;
    case neg: x = -Wide(a); break;
    case mov: x = Wide(b); break;
    default: ADD_FAILURE() << "no arithmetic";
  }
  return static_cast<std::uint64_t>(x) & mask;
}

bool holds(isa::Operation operation, unsigned width, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t mask = width == 64 ? u64_max : 0xffff'ffff;
  a &= mask;
  b &= mask;
  auto sign = [&](std::uint64_t x) -> Wide {
    return x >> (width - 1) ? Wide(x) - (Wide(1) << width) : Wide(x);
  };
  using enum isa::Operation;
  switch (operation) {
    case eq: return a == b;
    case ne: return a != b;
    case gt: return a > b;
    case ge: return a >= b;
    case lt: return a < b;
    case le: return a <= b;
    case sgt: return sign(a) > sign(b);
    case sge: return sign(a) >= sign(b);
    case slt: return sign(a) < sign(b);
    case sle: return sign(a) <= sign(b);
    case set: return (a & b) != 0;
    default: ADD_FAILURE() << "no comparison"; return false;
  }
}

TEST(Semantics, arithmetic_of_every_row_at_the_edges) {
  unsigned rows = 0;
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::alu || row.sign_from) continue;
    rows++;
    for (std::uint64_t a : edges)
      for (std::uint64_t b : edges) {
        std::uint64_t second = b;
        Program program{make("lddw", 1, 0, 0, static_cast<std::int64_t>(a)),
                        make("lddw", 2, 0, 0, static_cast<std::int64_t>(b))};
        if (row.source == isa::Source::imm) {
          auto imm = static_cast<std::int32_t>(b);
          second = static_cast<std::uint64_t>(std::int64_t{imm});
          program.push_back(make(row.name, 1, 0, 0, imm));
        } else if (row.source == isa::Source::reg) {
          program.push_back(make(row.name, 1, 2));
        } else {
          program.push_back(make(row.name, 1));
        }
        program.push_back(make("mov64_reg", 0, 1));
        program.push_back(make("exit"));
        ASSERT_EQ(value(program), expected(row.operation, row.width, a, second))
            << row.name << " " << a << ", " << second;
      }
  }
  EXPECT_EQ(rows, 13 * 4 + 4 + 2u);
}

TEST(Semantics, sign_extending_moves) {
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::alu || !row.sign_from) continue;
    for (std::uint64_t a : edges) {
      std::uint64_t low = a & ((std::uint64_t{1} << row.sign_from) - 1);
      std::uint64_t want =
          low >> (row.sign_from - 1) ? low | ~((std::uint64_t{1} << row.sign_from) - 1) : low;
      if (row.width == 32) want &= 0xffff'ffff;
      EXPECT_EQ(
          value({make("lddw", 1, 0, 0, static_cast<std::int64_t>(a)), make(row.name, 0, 1), make("exit")}),
          want)
          << row.name << " " << a;
    }
  }
}

TEST(Semantics, byte_order) {
  auto swapped = [](const char* name) {
    return value({make("lddw", 0, 0, 0, 0x1122334455667788), make(name, 0), make("exit")});
  };
  EXPECT_EQ(swapped("bswap16"), 0x8877u);
  EXPECT_EQ(swapped("bswap32"), 0x88776655u);
  EXPECT_EQ(swapped("bswap64"), 0x8877665544332211u);
  constexpr bool little = std::endian::native == std::endian::little;
  EXPECT_EQ(swapped("be16"), little ? 0x8877u : 0x7788u);
  EXPECT_EQ(swapped("be32"), little ? 0x88776655u : 0x55667788u);
  EXPECT_EQ(swapped("be64"), little ? 0x8877665544332211u : 0x1122334455667788u);
  EXPECT_EQ(swapped("le16"), little ? 0x7788u : 0x8877u);
  EXPECT_EQ(swapped("le32"), little ? 0x55667788u : 0x88776655u);
  EXPECT_EQ(swapped("le64"), little ? 0x1122334455667788u : 0x8877665544332211u);
}

TEST(Semantics, comparisons_of_every_row_at_the_edges) {
  unsigned rows = 0;
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::jump_if) continue;
    rows++;
    for (std::uint64_t a : edges)
      for (std::uint64_t b : edges) {
        std::uint64_t second = b;
        Program program{make("lddw", 1, 0, 0, static_cast<std::int64_t>(a)),
                        make("lddw", 2, 0, 0, static_cast<std::int64_t>(b)), make("mov64_imm", 0, 0, 0, 1)};
        if (row.source == isa::Source::imm) {
          auto imm = static_cast<std::int32_t>(b);
          second = static_cast<std::uint64_t>(std::int64_t{imm});
          program.push_back(make(row.name, 1, 0, 1, imm));
        } else {
          program.push_back(make(row.name, 1, 2, 1));
        }
        program.push_back(make("mov64_imm", 0, 0, 0, 0));
        program.push_back(make("exit"));
        ASSERT_EQ(value(program), holds(row.operation, row.width, a, second) ? 1u : 0u)
            << row.name << " " << a << ", " << second;
      }
  }
  EXPECT_EQ(rows, 11 * 4u);
}

TEST(Semantics, loads_and_stores_of_every_width) {
  // A store into a stack of ones, read back with every load.
  for (const isa::Op& store : isa::ops()) {
    if (store.action != isa::Class::store && store.action != isa::Class::store_imm &&
        store.action != isa::Class::store_release)
      continue;
    for (const isa::Op& load : isa::ops()) {
      if (load.action != isa::Class::load && load.action != isa::Class::load_acquire) continue;
      const std::int64_t number = -0x1122'3344'5566'7780;
      std::uint8_t memory[8];
      std::memset(memory, 0xff, sizeof memory);
      const std::int64_t stored = store.action == isa::Class::store_imm ? std::int32_t{-0x5566'7780} : number;
      std::memcpy(memory, &stored, store.width / 8);
      std::uint64_t want = 0;
      std::memcpy(&want, memory, load.width / 8);
      if (load.sign_from && want >> (load.width - 1)) want |= ~((std::uint64_t{1} << load.width) - 1);
      std::int64_t imm = store.action == isa::Class::store_imm ? stored : 0;
      unsigned src = store.action == isa::Class::store_imm ? 0 : 1;
      EXPECT_EQ(value({make("stdw", 10, 0, -16, -1), make("lddw", 1, 0, 0, number), make("mov64_reg", 2, 10),
                       make(store.name, 10, src, -16, imm), make(load.name, 0, 2, -16), make("exit")}),
                want)
          << store.name << " " << load.name;
    }
  }
}

TEST(Semantics, misaligned_access_is_fine) {
  EXPECT_EQ(value({make("stdw", 10, 0, -16, 0), make("stdw", 10, 0, -8, 0),
                   make("stw", 10, 0, -11, 0x01020304), make("ldxdw", 0, 10, -13), make("exit")}),
            0x0000'0001'0203'0400u << 8 & 0xffff'ffff'ffffu);
}

struct AtomicCase {
  std::uint64_t memory, r0, r1;
};

TEST(Semantics, atomics) {
  // Memory before: m; operand: v; r0 (cmpxchg's comparand).
  auto go = [](const char* name, std::uint64_t m, std::uint64_t v, std::uint64_t r0) -> AtomicCase {
    auto program = [&](unsigned which) {
      Program p{make("lddw", 3, 0, 0, static_cast<std::int64_t>(m)), make("stxdw", 10, 3, -8),
                make("lddw", 1, 0, 0, static_cast<std::int64_t>(v)),
                make("lddw", 0, 0, 0, static_cast<std::int64_t>(r0)), make(name, 10, 1, -8)};
      if (which == 0) p.push_back(make("ldxdw", 0, 10, -8));
      if (which == 2) p.push_back(make("mov64_reg", 0, 1));
      p.push_back(make("exit"));
      return value(p);
    };
    return {program(0), program(1), program(2)};
  };
  const std::uint64_t m = 0xf0f0'f0f0'f0f0'f0f0, v = 0xff00'ff00'8fff'ff0f;
  const std::uint64_t m_high = m & ~std::uint64_t{0xffff'ffff}, m_low = m & 0xffff'ffff;
  auto low = [](std::uint64_t x) { return x & 0xffff'ffff; };
  struct Row {
    const char* name;
    std::uint64_t wide;
  };
  for (auto [name, wide] : {Row{"add", m + v}, Row{"or", m | v}, Row{"and", m & v}, Row{"xor", m ^ v}}) {
    std::string plain = std::string("atomic_") + name, fetch = std::string("atomic_fetch_") + name;
    AtomicCase got = go((plain + "64").c_str(), m, v, 5);
    EXPECT_EQ(got.memory, wide) << name;
    EXPECT_EQ(got.r1, v);
    EXPECT_EQ(got.r0, 5u);
    got = go((plain + "32").c_str(), m, v, 5);
    EXPECT_EQ(got.memory, m_high | low(wide)) << name;
    EXPECT_EQ(got.r1, v);
    got = go((fetch + "64").c_str(), m, v, 5);
    EXPECT_EQ(got.memory, wide) << name;
    EXPECT_EQ(got.r1, m);
    got = go((fetch + "32").c_str(), m, v, 5);
    EXPECT_EQ(got.memory, m_high | low(wide)) << name;
    EXPECT_EQ(got.r1, m_low);
  }
  AtomicCase got = go("xchg64", m, v, 5);
  EXPECT_EQ(got.memory, v);
  EXPECT_EQ(got.r1, m);
  got = go("xchg32", m, v, 5);
  EXPECT_EQ(got.memory, m_high | low(v));
  EXPECT_EQ(got.r1, m_low);
  got = go("cmpxchg64", m, v, m);
  EXPECT_EQ(got.memory, v);
  EXPECT_EQ(got.r0, m);
  EXPECT_EQ(got.r1, v);
  got = go("cmpxchg64", m, v, m + 1);
  EXPECT_EQ(got.memory, m);
  EXPECT_EQ(got.r0, m);
  got = go("cmpxchg32", m, v, m_low | std::uint64_t{7} << 40);  // only the low half is compared
  EXPECT_EQ(got.memory, m_high | low(v));
  EXPECT_EQ(got.r0, m_low);
  got = go("cmpxchg32", m, v, m_low + 1);
  EXPECT_EQ(got.memory, m);
  EXPECT_EQ(got.r0, m_low);
}

TEST(Semantics, jumps_go_forwards_and_backwards) {
  // The sum of 10 … 1, its loop closed by ja and by ja32.
  for (const char* ja : {"ja", "ja32"}) {
    bool by_imm = std::string_view(ja) == "ja32";
    EXPECT_EQ(value({make("mov64_imm", 0, 0, 0, 0), make("mov64_imm", 1, 0, 0, 10),
                     make("jeq64_imm", 1, 0, 3, 0), make("add64_reg", 0, 1), make("sub64_imm", 1, 0, 0, 1),
                     make(ja, 0, 0, by_imm ? 0 : -4, by_imm ? -4 : 0), make("exit")}),
              55u);
  }
}

TEST(Semantics, may_goto_ends_after_the_kernels_number_of_loops) {
  EXPECT_EQ(value({make("mov64_imm", 0, 0, 0, 0), make("may_goto", 0, 0, 2), make("add64_imm", 0, 0, 0, 1),
                   make("ja", 0, 0, -3), make("exit")}),
            8'388'608u);
}

TEST(Semantics, local_calls_keep_r6_to_r9_and_have_their_own_stack) {
  // main: r6 = 5, *(r10-8) = 7; r1 = r10 - 8; call f; r0 += r6; r0 += *(r10 - 8)
  // f: r6 = 100; *(r10 - 8) = 1000; *(r1) += 1 (the caller's stack); r0 = *(r10 - 8)
  EXPECT_EQ(
      value({make("mov64_imm", 6, 0, 0, 5), make("stdw", 10, 0, -8, 7), make("mov64_reg", 1, 10),
             make("add64_imm", 1, 0, 0, -8), make("call_local", 0, 0, 0, 4), make("add64_reg", 0, 6),
             make("ldxdw", 1, 10, -8), make("add64_reg", 0, 1), make("exit"), make("mov64_imm", 6, 0, 0, 100),
             make("stdw", 10, 0, -8, 1000), make("ldxdw", 2, 1, 0), make("add64_imm", 2, 0, 0, 1),
             make("stxdw", 1, 2, 0), make("ldxdw", 0, 10, -8), make("exit")}),
      1000u + 5 + 8);
}

TEST(Semantics, callx_takes_function_values) {
  // r1 = &f; r2 = r1; r1 = 20; callx r2; exit; f: r0 = r1 + 2
  EXPECT_EQ(value({make("lddw_func", 2, 0, 0, 4), make("mov64_imm", 1, 0, 0, 20), make("callx", 2),
                   make("exit"), make("mov64_reg", 0, 1), make("add64_imm", 0, 0, 0, 2), make("exit")}),
            22u);
}

TEST(Semantics, gotox_goes_to_an_instruction) {
  Program program{make("lddw", 1, 0, 0, 0),      make("gotox", 1),
                  make("mov64_imm", 0, 0, 0, 1), make("exit"),
                  make("mov64_imm", 0, 0, 0, 2), make("exit")};
  auto image = lower(program);
  image->insts[0].imm = reinterpret_cast<std::uint64_t>(&image->insts[4]);
  image::RunContext ctx;
  Outcome outcome = run(*image, ctx);
  EXPECT_TRUE(outcome.done) << outcome.fault;
  EXPECT_EQ(outcome.r0, 2u);
}

TEST(Semantics, addr_space_cast_joins_the_arena) {
  image::MapDescriptor arena;
  arena.type = uapi::MapType::arena;
  arena.base = reinterpret_cast<std::uint8_t*>(0x7700'1234'5000);
  Environment environment;
  environment.maps[1] = &arena;
  for (std::int64_t imm : {1, 1 << 16}) {
    EXPECT_EQ(value({make("lddw", 1, 0, 0, 0x1234'5678), make("addr_space_cast", 0, 1, 0, imm), make("exit")},
                    environment),
              0x7700'1234'5678u);
    EXPECT_EQ(value({make("mov64_imm", 1, 0, 0, 0), make("addr_space_cast", 0, 1, 0, imm), make("exit")},
                    environment),
              0u);
  }
}

// The packet of LD_ABS and LD_IND: r6 = r1, then the load.
std::uint64_t packet_load(const char* name, std::int64_t r7, std::int32_t imm) {
  static std::uint8_t bytes[] = {0x01, 0x82, 0x03, 0x04, 0x85, 0x06};
  Program program{make("mov64_reg", 6, 1), make("lddw", 7, 0, 0, r7), make("mov64_imm", 0, 0, 0, 77)};
  bool indirect = std::string_view(name).starts_with("ld_ind");
  program.push_back(make(name, 0, indirect ? 7 : 0, 0, imm));
  program.push_back(make("exit"));
  image::RunContext ctx;
  std::uint32_t context[8] = {};
  ctx.context = context;
  ctx.context_size = sizeof context;
  ctx.packet.head = bytes;
  ctx.packet.data = bytes + 2;
  ctx.packet.data_end = bytes + sizeof bytes;
  ctx.packet.mac_header = bytes;
  ctx.packet.network_header = bytes + 1;
  auto image = lower(program);
  Outcome checked = run(*image, ctx);
  EXPECT_TRUE(checked.done) << checked.fault;
  image->trusted = true;
  Outcome unchecked = run(*image, ctx);
  EXPECT_EQ(checked.r0, unchecked.r0);
  return checked.r0;
}

TEST(Semantics, packet_loads) {
  EXPECT_EQ(packet_load("ld_absb", 0, 2), 0x85u);
  EXPECT_EQ(packet_load("ld_absh", 0, 0), 0x0304u);
  EXPECT_EQ(packet_load("ld_absw", 0, 0), 0x0304'8506u);
  EXPECT_EQ(packet_load("ld_indb", 1, 1), 0x85u);
  EXPECT_EQ(packet_load("ld_indh", -1, 3), 0x8506u);
  EXPECT_EQ(packet_load("ld_indw", 0x1'0000'0000, 0), 0x0304'8506u);  // the offset has 32 bits
  // Beyond the packet the program ends with 0.
  EXPECT_EQ(packet_load("ld_absb", 0, 4), 0u);
  EXPECT_EQ(packet_load("ld_absw", 0, 1), 0u);
  EXPECT_EQ(packet_load("ld_absw", 0, 0x7fff'ffff), 0u);
  EXPECT_EQ(packet_load("ld_absb", 0, -1), 0u);
  // Relative to the headers.
  EXPECT_EQ(packet_load("ld_absb", 0, -0x200000 + 1), 0x82u);
  EXPECT_EQ(packet_load("ld_absh", 0, -0x100000), 0x8203u);
  EXPECT_EQ(packet_load("ld_absb", 0, -0x200000 + 6), 0u);
  EXPECT_EQ(packet_load("ld_absb", 0, -0x200001), 0u);
}

std::uint64_t add_five(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d, std::uint64_t e,
                       image::RunContext*) {
  return a + 10 * b + 100 * c + 1000 * d + 10000 * e;
}

TEST(Semantics, helpers_and_kfuncs_take_five_arguments) {
  Environment environment;
  environment.helpers[3] = {add_five, nullptr, "five", 0};
  for (const char* call : {"call_helper", "call_kfunc"})
    EXPECT_EQ(value({make("mov64_imm", 1, 0, 0, 1), make("mov64_imm", 2, 0, 0, 2),
                     make("mov64_imm", 3, 0, 0, 3), make("mov64_imm", 4, 0, 0, 4),
                     make("mov64_imm", 5, 0, 0, 5), make(call, 0, 0, 0, 3), make("exit")},
                    environment),
              54321u);
}

// Calls its first argument, a function, r2 times; stops when it returns not 0.
std::uint64_t loop(std::uint64_t function, std::uint64_t times, std::uint64_t argument, std::uint64_t,
                   std::uint64_t, image::RunContext* ctx) {
  std::uint64_t i = 0;
  while (i < times)
    if (ctx->call_function(ctx, function, i++, argument, 0, 0, 0) != 0) break;
  return i;
}

TEST(Semantics, callbacks_run_on_their_own_frame) {
  // r6 = 3; *(r10 - 8) = 0; loop(f, 10, r10 - 8); r0 = r0 * 1000 + *(r10 - 8) + r6; f: *(r2) += r1; return r1
  // == 6
  Environment environment;
  environment.helpers[1] = {loop, nullptr, "loop", 0};
  EXPECT_EQ(
      value({make("mov64_imm", 6, 0, 0, 3), make("stdw", 10, 0, -8, 0), make("lddw_func", 1, 0, 0, 10),
             make("mov64_imm", 2, 0, 0, 10), make("mov64_reg", 3, 10), make("add64_imm", 3, 0, 0, -8),
             make("call_helper", 0, 0, 0, 1), make("mul64_imm", 0, 0, 0, 1000), make("ldxdw", 1, 10, -8),
             make("add64_reg", 0, 1), make("add64_reg", 0, 6), make("exit"),  // slot 12
             make("atomic_add64", 2, 1, 0), make("mov64_imm", 0, 0, 0, 0), make("jne64_imm", 1, 0, 1, 6),
             make("mov64_imm", 0, 0, 0, 1), make("exit")},
            environment),
      7000u + 21 + 3);
}

image::Image* tail_to = nullptr;
std::uint64_t tail_call(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                        image::RunContext* ctx) {
  ctx->tail_target = tail_to;
  return 0;
}

TEST(Semantics, tail_calls_replace_the_frame) {
  // The callee of a local call leaves for another program; its exit comes back to the first one's main.
  auto target = lower({make("ldxw", 0, 1, 4), make("exit")});
  tail_to = target.get();
  Environment environment;
  environment.helpers[12] = {tail_call, nullptr, "bpf_tail_call", 0};
  auto image = lower({make("mov64_imm", 6, 0, 0, 1), make("call_local", 0, 0, 0, 2), make("add64_reg", 0, 6),
                      make("exit"), make("mov64_imm", 6, 0, 0, 50), make("call_helper", 0, 0, 0, 12),
                      make("mov64_imm", 0, 0, 0, 999), make("exit")},
                     environment);
  image::RunContext ctx;
  std::uint32_t context[2] = {0, 41};
  ctx.context = context;
  ctx.context_size = sizeof context;
  Outcome outcome = run(*image, ctx);
  EXPECT_TRUE(outcome.done) << outcome.fault;
  EXPECT_EQ(outcome.r0, 42u);
  EXPECT_EQ(ctx.image, image.get());
  image->trusted = true;
  outcome = run(*image, ctx);
  EXPECT_FALSE(outcome.done);
  EXPECT_EQ(outcome.detail.kind, FaultKind::call);
  target->trusted = true;
  outcome = run(*image, ctx);
  EXPECT_TRUE(outcome.done) << outcome.fault;
  EXPECT_EQ(outcome.r0, 42u);
}

}  // namespace
}  // namespace skep::vm::testing
