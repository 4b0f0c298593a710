// From instruction slots to rows of the table and back, byte order, and the checks that need no knowledge
// beyond one program's instructions.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/isa/insn.h"
#include "skep/isa/ops.h"

namespace skep::isa {

// One instruction with its operands. Fields that the row does not use are 0.
struct Decoded {
  OpId op = 0;
  std::uint8_t slots = 1;
  std::uint8_t dst = 0, src = 0;
  std::int16_t off = 0;
  std::int64_t imm = 0;  // sign-extended; lddw: all 64 bits, the second slot's imm in the upper half

  const Op& row() const { return isa::row(op); }
  std::int32_t imm_low() const { return static_cast<std::int32_t>(imm); }
  std::int32_t imm_high() const { return static_cast<std::int32_t>(imm >> 32); }
  // Slots from the next instruction to where it jumps (see isa::jumps).
  std::int64_t distance() const { return jumps_by_imm(row()) ? imm : off; }
  bool operator==(const Decoded&) const = default;
};

// The instruction that starts at slot `at`. Fails with EINVAL and a message that begins with "slot N: " when
// no row has this encoding: an unknown opcode, a field that must be 0, a lddw whose second half is missing or
// not empty. Registers are not judged here (see validate).
Result<Decoded> decode(std::span<const Insn> insns, Slot at);

// All instructions of a program in order.
Result<std::vector<Decoded>> decode_all(std::span<const Insn> insns);

// The slots of one instruction: the inverse of decode.
struct Encoded {
  Insn insns[2] = {};
  std::uint8_t slots = 1;
  std::span<const Insn> span() const { return {insns, slots}; }
};
// Fails with ERANGE if an operand does not fit its field, with EINVAL if one is set that the row does not
// have.
Result<Encoded> encode(const Decoded& decoded);

// Registers exist (r0 to r10) and r10 is not written. `at` is for the message. EINVAL.
Result<void> validate(const Decoded& decoded, Slot at);

// What the kernel refuses besides, whatever the program type: a constant shift beyond the width, division by
// a constant 0, an address space cast other than 0 <-> 1. EINVAL.
Result<void> validate_constants(const Decoded& decoded, Slot at);

// A whole program: not empty, every instruction decodes and is valid, jumps, local calls and function
// addresses land on the start of an instruction, and control cannot run over the end. EINVAL.
Result<void> validate(std::span<const Insn> insns);

// Instructions as they lie in a file of the given byte order: eight bytes a slot; in big-endian files dst is
// in the high nibble of the register byte. EINVAL if the size is no multiple of 8.
Result<std::vector<Insn>> parse_insns(Bytes bytes, std::endian order = std::endian::little);
Buffer write_insns(std::span<const Insn> insns, std::endian order = std::endian::little);

}  // namespace skep::isa
