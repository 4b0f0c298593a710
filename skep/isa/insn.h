// One 8-byte eBPF instruction slot (RFC 9669 section 3), as it lies in memory on this machine's byte order.
#pragma once

#include <cstdint>

namespace skep::isa {

// opcode | src:4 dst:4 | offset:16 | imm:32. The register byte stays whole: no bit-fields.
struct Insn {
  std::uint8_t opcode = 0;
  std::uint8_t regs = 0;  // dst in the low nibble, src in the high one
  std::int16_t off = 0;
  std::int32_t imm = 0;

  constexpr std::uint8_t dst() const { return regs & 15; }
  constexpr std::uint8_t src() const { return regs >> 4; }
  constexpr void set_dst(unsigned reg) { regs = static_cast<std::uint8_t>((regs & 0xf0) | (reg & 15)); }
  constexpr void set_src(unsigned reg) { regs = static_cast<std::uint8_t>((regs & 0x0f) | (reg & 15) << 4); }
  bool operator==(const Insn&) const = default;
};
static_assert(sizeof(Insn) == 8);

// Index of an 8-byte slot in a program: what jumps, .BTF.ext (after division by 8) and the kernel's log
// count. lddw takes two slots.
using Slot = std::uint32_t;

// src values of lddw (RFC 9669 section 5.4) and of call (section 4.3.1).
namespace pseudo {
inline constexpr unsigned map_fd = 1, map_value = 2, btf_id = 3, func = 4, map_idx = 5, map_idx_value = 6;
inline constexpr unsigned call = 1, kfunc_call = 2;
}  // namespace pseudo

}  // namespace skep::isa
