// Decoding, encoding and validation, all driven by the table's columns.
#include "skep/isa/decode.h"

#include <algorithm>

namespace skep::isa {
namespace {

std::int32_t field_of(const Insn& insn, Field field) {
  switch (field) {
    case Field::none: return 0;
    case Field::src: return insn.src();
    case Field::off: return insn.off;
    case Field::imm: return insn.imm;
  }
  return 0;
}

constexpr std::string_view field_name(Field field) {
  switch (field) {
    case Field::none: return "nothing";
    case Field::src: return "src";
    case Field::off: return "off";
    case Field::imm: return "imm";
  }
  return "";
}

// No row with this opcode has the field's value: says which values there are.
Failure no_such_variant(const OpcodeRows& rows, const Insn& insn, Slot at) {
  std::string known;
  for (unsigned i = 0; i < rows.count; ++i) {
    const Op& op = row(opcode_index.ids[rows.first + i]);
    known += fmt::format("{}{:#x} ({})", i == 0 ? "" : ", ", op.field_value, op.name);
  }
  const Op& first = row(opcode_index.ids[rows.first]);
  return fail(EINVAL, "slot {}: opcode {:#04x} with {} {:#x} is not an instruction, {} must be {}{}", at,
              insn.opcode, field_name(first.field), field_of(insn, first.field), field_name(first.field),
              rows.count > 1 ? "one of " : "", known);
}

Failure must_be_zero(Slot at, const Op& op, std::string_view field, std::int64_t value) {
  return fail(EINVAL, "slot {}: {}: {} is {:#x}, must be 0", at, op.name, field, value);
}

Result<void> check_unused(const Op& op, const Insn& insn, Slot at) {
  if (!op.has(uses_dst) && insn.dst() != 0) return must_be_zero(at, op, "dst", insn.dst());
  if (!op.has(uses_src) && op.field != Field::src && insn.src() != 0)
    return must_be_zero(at, op, "src", insn.src());
  if (!op.has(uses_off) && op.field != Field::off && insn.off != 0)
    return must_be_zero(at, op, "off", insn.off);
  if (!op.has(uses_imm) && op.field != Field::imm && insn.imm != 0)
    return must_be_zero(at, op, "imm", insn.imm);
  return {};
}

Result<void> check_second_half(const Op& op, std::span<const Insn> insns, Slot at) {
  if (insns.size() - at < 2)
    return fail(EINVAL, "slot {}: {}: cut: the program ends before its second slot", at, op.name);
  const Insn& second = insns[at + 1];
  if (second.opcode != 0 || second.regs != 0 || second.off != 0)
    return fail(EINVAL,
                "slot {}: {}: second slot has opcode {:#04x}, registers {:#04x}, off {:#x}, all must be 0",
                at, op.name, second.opcode, second.regs, second.off);
  if (!op.has(uses_imm_high) && second.imm != 0)
    return must_be_zero(at, op, "imm of the second slot", second.imm);
  return {};
}

}  // namespace

Result<Decoded> decode(std::span<const Insn> insns, Slot at) {
  if (at >= insns.size()) return fail(EINVAL, "slot {}: outside the program ({} slots)", at, insns.size());
  const Insn& insn = insns[at];
  const OpcodeRows& rows = opcode_index.opcodes[insn.opcode];
  for (unsigned i = 0; i < rows.count; ++i) {
    OpId id = opcode_index.ids[rows.first + i];
    const Op& op = row(id);
    if (field_of(insn, op.field) != op.field_value) continue;
    TRY(check_unused(op, insn, at));
    Decoded decoded{.op = id, .slots = op.slots, .imm = 0};
    if (op.has(uses_dst)) decoded.dst = insn.dst();
    if (op.has(uses_src)) decoded.src = insn.src();
    if (op.has(uses_off)) decoded.off = insn.off;
    if (op.has(uses_imm)) decoded.imm = insn.imm;
    if (op.slots == 2) {
      TRY(check_second_half(op, insns, at));
      std::uint64_t low = static_cast<std::uint32_t>(insn.imm);
      std::uint64_t high = static_cast<std::uint32_t>(insns[at + 1].imm);
      decoded.imm = static_cast<std::int64_t>(high << 32 | low);
    }
    return decoded;
  }
  if (rows.count == 0) return fail(EINVAL, "slot {}: opcode {:#04x} is not an instruction", at, insn.opcode);
  return no_such_variant(rows, insn, at);
}

Result<std::vector<Decoded>> decode_all(std::span<const Insn> insns) {
  std::vector<Decoded> all;
  all.reserve(insns.size());
  for (Slot at = 0; at < insns.size(); at += all.back().slots) {
    Decoded decoded = TRY(decode(insns, at));
    all.push_back(decoded);
  }
  return all;
}

Result<Encoded> encode(const Decoded& decoded) {
  if (decoded.op >= op_count)
    return fail(EINVAL, "operation {} is not in the table of {}", decoded.op, op_count);
  const Op& op = decoded.row();
  auto stray = [&](std::string_view field) {
    return fail(EINVAL, "{}: {} is set, but the instruction has no such operand", op.name, field);
  };
  if (decoded.dst > 15 || decoded.src > 15)
    return fail(ERANGE, "{}: register {} does not fit 4 bits", op.name, std::max(decoded.dst, decoded.src));
  if (!op.has(uses_dst) && decoded.dst != 0) return stray("dst");
  if (!op.has(uses_src) && decoded.src != 0) return stray("src");
  if (!op.has(uses_off) && decoded.off != 0) return stray("off");
  if (!op.has(uses_imm) && decoded.imm != 0) return stray("imm");
  if (op.slots == 1 && decoded.imm != decoded.imm_low())
    return fail(ERANGE, "{}: imm {} does not fit 32 bits", op.name, decoded.imm);
  if (op.slots == 2 && !op.has(uses_imm_high) && decoded.imm_high() != 0)
    return fail(ERANGE, "{}: imm {:#x} does not fit 32 bits", op.name, decoded.imm);

  Encoded encoded;
  encoded.slots = op.slots;
  Insn& insn = encoded.insns[0];
  insn.opcode = op.opcode;
  insn.set_dst(decoded.dst);
  insn.set_src(op.field == Field::src ? static_cast<unsigned>(op.field_value) : decoded.src);
  insn.off = op.field == Field::off ? static_cast<std::int16_t>(op.field_value) : decoded.off;
  insn.imm = op.field == Field::imm ? op.field_value : decoded.imm_low();
  if (op.slots == 2) encoded.insns[1].imm = decoded.imm_high();
  return encoded;
}

Result<void> validate(const Decoded& decoded, Slot at) {
  const Op& op = decoded.row();
  if (decoded.dst > 10 || decoded.src > 10)
    return fail(EINVAL, "slot {}: {}: register r{} does not exist, the last one is r10", at, op.name,
                decoded.dst > 10 ? decoded.dst : decoded.src);
  if ((writes_dst(op) && decoded.dst == 10) || (writes_src(op) && decoded.src == 10))
    return fail(EINVAL, "slot {}: {}: r10 is the frame pointer and cannot be written", at, op.name);
  return {};
}

Result<void> validate_constants(const Decoded& decoded, Slot at) {
  const Op& op = decoded.row();
  if (op.action == Class::addr_space_cast && decoded.imm != 1 && decoded.imm != 1 << 16)
    return fail(EINVAL, "slot {}: {}: imm is {:#x}, must be 0x1 or 0x10000", at, op.name, decoded.imm);
  if (op.action != Class::alu || op.source != Source::imm) return {};
  if (op.group == Group::divmul32 || op.group == Group::divmul64) {
    if (op.operation != Operation::mul && decoded.imm == 0)
      return fail(EINVAL, "slot {}: {}: division by the constant 0", at, op.name);
  }
  bool shifts =
      op.operation == Operation::lsh || op.operation == Operation::rsh || op.operation == Operation::arsh;
  if (shifts && (decoded.imm < 0 || decoded.imm >= op.width))
    return fail(EINVAL, "slot {}: {}: shift by {}, must be 0 to {}", at, op.name, decoded.imm, op.width - 1);
  return {};
}

Result<void> validate(std::span<const Insn> insns) {
  if (insns.empty()) return fail(EINVAL, "the program is empty");
  std::vector<bool> starts(insns.size());
  std::vector<std::pair<Slot, Decoded>> all;
  all.reserve(insns.size());
  for (Slot at = 0; at < insns.size();) {
    Decoded decoded = TRY(decode(insns, at));
    TRY(validate(decoded, at));
    all.emplace_back(at, decoded);
    starts[at] = true;
    at += decoded.slots;
  }
  auto lands = [&](Slot at, const Op& op, std::int64_t distance) -> Result<void> {
    std::int64_t target = at + std::int64_t{op.slots} + distance;
    // A function address counts from the lddw itself, plus one slot: the kernel's rule (pseudo::func).
    if (op.operation == Operation::function) target -= 1;
    if (target < 0 || target >= static_cast<std::int64_t>(insns.size()))
      return fail(EINVAL, "slot {}: {}: goes to slot {}, outside the program ({} slots)", at, op.name, target,
                  insns.size());
    if (!starts[static_cast<std::size_t>(target)])
      return fail(EINVAL, "slot {}: {}: goes to slot {}, the second half of an lddw", at, op.name, target);
    return {};
  };
  for (const auto& [at, decoded] : all) {
    const Op& op = decoded.row();
    if (jumps(op)) TRY(lands(at, op, decoded.distance()));
    if (op.operation == Operation::call_local || op.operation == Operation::function)
      TRY(lands(at, op, decoded.imm_low()));
  }
  const auto& [last_at, last] = all.back();
  Class action = last.row().action;
  if (action != Class::exit && action != Class::jump && action != Class::jump_indirect)
    return fail(EINVAL, "slot {}: {}: the last instruction must be an exit or a jump", last_at,
                last.row().name);
  return {};
}

namespace {
constexpr std::uint8_t swap_nibbles(std::uint8_t byte) {
  return static_cast<std::uint8_t>(byte << 4 | byte >> 4);
}
}  // namespace

Result<std::vector<Insn>> parse_insns(Bytes bytes, std::endian order) {
  if (bytes.size() % sizeof(Insn) != 0)
    return fail(EINVAL, "instructions: {} bytes, must be a multiple of 8", bytes.size());
  std::vector<Insn> insns(bytes.size() / sizeof(Insn));
  const std::uint8_t* at = bytes.data();
  for (Insn& insn : insns) {
    insn.opcode = at[0];
    insn.regs = order == std::endian::big ? swap_nibbles(at[1]) : at[1];
    insn.off = base::load<std::int16_t>(at + 2, order);
    insn.imm = base::load<std::int32_t>(at + 4, order);
    at += sizeof(Insn);
  }
  return insns;
}

Buffer write_insns(std::span<const Insn> insns, std::endian order) {
  Buffer bytes(insns.size() * sizeof(Insn));
  std::uint8_t* at = bytes.data();
  for (const Insn& insn : insns) {
    at[0] = insn.opcode;
    at[1] = order == std::endian::big ? swap_nibbles(insn.regs) : insn.regs;
    base::store(at + 2, insn.off, order);
    base::store(at + 4, insn.imm, order);
    at += sizeof(Insn);
  }
  return bytes;
}

}  // namespace skep::isa
