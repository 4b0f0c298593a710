// THE instruction table: one row per operation of RFC 9669 and of what Linux added after it. Encoder,
// decoder, printers, assembler, engines and tests are derived from these rows. Sources: RFC 9669; Linux
// Documentation/bpf/standardization/instruction-set.rst; kernel/bpf/verifier.c for what must be zero; clang's
// and binutils' manuals for the two syntaxes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "skep/isa/families.h"
#include "skep/isa/op.h"

namespace skep::isa {

namespace rows {

// clang-format off
inline constexpr Op all[] = {
    // 32-bit arithmetic (RFC 9669 section 4.1). div and mod share their opcode with sdiv and smod (off 1); mov with movsx.
    alu_imm("add32_imm", 0x04, no_field, Operation::add, 32, Group::base32, 1, since(3, 18), "+=", "add32"),
    alu_reg("add32_reg", 0x0c, no_field, Operation::add, 32, Group::base32, 1, since(3, 18), "+=", "add32"),
    alu_imm("sub32_imm", 0x14, no_field, Operation::sub, 32, Group::base32, 1, since(3, 18), "-=", "sub32"),
    alu_reg("sub32_reg", 0x1c, no_field, Operation::sub, 32, Group::base32, 1, since(3, 18), "-=", "sub32"),
    alu_imm("mul32_imm", 0x24, no_field, Operation::mul, 32, Group::divmul32, 1, since(3, 18), "*=", "mul32"),
    alu_reg("mul32_reg", 0x2c, no_field, Operation::mul, 32, Group::divmul32, 1, since(3, 18), "*=", "mul32"),
    alu_imm("div32_imm", 0x34, off(0), Operation::div, 32, Group::divmul32, 1, since(3, 18), "/=", "div32"),
    alu_reg("div32_reg", 0x3c, off(0), Operation::div, 32, Group::divmul32, 1, since(3, 18), "/=", "div32"),
    alu_imm("sdiv32_imm", 0x34, off(1), Operation::sdiv, 32, Group::divmul32, 4, since(6, 6), "s/=", "sdiv32"),
    alu_reg("sdiv32_reg", 0x3c, off(1), Operation::sdiv, 32, Group::divmul32, 4, since(6, 6), "s/=", "sdiv32"),
    alu_imm("or32_imm", 0x44, no_field, Operation::or_, 32, Group::base32, 1, since(3, 18), "|=", "or32"),
    alu_reg("or32_reg", 0x4c, no_field, Operation::or_, 32, Group::base32, 1, since(3, 18), "|=", "or32"),
    alu_imm("and32_imm", 0x54, no_field, Operation::and_, 32, Group::base32, 1, since(3, 18), "&=", "and32"),
    alu_reg("and32_reg", 0x5c, no_field, Operation::and_, 32, Group::base32, 1, since(3, 18), "&=", "and32"),
    alu_imm("lsh32_imm", 0x64, no_field, Operation::lsh, 32, Group::base32, 1, since(3, 18), "<<=", "lsh32"),
    alu_reg("lsh32_reg", 0x6c, no_field, Operation::lsh, 32, Group::base32, 1, since(3, 18), "<<=", "lsh32"),
    alu_imm("rsh32_imm", 0x74, no_field, Operation::rsh, 32, Group::base32, 1, since(3, 18), ">>=", "rsh32"),
    alu_reg("rsh32_reg", 0x7c, no_field, Operation::rsh, 32, Group::base32, 1, since(3, 18), ">>=", "rsh32"),
    alu_imm("mod32_imm", 0x94, off(0), Operation::mod, 32, Group::divmul32, 1, since(3, 18), "%=", "mod32"),
    alu_reg("mod32_reg", 0x9c, off(0), Operation::mod, 32, Group::divmul32, 1, since(3, 18), "%=", "mod32"),
    alu_imm("smod32_imm", 0x94, off(1), Operation::smod, 32, Group::divmul32, 4, since(6, 6), "s%=", "smod32"),
    alu_reg("smod32_reg", 0x9c, off(1), Operation::smod, 32, Group::divmul32, 4, since(6, 6), "s%=", "smod32"),
    alu_imm("xor32_imm", 0xa4, no_field, Operation::xor_, 32, Group::base32, 1, since(3, 18), "^=", "xor32"),
    alu_reg("xor32_reg", 0xac, no_field, Operation::xor_, 32, Group::base32, 1, since(3, 18), "^=", "xor32"),
    alu_imm("mov32_imm", 0xb4, no_field, Operation::mov, 32, Group::base32, 1, since(3, 18), "=", "mov32"),
    alu_reg("mov32_reg", 0xbc, off(0), Operation::mov, 32, Group::base32, 1, since(3, 18), "=", "mov32"),
    alu_imm("arsh32_imm", 0xc4, no_field, Operation::arsh, 32, Group::base32, 1, since(3, 18), "s>>=", "arsh32"),
    alu_reg("arsh32_reg", 0xcc, no_field, Operation::arsh, 32, Group::base32, 1, since(3, 18), "s>>=", "arsh32"),
    alu_neg("neg32", 0x84, 32, Group::base32, "neg32"),
    alu_movsx("movsx8_32", 0xbc, 8, 32, Group::base32, "movs32"),
    alu_movsx("movsx16_32", 0xbc, 16, 32, Group::base32, "movs32"),

    // 64-bit arithmetic (RFC 9669 section 4.1). div and mod share their opcode with sdiv and smod (off 1); mov with movsx. mov64 with off 1 is addr_space_cast.
    alu_imm("add64_imm", 0x07, no_field, Operation::add, 64, Group::base64, 1, since(3, 18), "+=", "add"),
    alu_reg("add64_reg", 0x0f, no_field, Operation::add, 64, Group::base64, 1, since(3, 18), "+=", "add"),
    alu_imm("sub64_imm", 0x17, no_field, Operation::sub, 64, Group::base64, 1, since(3, 18), "-=", "sub"),
    alu_reg("sub64_reg", 0x1f, no_field, Operation::sub, 64, Group::base64, 1, since(3, 18), "-=", "sub"),
    alu_imm("mul64_imm", 0x27, no_field, Operation::mul, 64, Group::divmul64, 1, since(3, 18), "*=", "mul"),
    alu_reg("mul64_reg", 0x2f, no_field, Operation::mul, 64, Group::divmul64, 1, since(3, 18), "*=", "mul"),
    alu_imm("div64_imm", 0x37, off(0), Operation::div, 64, Group::divmul64, 1, since(3, 18), "/=", "div"),
    alu_reg("div64_reg", 0x3f, off(0), Operation::div, 64, Group::divmul64, 1, since(3, 18), "/=", "div"),
    alu_imm("sdiv64_imm", 0x37, off(1), Operation::sdiv, 64, Group::divmul64, 4, since(6, 6), "s/=", "sdiv"),
    alu_reg("sdiv64_reg", 0x3f, off(1), Operation::sdiv, 64, Group::divmul64, 4, since(6, 6), "s/=", "sdiv"),
    alu_imm("or64_imm", 0x47, no_field, Operation::or_, 64, Group::base64, 1, since(3, 18), "|=", "or"),
    alu_reg("or64_reg", 0x4f, no_field, Operation::or_, 64, Group::base64, 1, since(3, 18), "|=", "or"),
    alu_imm("and64_imm", 0x57, no_field, Operation::and_, 64, Group::base64, 1, since(3, 18), "&=", "and"),
    alu_reg("and64_reg", 0x5f, no_field, Operation::and_, 64, Group::base64, 1, since(3, 18), "&=", "and"),
    alu_imm("lsh64_imm", 0x67, no_field, Operation::lsh, 64, Group::base64, 1, since(3, 18), "<<=", "lsh"),
    alu_reg("lsh64_reg", 0x6f, no_field, Operation::lsh, 64, Group::base64, 1, since(3, 18), "<<=", "lsh"),
    alu_imm("rsh64_imm", 0x77, no_field, Operation::rsh, 64, Group::base64, 1, since(3, 18), ">>=", "rsh"),
    alu_reg("rsh64_reg", 0x7f, no_field, Operation::rsh, 64, Group::base64, 1, since(3, 18), ">>=", "rsh"),
    alu_imm("mod64_imm", 0x97, off(0), Operation::mod, 64, Group::divmul64, 1, since(3, 18), "%=", "mod"),
    alu_reg("mod64_reg", 0x9f, off(0), Operation::mod, 64, Group::divmul64, 1, since(3, 18), "%=", "mod"),
    alu_imm("smod64_imm", 0x97, off(1), Operation::smod, 64, Group::divmul64, 4, since(6, 6), "s%=", "smod"),
    alu_reg("smod64_reg", 0x9f, off(1), Operation::smod, 64, Group::divmul64, 4, since(6, 6), "s%=", "smod"),
    alu_imm("xor64_imm", 0xa7, no_field, Operation::xor_, 64, Group::base64, 1, since(3, 18), "^=", "xor"),
    alu_reg("xor64_reg", 0xaf, no_field, Operation::xor_, 64, Group::base64, 1, since(3, 18), "^=", "xor"),
    alu_imm("mov64_imm", 0xb7, no_field, Operation::mov, 64, Group::base64, 1, since(3, 18), "=", "mov"),
    alu_reg("mov64_reg", 0xbf, off(0), Operation::mov, 64, Group::base64, 1, since(3, 18), "=", "mov"),
    alu_imm("arsh64_imm", 0xc7, no_field, Operation::arsh, 64, Group::base64, 1, since(3, 18), "s>>=", "arsh"),
    alu_reg("arsh64_reg", 0xcf, no_field, Operation::arsh, 64, Group::base64, 1, since(3, 18), "s>>=", "arsh"),
    alu_neg("neg64", 0x87, 64, Group::base64, "neg"),
    alu_movsx("movsx8_64", 0xbf, 8, 64, Group::base64, "movs"),
    alu_movsx("movsx16_64", 0xbf, 16, 64, Group::base64, "movs"),
    alu_movsx("movsx32_64", 0xbf, 32, 64, Group::base64, "movs"),
    addr_space_cast,

    // Byte order (section 4.2): the width stands in imm.
    endian("le16", 0xd4, Operation::to_le, 16, Group::base32, 1, since(3, 18), "le", "endle"),
    endian("le32", 0xd4, Operation::to_le, 32, Group::base32, 1, since(3, 18), "le", "endle"),
    endian("le64", 0xd4, Operation::to_le, 64, Group::base64, 1, since(3, 18), "le", "endle"),
    endian("be16", 0xdc, Operation::to_be, 16, Group::base32, 1, since(3, 18), "be", "endbe"),
    endian("be32", 0xdc, Operation::to_be, 32, Group::base32, 1, since(3, 18), "be", "endbe"),
    endian("be64", 0xdc, Operation::to_be, 64, Group::base64, 1, since(3, 18), "be", "endbe"),
    endian("bswap16", 0xd7, Operation::bswap, 16, Group::base32, 4, since(6, 6), "bswap", "bswap"),
    endian("bswap32", 0xd7, Operation::bswap, 32, Group::base32, 4, since(6, 6), "bswap", "bswap"),
    endian("bswap64", 0xd7, Operation::bswap, 64, Group::base64, 4, since(6, 6), "bswap", "bswap"),

    // Loads and stores (section 5.1, 5.2).
    load("ldxb", 0x71, 8, Group::base32),
    load("ldxh", 0x69, 16, Group::base32),
    load("ldxw", 0x61, 32, Group::base32),
    load("ldxdw", 0x79, 64, Group::base64),
    load_signed("ldxsb", 0x91, 8, Group::base64),
    load_signed("ldxsh", 0x89, 16, Group::base64),
    load_signed("ldxsw", 0x81, 32, Group::base64),
    store_imm("stb", 0x72, 8, Group::base32),
    store_imm("sth", 0x6a, 16, Group::base32),
    store_imm("stw", 0x62, 32, Group::base32),
    store_imm("stdw", 0x7a, 64, Group::base64),
    store("stxb", 0x73, 8, Group::base32),
    store("stxh", 0x6b, 16, Group::base32),
    store("stxw", 0x63, 32, Group::base32),
    store("stxdw", 0x7b, 64, Group::base64),

    // Atomics (section 5.3): the operation stands in imm.
    atomic("atomic_add32", 0xc3, 0x00, Operation::add, 32, 1, since(3, 18), "+=", "xaddw"),
    atomic("atomic_add64", 0xdb, 0x00, Operation::add, 64, 1, since(3, 18), "+=", "xadddw"),
    atomic("atomic_or32", 0xc3, 0x40, Operation::or_, 32, 3, since(5, 12), "|=", "aor32"),
    atomic("atomic_or64", 0xdb, 0x40, Operation::or_, 64, 3, since(5, 12), "|=", "aor"),
    atomic("atomic_and32", 0xc3, 0x50, Operation::and_, 32, 3, since(5, 12), "&=", "aand32"),
    atomic("atomic_and64", 0xdb, 0x50, Operation::and_, 64, 3, since(5, 12), "&=", "aand"),
    atomic("atomic_xor32", 0xc3, 0xa0, Operation::xor_, 32, 3, since(5, 12), "^=", "axor32"),
    atomic("atomic_xor64", 0xdb, 0xa0, Operation::xor_, 64, 3, since(5, 12), "^=", "axor"),
    atomic_fetch("atomic_fetch_add32", 0xc3, 0x01, Operation::add, 32, "fetch_add", "afadd32"),
    atomic_fetch("atomic_fetch_add64", 0xdb, 0x01, Operation::add, 64, "fetch_add", "afadd"),
    atomic_fetch("atomic_fetch_or32", 0xc3, 0x41, Operation::or_, 32, "fetch_or", "afor32"),
    atomic_fetch("atomic_fetch_or64", 0xdb, 0x41, Operation::or_, 64, "fetch_or", "afor"),
    atomic_fetch("atomic_fetch_and32", 0xc3, 0x51, Operation::and_, 32, "fetch_and", "afand32"),
    atomic_fetch("atomic_fetch_and64", 0xdb, 0x51, Operation::and_, 64, "fetch_and", "afand"),
    atomic_fetch("atomic_fetch_xor32", 0xc3, 0xa1, Operation::xor_, 32, "fetch_xor", "afxor32"),
    atomic_fetch("atomic_fetch_xor64", 0xdb, 0xa1, Operation::xor_, 64, "fetch_xor", "afxor"),
    atomic_swap("xchg32", 0xc3, 0xe1, Operation::xchg, 32, "xchg32_32", "axchg32"),
    atomic_swap("xchg64", 0xdb, 0xe1, Operation::xchg, 64, "xchg_64", "axchg"),
    atomic_swap("cmpxchg32", 0xc3, 0xf1, Operation::cmpxchg, 32, "cmpxchg32_32", "acmp32"),
    atomic_swap("cmpxchg64", 0xdb, 0xf1, Operation::cmpxchg, 64, "cmpxchg_64", "acmp"),

    // Acquire and release (Documentation/bpf/standardization after RFC 9669; since 6.15).
    load_acquire("load_acquire8", 0xd3, 8, "ldacqb"),
    store_release("store_release8", 0xd3, 8, "strelb"),
    load_acquire("load_acquire16", 0xcb, 16, "ldacqh"),
    store_release("store_release16", 0xcb, 16, "strelh"),
    load_acquire("load_acquire32", 0xc3, 32, "ldacqw"),
    store_release("store_release32", 0xc3, 32, "strelw"),
    load_acquire("load_acquire64", 0xdb, 64, "ldacqdw"),
    store_release("store_release64", 0xdb, 64, "streldw"),

    // 64-bit immediates (section 5.4): two slots, src says what the value names.
    lddw("lddw", 0, Operation::imm64, uses_imm_high, since(3, 18), "", &lddw_syntax),
    lddw("lddw_map_fd", 1, Operation::map_fd, 0, since(3, 18), "map_fd", &lddw_one_syntax),
    lddw("lddw_map_value", 2, Operation::map_value, uses_imm_high, since(5, 2), "map_value", &lddw_two_syntax),
    lddw("lddw_btf_id", 3, Operation::btf_id, uses_imm_high, since(5, 10), "btf_id", &lddw_two_syntax),
    lddw("lddw_func", 4, Operation::function, 0, since(5, 13), "func", &lddw_one_syntax),
    lddw("lddw_map_idx", 5, Operation::map_idx, 0, since(5, 14), "map_idx", &lddw_one_syntax),
    lddw("lddw_map_idx_value", 6, Operation::map_idx_value, uses_imm_high, since(5, 14), "map_idx_value", &lddw_two_syntax),

    // Legacy packet access (section 5.5).
    packet_abs("ld_absb", 0x30, 8, "ldabsb"),
    packet_abs("ld_absh", 0x28, 16, "ldabsh"),
    packet_abs("ld_absw", 0x20, 32, "ldabsw"),
    packet_ind("ld_indb", 0x50, 8, "ldindb"),
    packet_ind("ld_indh", 0x48, 16, "ldindh"),
    packet_ind("ld_indw", 0x40, 32, "ldindw"),

    // Jumps (section 4.3).
    ja,
    ja32,
    jump_imm("jeq64_imm", 0x15, Operation::eq, 64, 1, since(3, 18), "==", "jeq"),
    jump_reg("jeq64_reg", 0x1d, Operation::eq, 64, 1, since(3, 18), "==", "jeq"),
    jump_imm("jgt64_imm", 0x25, Operation::gt, 64, 1, since(3, 18), ">", "jgt"),
    jump_reg("jgt64_reg", 0x2d, Operation::gt, 64, 1, since(3, 18), ">", "jgt"),
    jump_imm("jge64_imm", 0x35, Operation::ge, 64, 1, since(3, 18), ">=", "jge"),
    jump_reg("jge64_reg", 0x3d, Operation::ge, 64, 1, since(3, 18), ">=", "jge"),
    jump_imm("jset64_imm", 0x45, Operation::set, 64, 1, since(3, 18), "&", "jset"),
    jump_reg("jset64_reg", 0x4d, Operation::set, 64, 1, since(3, 18), "&", "jset"),
    jump_imm("jne64_imm", 0x55, Operation::ne, 64, 1, since(3, 18), "!=", "jne"),
    jump_reg("jne64_reg", 0x5d, Operation::ne, 64, 1, since(3, 18), "!=", "jne"),
    jump_imm("jsgt64_imm", 0x65, Operation::sgt, 64, 1, since(3, 18), "s>", "jsgt"),
    jump_reg("jsgt64_reg", 0x6d, Operation::sgt, 64, 1, since(3, 18), "s>", "jsgt"),
    jump_imm("jsge64_imm", 0x75, Operation::sge, 64, 1, since(3, 18), "s>=", "jsge"),
    jump_reg("jsge64_reg", 0x7d, Operation::sge, 64, 1, since(3, 18), "s>=", "jsge"),
    jump_imm("jlt64_imm", 0xa5, Operation::lt, 64, 2, since(4, 14), "<", "jlt"),
    jump_reg("jlt64_reg", 0xad, Operation::lt, 64, 2, since(4, 14), "<", "jlt"),
    jump_imm("jle64_imm", 0xb5, Operation::le, 64, 2, since(4, 14), "<=", "jle"),
    jump_reg("jle64_reg", 0xbd, Operation::le, 64, 2, since(4, 14), "<=", "jle"),
    jump_imm("jslt64_imm", 0xc5, Operation::slt, 64, 2, since(4, 14), "s<", "jslt"),
    jump_reg("jslt64_reg", 0xcd, Operation::slt, 64, 2, since(4, 14), "s<", "jslt"),
    jump_imm("jsle64_imm", 0xd5, Operation::sle, 64, 2, since(4, 14), "s<=", "jsle"),
    jump_reg("jsle64_reg", 0xdd, Operation::sle, 64, 2, since(4, 14), "s<=", "jsle"),
    jump_imm("jeq32_imm", 0x16, Operation::eq, 32, 3, since(5, 1), "==", "jeq32"),
    jump_reg("jeq32_reg", 0x1e, Operation::eq, 32, 3, since(5, 1), "==", "jeq32"),
    jump_imm("jgt32_imm", 0x26, Operation::gt, 32, 3, since(5, 1), ">", "jgt32"),
    jump_reg("jgt32_reg", 0x2e, Operation::gt, 32, 3, since(5, 1), ">", "jgt32"),
    jump_imm("jge32_imm", 0x36, Operation::ge, 32, 3, since(5, 1), ">=", "jge32"),
    jump_reg("jge32_reg", 0x3e, Operation::ge, 32, 3, since(5, 1), ">=", "jge32"),
    jump_imm("jset32_imm", 0x46, Operation::set, 32, 3, since(5, 1), "&", "jset32"),
    jump_reg("jset32_reg", 0x4e, Operation::set, 32, 3, since(5, 1), "&", "jset32"),
    jump_imm("jne32_imm", 0x56, Operation::ne, 32, 3, since(5, 1), "!=", "jne32"),
    jump_reg("jne32_reg", 0x5e, Operation::ne, 32, 3, since(5, 1), "!=", "jne32"),
    jump_imm("jsgt32_imm", 0x66, Operation::sgt, 32, 3, since(5, 1), "s>", "jsgt32"),
    jump_reg("jsgt32_reg", 0x6e, Operation::sgt, 32, 3, since(5, 1), "s>", "jsgt32"),
    jump_imm("jsge32_imm", 0x76, Operation::sge, 32, 3, since(5, 1), "s>=", "jsge32"),
    jump_reg("jsge32_reg", 0x7e, Operation::sge, 32, 3, since(5, 1), "s>=", "jsge32"),
    jump_imm("jlt32_imm", 0xa6, Operation::lt, 32, 3, since(5, 1), "<", "jlt32"),
    jump_reg("jlt32_reg", 0xae, Operation::lt, 32, 3, since(5, 1), "<", "jlt32"),
    jump_imm("jle32_imm", 0xb6, Operation::le, 32, 3, since(5, 1), "<=", "jle32"),
    jump_reg("jle32_reg", 0xbe, Operation::le, 32, 3, since(5, 1), "<=", "jle32"),
    jump_imm("jslt32_imm", 0xc6, Operation::slt, 32, 3, since(5, 1), "s<", "jslt32"),
    jump_reg("jslt32_reg", 0xce, Operation::slt, 32, 3, since(5, 1), "s<", "jslt32"),
    jump_imm("jsle32_imm", 0xd6, Operation::sle, 32, 3, since(5, 1), "s<=", "jsle32"),
    jump_reg("jsle32_reg", 0xde, Operation::sle, 32, 3, since(5, 1), "s<=", "jsle32"),

    // Calls and the end. callx names its register in dst, as clang writes it; no kernel takes it.
    call_helper,
    call_local,
    call_kfunc,
    callx,
    exit_,
    may_goto,
    gotox,
};
// clang-format on

}  // namespace rows

// A row's index in the table.
using OpId = std::uint16_t;

inline constexpr std::size_t op_count = std::size(rows::all);
constexpr std::span<const Op, op_count> ops() { return rows::all; }
constexpr const Op& row(OpId id) { return rows::all[id]; }

// The id of a row by its name, at compile time: `case isa::op("add64_imm"):`. An unknown name does not
// compile.
consteval OpId op(std::string_view name) {
  for (OpId id = 0; id < op_count; ++id)
    if (rows::all[id].name == name) return id;
  throw "no instruction has this name";  // in consteval: a compile error, never thrown
}

// Rows with one opcode byte: ids[first, first + count).
struct OpcodeRows {
  std::uint8_t first = 0;
  std::uint8_t count = 0;
};
struct OpcodeIndex {
  std::array<OpcodeRows, 256> opcodes{};
  std::array<OpId, op_count> ids{};
};

inline constexpr OpcodeIndex opcode_index = [] {
  OpcodeIndex index;
  std::size_t next = 0;
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    index.opcodes[opcode].first = static_cast<std::uint8_t>(next);
    for (OpId id = 0; id < op_count; ++id)
      if (rows::all[id].opcode == opcode) index.ids[next++] = id;
    index.opcodes[opcode].count = static_cast<std::uint8_t>(next - index.opcodes[opcode].first);
  }
  return index;
}();
static_assert(op_count < 256, "OpcodeRows counts in bytes");

namespace rows {

// Every row is reachable and none shadows another: rows with one opcode use one field, each its own value;
// that field carries no operand; names are unique.
consteval bool table_is_sound() {
  for (std::size_t a = 0; a < op_count; ++a) {
    const Op& op = all[a];
    if (op.name.empty() || op.gnu.empty()) return false;
    if (op.field == Field::src && op.has(uses_src)) return false;
    if (op.field == Field::off && op.has(uses_off)) return false;
    if (op.field == Field::imm && op.has(uses_imm)) return false;
    if (op.field == Field::none && op.field_value != 0) return false;
    if ((op.slots == 2) != (op.action == Class::load_imm64)) return false;
    for (std::size_t b = a + 1; b < op_count; ++b) {
      if (op.name == all[b].name) return false;
      if (op.opcode != all[b].opcode) continue;
      if (op.field == Field::none || op.field != all[b].field || op.field_value == all[b].field_value)
        return false;
    }
  }
  return true;
}
static_assert(table_is_sound());

}  // namespace rows

// The row with this name; null if there is none.
const Op* find_op(std::string_view name);

}  // namespace skep::isa
