// How rows of the instruction table are made: one function per family of instructions, which knows what all
// its members share, and the families' syntax. Only ops.h needs this.
#pragma once

#include <cstdint>
#include <string_view>

#include "skep/isa/op.h"

namespace skep::isa::rows {

constexpr std::uint16_t since(unsigned major, unsigned minor) {
  return static_cast<std::uint16_t>(major << 8 | minor);
}

struct Discriminator {
  Field field;
  std::int32_t value;
};
constexpr Discriminator no_field{Field::none, 0};
constexpr Discriminator off(std::int32_t value) { return {Field::off, value}; }

inline constexpr Syntax alu_imm_syntax{.kernel = "$D $p $i", .gnu = "$m $d,$i"};
inline constexpr Syntax alu_reg_syntax{.kernel = "$D $p $S", .gnu = "$m $d,$s"};
inline constexpr Syntax neg_syntax{.kernel = "$D = -$D", .gnu = "$m $d"};
inline constexpr Syntax movsx_syntax{.kernel = "$D = (s$b)$S", .gnu = "$m $d,$s,$b"};
inline constexpr Syntax cast_syntax{.kernel = "$d = addr_space_cast($s, $x, $y)", .gnu = "$m $d,$s,$x,$y"};
inline constexpr Syntax endian_syntax{.kernel = "$d = $p$n $d", .gnu = "$m $d,$n"};
inline constexpr Syntax load_syntax{
    .kernel = "$V = *($t *)($s $o)", .log = "$d = *($t *)($s $o)", .gnu = "$m $d,[$s$o]"};
inline constexpr Syntax load_signed_syntax{.kernel = "$d = *($t *)($s $o)", .gnu = "$m $d,[$s$o]"};
inline constexpr Syntax store_syntax{
    .kernel = "*($t *)($d $o) = $W", .log = "*($t *)($d $o) = $s", .gnu = "$m [$d$o],$s"};
inline constexpr Syntax store_imm_syntax{.kernel = "*($t *)($d $o) = $i", .gnu = "$m [$d$o],$i"};
inline constexpr Syntax atomic_syntax{
    .kernel = "lock *($t *)($d $o) $p $W", .log = "lock *($t *)($d $o) $p $s", .gnu = "$m [$d$o],$s"};
inline constexpr Syntax fetch_syntax{.kernel = "$W = atomic_$p(($t *)($d $o), $W)",
                                     .log = "$s = atomic$6_$p(($t *)($d $o), $s)",
                                     .gnu = "$m [$d$o],$s"};
inline constexpr Syntax xchg_syntax{
    .kernel = "$W = $p($d $o, $W)", .log = "$s = atomic$6_xchg(($t *)($d $o), $s)", .gnu = "$m [$d$o],$s"};
inline constexpr Syntax cmpxchg_syntax{.kernel = "$Z = $p($d $o, $Z, $W)",
                                       .log = "r0 = atomic$6_cmpxchg(($t *)($d $o), r0, $s)",
                                       .gnu = "$m [$d$o],$s"};
inline constexpr Syntax load_acquire_syntax{.kernel = "$V = load_acquire(($t *)($s $o))",
                                            .log = "$d = load_acquire(($t *)($s $o))",
                                            .gnu = "$m $d,[$s$o]"};
inline constexpr Syntax store_release_syntax{.kernel = "store_release(($t *)($d $o), $W)",
                                             .log = "store_release(($t *)($d $o), $s)",
                                             .gnu = "$m [$d$o],$s"};
inline constexpr Syntax lddw_syntax{.kernel = "$d = $q ll", .log = "$d = $q", .gnu = "$m $d,$q"};
inline constexpr Syntax lddw_one_syntax{.kernel = "ld_pseudo\t$d, $u, $v",
                                        .log = "$d = $q",
                                        .gnu = "$m $d,$q",
                                        .exact_kernel = "$d = $p($l) ll",
                                        .exact_gnu = "$m $d,$p($l)"};
inline constexpr Syntax lddw_two_syntax{.kernel = "ld_pseudo\t$d, $u, $v",
                                        .log = "$d = $q",
                                        .gnu = "$m $d,$q",
                                        .exact_kernel = "$d = $p($l, $h) ll",
                                        .exact_gnu = "$m $d,$p($l,$h)"};
inline constexpr Syntax packet_abs_syntax{.kernel = "r0 = *($t *)skb[$i]", .gnu = "$m $i"};
inline constexpr Syntax packet_ind_syntax{.kernel = "r0 = *($t *)skb[$s]",
                                          .log = "r0 = *($t *)skb[$s + $i]",
                                          .gnu = "$m $s,$i",
                                          .exact_kernel = "r0 = *($t *)skb[$s + $i]"};
inline constexpr Syntax ja_syntax{.kernel = "goto $j", .gnu = "$m $j"};
inline constexpr Syntax ja32_syntax{.kernel = "gotol $J", .gnu = "$m $J"};
inline constexpr Syntax jump_imm_syntax{.kernel = "if $D $p $i goto $j", .gnu = "$m $d,$i,$j"};
inline constexpr Syntax jump_reg_syntax{.kernel = "if $D $p $S goto $j", .gnu = "$m $d,$s,$j"};
inline constexpr Syntax call_helper_syntax{.kernel = "call $i", .log = "call $f", .gnu = "$m $i"};
inline constexpr Syntax call_local_syntax{.kernel = "call $i",
                                          .log = "call $J",
                                          .gnu = "$m $i",
                                          .exact_kernel = "call local $J",
                                          .exact_gnu = "$m local $J"};
inline constexpr Syntax call_kfunc_syntax{.kernel = "call $i",
                                          .log = "call kernel-function",
                                          .gnu = "$m $i",
                                          .exact_kernel = "call kfunc($i, $k)",
                                          .exact_gnu = "$m kfunc($i,$k)"};
inline constexpr Syntax callx_syntax{.kernel = "callx $d", .gnu = "$m $d"};
inline constexpr Syntax exit_syntax{.kernel = "exit", .gnu = "$m"};
inline constexpr Syntax may_goto_syntax{.kernel = "may_goto $j", .gnu = "$m $j"};
inline constexpr Syntax gotox_syntax{.kernel = "gotox $d", .gnu = "$m $d"};

using Text = std::string_view;

constexpr Op alu_imm(Text name, std::uint8_t opcode, Discriminator tell, Operation operation,
                     std::uint8_t width, Group group, std::uint8_t cpu, std::uint16_t since, Text symbol,
                     Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .field = tell.field,
          .field_value = tell.value,
          .uses = uses_dst | uses_imm,
          .action = Class::alu,
          .operation = operation,
          .width = width,
          .source = Source::imm,
          .group = group,
          .cpu = cpu,
          .since = since,
          .symbol = symbol,
          .gnu = gnu,
          .syntax = &alu_imm_syntax};
}
constexpr Op alu_reg(Text name, std::uint8_t opcode, Discriminator tell, Operation operation,
                     std::uint8_t width, Group group, std::uint8_t cpu, std::uint16_t since, Text symbol,
                     Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .field = tell.field,
          .field_value = tell.value,
          .uses = uses_dst | uses_src,
          .action = Class::alu,
          .operation = operation,
          .width = width,
          .source = Source::reg,
          .group = group,
          .cpu = cpu,
          .since = since,
          .symbol = symbol,
          .gnu = gnu,
          .syntax = &alu_reg_syntax};
}
constexpr Op alu_neg(Text name, std::uint8_t opcode, std::uint8_t width, Group group, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst,
          .action = Class::alu,
          .operation = Operation::neg,
          .width = width,
          .group = group,
          .cpu = 1,
          .since = since(3, 18),
          .symbol = "-",
          .gnu = gnu,
          .syntax = &neg_syntax};
}
constexpr Op alu_movsx(Text name, std::uint8_t opcode, std::uint8_t from, std::uint8_t width, Group group,
                       Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .field = Field::off,
          .field_value = from,
          .uses = uses_dst | uses_src,
          .action = Class::alu,
          .operation = Operation::mov,
          .width = width,
          .source = Source::reg,
          .sign_from = from,
          .group = group,
          .cpu = 4,
          .since = since(6, 6),
          .symbol = "=",
          .gnu = gnu,
          .syntax = &movsx_syntax};
}
constexpr Op endian(Text name, std::uint8_t opcode, Operation operation, std::uint8_t width, Group group,
                    std::uint8_t cpu, std::uint16_t since, Text symbol, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .field = Field::imm,
          .field_value = width,
          .uses = uses_dst,
          .action = Class::endian,
          .operation = operation,
          .width = width,
          .group = group,
          .cpu = cpu,
          .since = since,
          .symbol = symbol,
          .gnu = gnu,
          .syntax = &endian_syntax};
}
constexpr Op load(Text name, std::uint8_t opcode, std::uint8_t width, Group group) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::load,
          .width = width,
          .source = Source::reg,
          .group = group,
          .cpu = 1,
          .since = since(3, 18),
          .gnu = name,
          .syntax = &load_syntax};
}
constexpr Op load_signed(Text name, std::uint8_t opcode, std::uint8_t width, Group group) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::load,
          .width = width,
          .source = Source::reg,
          .sign_from = width,
          .group = group,
          .cpu = 4,
          .since = since(6, 6),
          .gnu = name,
          .syntax = &load_signed_syntax};
}
constexpr Op store(Text name, std::uint8_t opcode, std::uint8_t width, Group group) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::store,
          .width = width,
          .source = Source::reg,
          .group = group,
          .cpu = 1,
          .since = since(3, 18),
          .gnu = name,
          .syntax = &store_syntax};
}
constexpr Op store_imm(Text name, std::uint8_t opcode, std::uint8_t width, Group group) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst | uses_off | uses_imm,
          .action = Class::store_imm,
          .width = width,
          .source = Source::imm,
          .group = group,
          .cpu = 4,
          .since = since(3, 18),
          .gnu = name,
          .syntax = &store_imm_syntax};
}
constexpr Op atomic_row(Text name, std::uint8_t opcode, std::int32_t imm, Operation operation,
                        std::uint8_t width, bool fetch, std::uint8_t cpu, std::uint16_t since, Text symbol,
                        Text gnu, const Syntax* syntax) {
  return {.name = name,
          .opcode = opcode,
          .field = Field::imm,
          .field_value = imm,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::atomic,
          .operation = operation,
          .width = width,
          .source = Source::reg,
          .fetch = fetch,
          .group = width == 32 ? Group::atomic32 : Group::atomic64,
          .cpu = cpu,
          .since = since,
          .symbol = symbol,
          .gnu = gnu,
          .syntax = syntax};
}
constexpr Op atomic(Text name, std::uint8_t opcode, std::int32_t imm, Operation operation, std::uint8_t width,
                    std::uint8_t cpu, std::uint16_t since, Text symbol, Text gnu) {
  return atomic_row(name, opcode, imm, operation, width, false, cpu, since, symbol, gnu, &atomic_syntax);
}
constexpr Op atomic_fetch(Text name, std::uint8_t opcode, std::int32_t imm, Operation operation,
                          std::uint8_t width, Text symbol, Text gnu) {
  return atomic_row(name, opcode, imm, operation, width, true, 3, since(5, 12), symbol, gnu, &fetch_syntax);
}
constexpr Op atomic_swap(Text name, std::uint8_t opcode, std::int32_t imm, Operation operation,
                         std::uint8_t width, Text symbol, Text gnu) {
  return atomic_row(name, opcode, imm, operation, width, true, 3, since(5, 12), symbol, gnu,
                    operation == Operation::xchg ? &xchg_syntax : &cmpxchg_syntax);
}
constexpr Op load_acquire(Text name, std::uint8_t opcode, std::uint8_t width, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .field = Field::imm,
          .field_value = 0x100,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::load_acquire,
          .width = width,
          .source = Source::reg,
          .group = Group::linux_later,
          .cpu = 4,
          .since = since(6, 15),
          .gnu = gnu,
          .syntax = &load_acquire_syntax};
}
constexpr Op store_release(Text name, std::uint8_t opcode, std::uint8_t width, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .field = Field::imm,
          .field_value = 0x110,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::store_release,
          .width = width,
          .source = Source::reg,
          .group = Group::linux_later,
          .cpu = 4,
          .since = since(6, 15),
          .gnu = gnu,
          .syntax = &store_release_syntax};
}
constexpr Op lddw(Text name, std::int32_t src, Operation operation, unsigned high, std::uint16_t since,
                  Text symbol, const Syntax* syntax) {
  return {.name = name,
          .opcode = 0x18,
          .field = Field::src,
          .field_value = src,
          .uses = static_cast<std::uint8_t>(uses_dst | uses_imm | high),
          .slots = 2,
          .action = Class::load_imm64,
          .operation = operation,
          .width = 64,
          .source = Source::imm,
          .group = Group::base64,
          .cpu = 1,
          .since = since,
          .symbol = symbol,
          .gnu = "lddw",
          .syntax = syntax};
}
constexpr Op packet_abs(Text name, std::uint8_t opcode, std::uint8_t width, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_imm,
          .action = Class::packet_absolute,
          .width = width,
          .source = Source::imm,
          .group = Group::packet,
          .cpu = 1,
          .since = since(3, 18),
          .gnu = gnu,
          .syntax = &packet_abs_syntax};
}
constexpr Op packet_ind(Text name, std::uint8_t opcode, std::uint8_t width, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_src | uses_imm,
          .action = Class::packet_indirect,
          .width = width,
          .source = Source::reg,
          .group = Group::packet,
          .cpu = 1,
          .since = since(3, 18),
          .gnu = gnu,
          .syntax = &packet_ind_syntax};
}
constexpr Op jump_imm(Text name, std::uint8_t opcode, Operation operation, std::uint8_t width,
                      std::uint8_t cpu, std::uint16_t since, Text symbol, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst | uses_off | uses_imm,
          .action = Class::jump_if,
          .operation = operation,
          .width = width,
          .source = Source::imm,
          .group = width == 32 ? Group::base32 : Group::base64,
          .cpu = cpu,
          .since = since,
          .symbol = symbol,
          .gnu = gnu,
          .syntax = &jump_imm_syntax};
}
constexpr Op jump_reg(Text name, std::uint8_t opcode, Operation operation, std::uint8_t width,
                      std::uint8_t cpu, std::uint16_t since, Text symbol, Text gnu) {
  return {.name = name,
          .opcode = opcode,
          .uses = uses_dst | uses_src | uses_off,
          .action = Class::jump_if,
          .operation = operation,
          .width = width,
          .source = Source::reg,
          .group = width == 32 ? Group::base32 : Group::base64,
          .cpu = cpu,
          .since = since,
          .symbol = symbol,
          .gnu = gnu,
          .syntax = &jump_reg_syntax};
}

