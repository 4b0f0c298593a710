// Every row of the table, compiled, does what the interpreter does, at the edges of its operands.
#include "engines.h"
#include "skep/jit/magic.h"

namespace skep::jit::testing {
namespace {

constexpr std::uint64_t u64_max = ~std::uint64_t{0};
constexpr std::uint64_t edges[] = {0,
                                   1,
                                   2,
                                   3,
                                   7,
                                   10,
                                   31,
                                   32,
                                   63,
                                   64,
                                   100,
                                   0x7f,
                                   0x80,
                                   0xff,
                                   0x7fff,
                                   0x8000,
                                   0xffff,
                                   1000000007,
                                   0x7fff'ffff,
                                   0x8000'0000,
                                   0x8000'0001,
                                   0xffff'ffff,
                                   0x1'0000'0000,
                                   0x1122'3344'5566'7788,
                                   0x7fff'ffff'ffff'ffff,
                                   0x8000'0000'0000'0000,
                                   0x8000'0000'0000'0001,
                                   u64_max - 6,
                                   u64_max - 1,
                                   u64_max};

// One image for many operands: r1 and r2 are the arguments, the operands of the row go into registers of
// several kinds, and everything is folded into r0 so that a clobbered register is seen.
struct Row {
  std::unique_ptr<image::Image> image;
  std::vector<Code> codes;
};

Row prepare(const Program& program) {
  Row row;
  row.image = lower(program);
  row.image->trusted = true;
  for (const Way& way : ways()) {
    auto code = compile(*row.image, way.options);
    EXPECT_TRUE(code) << way.name << ": " << (code ? "" : code.error().message);
    if (code) row.codes.push_back(std::move(*code));
  }
  return row;
}

void compare(const Row& row, std::string_view name, std::uint64_t a, std::uint64_t b) {
  static Machine machine;
  image::RunContext ctx;
  Outcome vm = run_vm(*row.image, ctx, {a, b});
  ASSERT_TRUE(vm.done) << vm.fault;
  for (std::size_t i = 0; i < row.codes.size(); i++) {
    std::uint64_t r0 = 0;
    image::RunContext jit_ctx;
    ASSERT_TRUE(machine.call(row.codes[i], jit_ctx,
                             reinterpret_cast<std::uint64_t>(row.image->functions.data()), {a, b}, &r0))
        << machine.fault().message();
    ASSERT_EQ(r0, vm.r0) << name << " " << ways()[i].name << std::hex << " a=" << a << " b=" << b;
  }
}

// Registers get distinct values, the operation runs, all of them are mixed into r0.
Program around(const isa::Decoded& op, unsigned dst, unsigned src) {
  Program p;
  p.push_back(make("mov64_reg", 9, 1));
  p.push_back(make("mov64_reg", 8, 2));
  for (unsigned reg = 0; reg <= 7; reg++)
    p.push_back(make("mov64_imm", reg, 0, 0, 0x1111 * (static_cast<int>(reg) + 1)));
  p.push_back(make("mov64_reg", dst, 9));
  if (src != dst) p.push_back(make("mov64_reg", src, 8));
  p.push_back(op);
  p.push_back(make("mul64_imm", 0, 0, 0, 31));
  for (unsigned reg = 1; reg <= 9; reg++) {
    p.push_back(make("xor64_reg", 0, reg));
    p.push_back(make("mul64_imm", 0, 0, 0, 1000003));
  }
  p.push_back(make("exit"));
  return p;
}

constexpr std::pair<unsigned, unsigned> pairs[] = {{1, 2}, {0, 1}, {1, 0}, {3, 4}, {4, 3},
                                                   {6, 7}, {5, 5}, {0, 0}, {7, 0}};

TEST(Semantics, arithmetic_of_every_row_at_the_edges) {
  unsigned rows = 0;
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::alu && row.action != isa::Class::endian) continue;
    rows++;
    if (row.source == isa::Source::imm) {
      for (std::uint64_t b : edges)
        for (unsigned dst : {0U, 3U}) {
          const auto imm = static_cast<std::int32_t>(b);
          Row one = prepare(around(make(row.name, dst, 0, 0, imm), dst, dst));
          for (std::uint64_t a : edges) compare(one, row.name, a, b);
        }
      continue;
    }
    for (auto [dst, src] : pairs) {
      Row one = prepare(around(make(row.name, dst, row.source == isa::Source::reg ? src : 0), dst, src));
      for (std::uint64_t a : edges)
        for (std::uint64_t b : edges) compare(one, row.name, a, b);
    }
  }
  EXPECT_EQ(rows, 13 * 4 + 4 + 2 + 5 + 9u);
}

