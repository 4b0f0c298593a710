// The instruction table against itself: every row encodes and decodes, every encoding that is no row is
// refused.
#include <gtest/gtest.h>

#include <set>

#include "skep/isa/decode.h"

namespace skep::isa {
namespace {

constexpr std::int16_t offsets[] = {0, 1, -1, 8, 0x7fff, -0x8000};
constexpr std::int64_t imms[] = {0, 1, -1, 16, 0xf1, 0x7fffffff, -0x80000000LL};
constexpr std::int64_t wide_imms[] = {0, 1, -1, 0x123456789abcdef0, INT64_MIN, 0xffffffff};

// Every row with registers, offsets and immediates of all kinds.
template <class F>
void for_each_sample(F use) {
  for (OpId id = 0; id < op_count; ++id) {
    const Op& op = row(id);
    for (unsigned dst = 0; dst < (op.has(uses_dst) ? 16u : 1u); ++dst)
      for (unsigned src = 0; src < (op.has(uses_src) ? 16u : 1u); ++src)
        for (std::int16_t off : offsets) {
          if (!op.has(uses_off) && off != 0) break;
          for (std::int64_t imm : op.has(uses_imm_high) ? std::span<const std::int64_t>(wide_imms)
                                                        : std::span<const std::int64_t>(imms)) {
            if (!op.has(uses_imm) && imm != 0) break;
            if (op.slots == 2 && !op.has(uses_imm_high)) imm = static_cast<std::uint32_t>(imm);
            use(Decoded{.op = id,
                        .slots = op.slots,
                        .dst = static_cast<std::uint8_t>(dst),
                        .src = static_cast<std::uint8_t>(src),
                        .off = off,
                        .imm = imm});
          }
        }
  }
}

TEST(table, rows_survive_encoding_and_decoding) {
  std::size_t samples = 0;
  for_each_sample([&](const Decoded& sample) {
    auto encoded = encode(sample);
    ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
    ASSERT_EQ(encoded->slots, sample.slots);
    auto decoded = decode(encoded->span(), 0);
    ASSERT_TRUE(decoded.has_value()) << sample.row().name << ": " << decoded.error().message;
    ASSERT_EQ(*decoded, sample) << sample.row().name;
    ++samples;
  });
  EXPECT_GT(samples, 100'000u);
}

TEST(table, fields_that_carry_nothing_must_be_zero) {
  for (OpId id = 0; id < op_count; ++id) {
    const Op& op = row(id);
    Encoded good = encode(Decoded{.op = id, .slots = op.slots}).value();
    auto refused = [&](Encoded bad) { return !decode(bad.span(), 0).has_value(); };
    Encoded bad = good;
    bad.insns[0].set_dst(1);
    EXPECT_EQ(refused(bad), !op.has(uses_dst)) << op.name;
    if (op.field != Field::src) {
      bad = good;
      bad.insns[0].set_src(1);
      EXPECT_EQ(refused(bad), !op.has(uses_src)) << op.name;
    }
    if (op.field != Field::off) {
      bad = good;
      bad.insns[0].off = 2;
      EXPECT_EQ(refused(bad), !op.has(uses_off)) << op.name;
    }
    if (op.field != Field::imm) {
      bad = good;
      bad.insns[0].imm = 3;
      EXPECT_EQ(refused(bad), !op.has(uses_imm)) << op.name;
    }
    if (op.slots == 2) {
      bad = good;
      bad.insns[1].imm = 1;
      EXPECT_EQ(refused(bad), !op.has(uses_imm_high)) << op.name;
      for (Insn second : {Insn{.opcode = 1}, Insn{.regs = 1}, Insn{.off = 1}}) {
        bad = good;
        bad.insns[1] = second;
        EXPECT_TRUE(refused(bad)) << op.name;
      }
      EXPECT_TRUE(!decode(std::span(good.insns, 1), 0).has_value()) << op.name;
    }
  }
}

// All 2^8 opcodes with all values of the fields that could tell rows apart: accepted exactly where a row says
// so.
TEST(table, everything_else_is_refused) {
  std::set<std::tuple<unsigned, Field, std::int32_t>> rows;
  std::set<unsigned> plain;
  for (const Op& op : ops()) {
    if (op.field == Field::none)
      plain.insert(op.opcode);
    else
      rows.insert({op.opcode, op.field, op.field_value});
  }
  std::size_t accepted = 0, refused = 0;
  auto offer = [&](Insn insn, Field field, std::int32_t value, auto has) {
    const Insn pair[2] = {insn, {}};
    bool known = plain.contains(insn.opcode) || rows.contains({insn.opcode, field, value});
    auto decoded = decode(pair, 0);
    if (!known) {
      ASSERT_FALSE(decoded.has_value()) << fmt::format("{:#x} {}", insn.opcode, value);
      EXPECT_TRUE(decoded.error().message.starts_with("slot 0: ")) << decoded.error().message;
      ++refused;
    } else if (decoded.has_value()) {
      EXPECT_EQ(decoded->row().opcode, insn.opcode);
      EXPECT_TRUE(has(decoded->row())) << decoded->row().name;
      ++accepted;
    }
  };
  std::vector<std::int32_t> odd_offsets{-0x8000, -0x100, 0x100, 0x101, 0x7fff};
  for (std::int32_t off = -66; off < 130; ++off) odd_offsets.push_back(off);
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    std::uint8_t byte = static_cast<std::uint8_t>(opcode);
    auto zero_matches = [&](Field except) {
      for (const Op& op : ops())
        if (op.opcode == opcode && op.field != Field::none && op.field != except) return true;
      return false;
    };
    if (!zero_matches(Field::src))
      for (unsigned src = 0; src < 16; ++src) {
        Insn insn{.opcode = byte};
        insn.set_src(src);
        offer(insn, Field::src, static_cast<std::int32_t>(src), [&](const Op& op) {
          return src == 0 || op.has(uses_src) || op.field_value == static_cast<std::int32_t>(src);
        });
      }
    if (!zero_matches(Field::off))
      for (std::int32_t off : odd_offsets)
        offer(Insn{.opcode = byte, .off = static_cast<std::int16_t>(off)}, Field::off, off,
              [&](const Op& op) { return off == 0 || op.has(uses_off) || op.field_value == off; });
    if (!zero_matches(Field::imm))
      for (std::int32_t imm = -2; imm < 0x400; ++imm)
        offer(Insn{.opcode = byte, .imm = imm}, Field::imm, imm,
              [&](const Op& op) { return imm == 0 || op.has(uses_imm) || op.field_value == imm; });
  }
  EXPECT_GT(accepted, op_count);
  EXPECT_GT(refused, 100'000u);
}

TEST(table, names_and_ids) {
  static_assert(row(op("add64_imm")).opcode == 0x07);
  static_assert(row(op("jeq32_reg")).opcode == 0x1e);
  static_assert(row(op("movsx8_64")).field_value == 8);
  static_assert(op("lddw_map_fd") != op("lddw"));
  for (const Op& op : ops()) {
    EXPECT_EQ(find_op(op.name), &op);
    EXPECT_NE(op.syntax, nullptr) << op.name;  // GCC's sanitizers cannot ask this in a static_assert
  }
  EXPECT_EQ(find_op("add16_imm"), nullptr);
  EXPECT_EQ(find_op(""), nullptr);
}

// The class bits of an opcode (RFC 9669 section 3.3) and the row's columns say the same.
TEST(table, columns_agree_with_opcode_bits) {
  for (const Op& op : ops()) {
    unsigned cls = op.opcode & 7u;
    bool reg = (op.opcode & 8) != 0;
    switch (op.action) {
      case Class::alu:
        EXPECT_EQ(cls, op.width == 64 ? 7u : 4u) << op.name;
        if (op.operation != Operation::neg) {
          EXPECT_EQ(op.source == Source::reg, reg) << op.name;
        }
        break;
      case Class::jump_if:
        EXPECT_EQ(cls, op.width == 64 ? 5u : 6u) << op.name;
        EXPECT_EQ(op.source == Source::reg, reg) << op.name;
        break;
      case Class::load:
      case Class::store:
      case Class::store_imm:
      case Class::load_acquire:
      case Class::store_release:
      case Class::atomic:
      case Class::packet_absolute:
      case Class::packet_indirect: {
        constexpr unsigned widths[] = {32, 16, 8, 64};
        EXPECT_EQ(op.width, widths[op.opcode >> 3 & 3]) << op.name;
        break;
      }
      case Class::endian: EXPECT_EQ(op.field_value, op.width) << op.name; break;
      case Class::load_imm64:
      case Class::jump:
      case Class::jump_indirect:
      case Class::may_goto:
      case Class::addr_space_cast:
      case Class::call:
      case Class::exit: break;
    }
    EXPECT_TRUE(op.cpu >= 1 && op.cpu <= 4) << op.name;
    EXPECT_EQ(op.since == 0, op.group == Group::callx) << op.name;
  }
}

TEST(decode, names_what_is_wrong) {
  auto message = [](std::vector<Insn> insns, Slot at = 0) {
    auto decoded = decode(insns, at);
    return decoded.has_value() ? std::string("accepted") : decoded.error().message;
  };
  EXPECT_EQ(message({{.opcode = 0x8f}}), "slot 0: opcode 0x8f is not an instruction");
  EXPECT_EQ(message({{}, {.opcode = 0x0f, .off = 4}}, 1), "slot 1: add64_reg: off is 0x4, must be 0");
  EXPECT_EQ(message({{.opcode = 0x07, .regs = 0x20}}), "slot 0: add64_imm: src is 0x2, must be 0");
  EXPECT_EQ(message({{.opcode = 0x18}}), "slot 0: lddw: cut: the program ends before its second slot");
  EXPECT_EQ(message({{.opcode = 0x37, .off = 2}}),
            "slot 0: opcode 0x37 with off 0x2 is not an instruction, off must be one of 0x0 (div64_imm), 0x1 "
            "(sdiv64_imm)");
  EXPECT_EQ(message({{.opcode = 0x95}}, 1), "slot 1: outside the program (1 slots)");
  EXPECT_EQ(message({{.opcode = 0x18, .regs = 0x10}, {.imm = 1}}),
            "slot 0: lddw_map_fd: imm of the second slot is 0x1, must be 0");
}

TEST(encode, refuses_what_does_not_fit) {
  auto refuse = [](Decoded d) {
    auto encoded = encode(d);
    return encoded.has_value() ? 0 : encoded.error().code;
  };
  EXPECT_EQ(refuse({.op = op("mov64_imm"), .imm = 0x80000000}), ERANGE);
  EXPECT_EQ(refuse({.op = op("mov64_imm"), .imm = -0x80000001LL}), ERANGE);
  EXPECT_EQ(refuse({.op = op("mov64_imm"), .src = 1}), EINVAL);
  EXPECT_EQ(refuse({.op = op("mov64_reg"), .imm = 1}), EINVAL);
  EXPECT_EQ(refuse({.op = op("exit"), .dst = 1}), EINVAL);
  EXPECT_EQ(refuse({.op = op("exit"), .off = 1}), EINVAL);
  EXPECT_EQ(refuse({.op = op("mov64_reg"), .src = 16}), ERANGE);
  EXPECT_EQ(refuse({.op = op("lddw_map_fd"), .slots = 2, .imm = 1LL << 32}), ERANGE);
  EXPECT_EQ(refuse({.op = op_count}), EINVAL);
}

TEST(validate, whole_programs) {
  auto message = [](std::vector<Insn> insns) {
    auto valid = validate(insns);
    return valid.has_value() ? std::string("valid") : valid.error().message;
  };
  const Insn exit{.opcode = 0x95};
  EXPECT_EQ(message({exit}), "valid");
  EXPECT_EQ(message({}), "the program is empty");
  EXPECT_EQ(message({{.opcode = 0xb7}}), "slot 0: mov64_imm: the last instruction must be an exit or a jump");
  EXPECT_EQ(message({{.opcode = 0xb7, .regs = 10}, exit}),
            "slot 0: mov64_imm: r10 is the frame pointer and cannot be written");
  EXPECT_EQ(message({{.opcode = 0xbf, .regs = 0xb0}, exit}),
            "slot 0: mov64_reg: register r11 does not exist, the last one is r10");
  EXPECT_EQ(message({{.opcode = 0xdb, .regs = 0xa1, .imm = 1}, exit}),
            "slot 0: atomic_fetch_add64: r10 is the frame pointer and cannot be written");
  EXPECT_EQ(message({{.opcode = 0xdb, .regs = 0xa1}, exit}), "valid");
  EXPECT_EQ(message({{.opcode = 0x05, .off = 1}, exit}),
            "slot 0: ja: goes to slot 2, outside the program (2 slots)");
  EXPECT_EQ(message({{.opcode = 0x05, .off = -2}, exit}),
            "slot 0: ja: goes to slot -1, outside the program (2 slots)");
  EXPECT_EQ(message({{.opcode = 0x05, .off = 1}, {.opcode = 0x18}, {}, exit}),
            "slot 0: ja: goes to slot 2, the second half of an lddw");
  EXPECT_EQ(message({{.opcode = 0x06, .imm = 0x7fffffff}, exit}),
            "slot 0: ja32: goes to slot 2147483648, outside the program (2 slots)");
  EXPECT_EQ(message({{.opcode = 0x85, .regs = 0x10, .imm = 1}, exit, exit}), "valid");
  EXPECT_EQ(message({{.opcode = 0x18, .regs = 0x40, .imm = 2}, {}, exit, exit}), "valid");
  EXPECT_EQ(message({{.opcode = 0x18, .regs = 0x40, .imm = 0}, {}, exit, exit}),
            "slot 0: lddw_func: goes to slot 1, the second half of an lddw");
}

TEST(validate, constants) {
  auto code = [](Decoded d) {
    auto valid = validate_constants(d, 0);
    return valid.has_value() ? 0 : valid.error().code;
  };
  EXPECT_EQ(code({.op = op("lsh64_imm"), .imm = 63}), 0);
  EXPECT_EQ(code({.op = op("lsh64_imm"), .imm = 64}), EINVAL);
  EXPECT_EQ(code({.op = op("arsh32_imm"), .imm = 32}), EINVAL);
  EXPECT_EQ(code({.op = op("rsh32_imm"), .imm = -1}), EINVAL);
  EXPECT_EQ(code({.op = op("smod32_imm"), .imm = 0}), EINVAL);
  EXPECT_EQ(code({.op = op("mul32_imm"), .imm = 0}), 0);
  EXPECT_EQ(code({.op = op("div64_reg")}), 0);
  EXPECT_EQ(code({.op = op("addr_space_cast"), .imm = 1}), 0);
  EXPECT_EQ(code({.op = op("addr_space_cast"), .imm = 0x10001}), EINVAL);
}

TEST(bytes, both_orders) {
  const std::vector<Insn> insns{{.opcode = 0x18, .regs = 0x21, .off = 0x1234, .imm = 0x11223344},
                                {.opcode = 0x95}};
  Buffer little = write_insns(insns, std::endian::little), big = write_insns(insns, std::endian::big);
  const Buffer expected{0x18, 0x12, 0x12, 0x34, 0x11, 0x22, 0x33, 0x44, 0x95, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(big, expected);
  EXPECT_EQ(little[1], 0x21);
  EXPECT_EQ(little[2], 0x34);
  EXPECT_EQ(parse_insns(little, std::endian::little).value(), insns);
  EXPECT_EQ(parse_insns(big, std::endian::big).value(), insns);
  EXPECT_FALSE(parse_insns(Bytes(big).first(15)).has_value());
}

}  // namespace
}  // namespace skep::isa