// Rows that have no family.
inline constexpr Op addr_space_cast{.name = "addr_space_cast",
                                    .opcode = 0xbf,
                                    .field = Field::off,
                                    .field_value = 1,
                                    .uses = uses_dst | uses_src | uses_imm,
                                    .action = Class::addr_space_cast,
                                    .width = 64,
                                    .source = Source::reg,
                                    .group = Group::linux_later,
                                    .cpu = 1,
                                    .since = since(6, 9),
                                    .gnu = "addr_space_cast",
                                    .syntax = &cast_syntax};
inline constexpr Op ja{.name = "ja",
                       .opcode = 0x05,
                       .uses = uses_off,
                       .action = Class::jump,
                       .cpu = 1,
                       .since = since(3, 18),
                       .gnu = "ja",
                       .syntax = &ja_syntax};
inline constexpr Op ja32{.name = "ja32",
                         .opcode = 0x06,
                         .uses = uses_imm,
                         .action = Class::jump,
                         .cpu = 4,
                         .since = since(6, 6),
                         .gnu = "jal",
                         .syntax = &ja32_syntax};
inline constexpr Op call_helper{.name = "call_helper",
                                .opcode = 0x85,
                                .field = Field::src,
                                .field_value = 0,
                                .uses = uses_imm,
                                .action = Class::call,
                                .operation = Operation::call_helper,
                                .cpu = 1,
                                .since = since(3, 18),
                                .gnu = "call",
                                .syntax = &call_helper_syntax};