TEST(Semantics, comparisons_of_every_row_at_the_edges) {
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::jump_if) continue;
    auto program = [&](unsigned dst, unsigned src, std::int32_t imm) {
      Program p{make("mov64_reg", 6, 1), make("mov64_reg", 7, 2), make("mov64_reg", dst, 6)};
      if (row.source == isa::Source::reg) p.push_back(make("mov64_reg", src, 7));
      p.push_back(make(row.name, dst, src, 2, imm));
      p.push_back(make("mov64_imm", 0, 0, 0, 3));
      p.push_back(make("exit"));
      p.push_back(make("mov64_imm", 0, 0, 0, 4));
      p.push_back(make("exit"));
      return p;
    };
    if (row.source == isa::Source::imm) {
      for (std::uint64_t b : edges) {
        Row one = prepare(program(0, 0, static_cast<std::int32_t>(b)));
        for (std::uint64_t a : edges) compare(one, row.name, a, b);
      }
      continue;
    }
    for (auto [dst, src] : {std::pair{1U, 2U}, {0U, 3U}, {4U, 9U}}) {
      Row one = prepare(program(dst, src, 0));
      for (std::uint64_t a : edges)
        for (std::uint64_t b : edges) compare(one, row.name, a, b);
    }
  }
}

// After arithmetic the flags may already say what the comparison with 0 asks.
TEST(Semantics, comparisons_with_zero_after_every_operation) {
  for (const isa::Op& op : isa::ops()) {
    if (op.action != isa::Class::alu) continue;
    for (const isa::Op& jump : isa::ops()) {
      if (jump.action != isa::Class::jump_if || jump.source != isa::Source::imm) continue;
      Program p{
          make("mov64_reg", 3, 1),
          make(op.name, 3, op.source == isa::Source::reg ? 2 : 0, 0, op.source == isa::Source::imm ? 5 : 0),
          make(jump.name, 3, 0, 2, 0),
          make("mov64_reg", 0, 3),
          make("exit"),
          make("mov64_imm", 0, 0, 0, -77),
          make("exit")};
      Row one = prepare(p);
      for (std::uint64_t a : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{0x8000'0000}, u64_max,
                              std::uint64_t{0x8000'0000'0000'0000}, std::uint64_t{0x1'0000'0005}})
        for (std::uint64_t b :
             {std::uint64_t{0}, std::uint64_t{5}, u64_max, std::uint64_t{0x8000'0000'0000'0000}})
          compare(one, std::string(op.name) + ", " + std::string(jump.name), a, b);
    }
  }
}

TEST(Semantics, division_by_constants_is_exact) {
  std::uint64_t x = 88172645463325252;
  auto random = [&] {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
  };
  for (int i = 0; i < 150; i++) {
    const auto by = static_cast<std::int32_t>(random() >> (random() % 32));
    for (const char* name : {"div32_imm", "mod32_imm", "sdiv32_imm", "smod32_imm", "div64_imm", "mod64_imm",
                             "sdiv64_imm", "smod64_imm"}) {
      Row one = prepare({make("mov64_reg", 0, 1), make(name, 0, 0, 0, by), make("exit")});
      for (int k = 0; k < 20; k++) compare(one, name, random() >> (random() % 64), 0);
      for (std::uint64_t edge : edges) compare(one, name, edge, 0);
      const auto wide = static_cast<std::uint64_t>(std::int64_t{by});
      for (std::uint64_t n : {wide, wide * 3, wide * 3 - 1, wide - 1, u64_max / (wide | 1) * wide})
        compare(one, name, n, 0);
    }
  }
  // Divisors of 64 bits, known from a lddw.
  for (int i = 0; i < 100; i++) {
    const std::uint64_t by = random() >> (random() % 64);
    for (const char* name :
         {"div64_reg", "mod64_reg", "sdiv64_reg", "smod64_reg", "div32_reg", "smod32_reg"}) {
      Row one = prepare({make("lddw", 7, 0, 0, static_cast<std::int64_t>(by)), make("mov64_reg", 0, 1),
                         make(name, 0, 7), make("exit")});
      for (int k = 0; k < 20; k++) compare(one, name, random() >> (random() % 64), 0);
      for (std::uint64_t n : {by, by - 1, by * 2, u64_max, std::uint64_t{1} << 63}) compare(one, name, n, 0);
    }
  }
}

TEST(Semantics, loads_and_stores_of_every_width_and_base) {
  const std::vector<std::uint8_t> memory = [] {
    std::vector<std::uint8_t> m(256);
    for (std::size_t i = 0; i < m.size(); i++) m[i] = static_cast<std::uint8_t>(i * 37 + 0x81);
    return m;
  }();
  for (const isa::Op& row : isa::ops()) {
    const bool loads = row.action == isa::Class::load || row.action == isa::Class::load_acquire;
    const bool stores = row.action == isa::Class::store || row.action == isa::Class::store_imm ||
                        row.action == isa::Class::store_release;
    if (!loads && !stores) continue;
    for (unsigned base : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U})
      for (int off : {0, 8, 120, 128}) {
        Program p{make("mov64_reg", base, 1)};
        if (loads) {
          p.push_back(make(row.name, 0, base, off));
        } else {
          const unsigned src = base == 3 ? 4 : 3;
          p.push_back(make("lddw", src, 0, 0, 0x1122'3344'5566'7788));
          p.push_back(row.action == isa::Class::store_imm ? make(row.name, base, 0, off, -0x1234567)
                                                          : make(row.name, base, src, off));
          p.push_back(make("ldxdw", 0, base, off));
        }
        p.push_back(make("exit"));
        value(p, {}, memory);
      }
    // The stack.
    Program p{make("stdw", 10, 0, -16, -1)};
    p.push_back(make("lddw", 2, 0, 0, 0x1122'3344'5566'7788));
    if (stores)
      p.push_back(row.action == isa::Class::store_imm ? make(row.name, 10, 0, -16, 0x77665544)
                                                      : make(row.name, 10, 2, -16));
    p.push_back(loads ? make(row.name, 0, 10, -16) : make("ldxdw", 0, 10, -16));
    p.push_back(make("exit"));
    value(p);
  }
}

TEST(Semantics, atomics_of_every_row) {
  unsigned rows = 0;
  std::vector<std::uint8_t> memory(32);
  for (std::size_t i = 0; i < memory.size(); i++) memory[i] = static_cast<std::uint8_t>(0xa5 + 11 * i);
  for (const isa::Op& row : isa::ops()) {
    if (row.action != isa::Class::atomic) continue;
    rows++;
    for (auto [base, src] : {std::pair{1U, 2U}, {0U, 3U}, {6U, 0U}, {4U, 5U}, {9U, 9U}, {0U, 0U}, {3U, 1U}})
      for (std::int64_t operand : {std::int64_t{0x0f0f'1234'5678'9abc}, std::int64_t{-1}}) {
        Program p{make("mov64_reg", 7, 1), make("lddw", 0, 0, 0, 0x1122'3344'5566'7788)};
        if (row.operation == isa::Operation::cmpxchg)
          p.push_back(make("ldxdw", 0, 7, operand == -1 ? 8 : 16));
        if (base != 0 || row.operation != isa::Operation::cmpxchg)
          p.push_back(make("lddw", src, 0, 0, operand));
        if (base == 0 && row.operation == isa::Operation::cmpxchg) continue;
        p.push_back(make("mov64_reg", base, 7));
        p.push_back(make(row.name, base, src, 8));
        p.push_back(make("mul64_imm", 0, 0, 0, 31));
        p.push_back(make("xor64_reg", 0, src));
        p.push_back(make("ldxdw", 1, 7, 8));
        p.push_back(make("mul64_imm", 0, 0, 0, 31));
        p.push_back(make("xor64_reg", 0, 1));
        p.push_back(make("exit"));
        value(p, {}, memory);
      }
    // On the stack.
    value({make("stdw", 10, 0, -8, 0x1234), make("mov64_imm", 0, 0, 0, 0x1234),
           make("mov64_imm", 2, 0, 0, 0x0ff0), make(row.name, 10, 2, -8), make("ldxdw", 1, 10, -8),
           make("xor64_reg", 0, 1), make("lsh64_imm", 0, 0, 0, 8), make("xor64_reg", 0, 2), make("exit")});
  }
  EXPECT_EQ(rows, 20u);
}

TEST(Semantics, constants_and_moves) {
  for (std::uint64_t a : edges) {
    EXPECT_EQ(value({make("lddw", 0, 0, 0, static_cast<std::int64_t>(a)), make("exit")}), a);
    const auto imm = static_cast<std::int32_t>(a);
    EXPECT_EQ(value({make("mov64_imm", 0, 0, 0, imm), make("exit")}),
              static_cast<std::uint64_t>(std::int64_t{imm}));
    EXPECT_EQ(value({make("mov32_imm", 0, 0, 0, imm), make("exit")}), static_cast<std::uint32_t>(imm));
  }
  // r10 as a number: differences of addresses.
  EXPECT_EQ(value({make("mov64_reg", 2, 10), make("mov64_reg", 0, 10), make("add64_imm", 2, 0, 0, -8),
                   make("sub64_reg", 0, 2), make("exit")}),
            8u);
  EXPECT_EQ(value({make("mov64_imm", 2, 0, 0, 24), make("add64_reg", 2, 10), make("sub64_reg", 2, 10),
                   make("mov64_reg", 0, 2), make("exit")}),
            24u);
  EXPECT_EQ(
      value({make("stxdw", 10, 10, -8), make("ldxdw", 0, 10, -8), make("sub64_reg", 0, 10), make("exit")}),
      0u);
  EXPECT_EQ(value({make("mov64_reg", 2, 10), make("mov64_imm", 0, 0, 0, 1), make("jeq64_reg", 2, 10, 1),
                   make("mov64_imm", 0, 0, 0, 0), make("exit")}),
            1u);
}

TEST(Semantics, packet_loads) {
  std::uint8_t packet[64];
  for (unsigned i = 0; i < sizeof packet; i++) packet[i] = static_cast<std::uint8_t>(i * 29 + 3);
  for (const isa::Op& row : isa::ops()) {
    const bool indirect = row.action == isa::Class::packet_indirect;
    if (row.action != isa::Class::packet_absolute && !indirect) continue;
    for (int offset : {0, 1, 40, 59, 60, 61, 62, 63, 64, 1000, -1, -0x100000, -0x100000 + 4, -0x200000,
                       -0x200000 + 50, 0x7fff'fffc, 0x7fff'ffff, std::numeric_limits<int>::min()}) {
      Program p{make("mov64_reg", 6, 1), make("mov64_imm", 0, 0, 0, 7), make("mov64_imm", 7, 0, 0, 2)};
      p.push_back(indirect ? make(row.name, 0, 7, 0, offset) : make(row.name, 0, 0, 0, offset));
      p.push_back(make("add64_imm", 0, 0, 0, 1));
      p.push_back(make("exit"));
      auto image = lower(p);
      image->trusted = true;
      auto context = [&] {
        image::RunContext ctx;
        ctx.context = packet;
        ctx.packet.head = ctx.packet.data = packet;
        ctx.packet.data_end = ctx.packet.limit = packet + sizeof packet;
        ctx.packet.mac_header = packet;
        ctx.packet.network_header = packet + 14;
        return ctx;
      };
      image::RunContext ctx = context();
      Outcome vm = run_vm(*image, ctx, {reinterpret_cast<std::uint64_t>(packet)});
      ASSERT_TRUE(vm.done);
      for (const Way& way : ways()) {
        image::RunContext jit_ctx = context();
        Outcome jit = run_jit(*image, jit_ctx, {reinterpret_cast<std::uint64_t>(packet)}, way.options);
        ASSERT_TRUE(jit.done) << jit.fault;
        ASSERT_EQ(jit.r0, vm.r0) << row.name << " " << way.name << " " << offset;
      }
    }
  }
}

TEST(Semantics, the_multipliers_divide) {
  // By the definition, in 128 bits, for small divisors and awkward dividends.
  for (std::uint64_t d = 3; d < 3000; d++) {
    if (std::has_single_bit(d)) continue;
    const UnsignedMagic m = unsigned_magic(d, 64);
    for (std::uint64_t n :
         {u64_max, u64_max - 1, u64_max / d * d, u64_max / d * d - 1, d - 1, d, std::uint64_t{0}}) {
      std::uint64_t high = static_cast<std::uint64_t>(magic::Wide{n >> m.pre} * m.multiplier >> 64);
      std::uint64_t q = m.add ? (((n - high) >> 1) + high) >> (m.post - 1) : high >> m.post;
      ASSERT_EQ(q, n / d) << n << " / " << d;
    }
  }
}

}  // namespace
}  // namespace skep::jit::testing