inline constexpr Op call_local{.name = "call_local",
                               .opcode = 0x85,
                               .field = Field::src,
                               .field_value = 1,
                               .uses = uses_imm,
                               .action = Class::call,
                               .operation = Operation::call_local,
                               .cpu = 1,
                               .since = since(4, 16),
                               .gnu = "call",
                               .syntax = &call_local_syntax};
inline constexpr Op call_kfunc{.name = "call_kfunc",
                               .opcode = 0x85,
                               .field = Field::src,
                               .field_value = 2,
                               .uses = uses_imm | uses_off,
                               .action = Class::call,
                               .operation = Operation::call_kfunc,
                               .cpu = 1,
                               .since = since(5, 13),
                               .gnu = "call",
                               .syntax = &call_kfunc_syntax};
inline constexpr Op callx{.name = "callx",
                          .opcode = 0x8d,
                          .uses = uses_dst,
                          .action = Class::call,
                          .operation = Operation::call_register,
                          .group = Group::callx,
                          .cpu = 1,
                          .gnu = "callx",
                          .syntax = &callx_syntax};
inline constexpr Op exit_{.name = "exit",
                          .opcode = 0x95,
                          .action = Class::exit,
                          .cpu = 1,
                          .since = since(3, 18),
                          .gnu = "exit",
                          .syntax = &exit_syntax};
inline constexpr Op may_goto{.name = "may_goto",
                             .opcode = 0xe5,
                             .field = Field::src,
                             .field_value = 0,
                             .uses = uses_off,
                             .action = Class::may_goto,
                             .group = Group::linux_later,
                             .cpu = 1,
                             .since = since(6, 9),
                             .gnu = "may_goto",
                             .syntax = &may_goto_syntax};
inline constexpr Op gotox{.name = "gotox",
                          .opcode = 0x0d,
                          .uses = uses_dst,
                          .action = Class::jump_indirect,
                          .group = Group::linux_later,
                          .cpu = 4,
                          .since = since(6, 19),
                          .gnu = "gotox",
                          .syntax = &gotox_syntax};

}  // namespace skep::isa::rows
