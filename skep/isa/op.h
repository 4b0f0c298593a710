// What one row of the instruction table says: how an operation is encoded, what it does, where it comes from
// and how it is written. The rows themselves stand in ops.h.
#pragma once

#include <cstdint>
#include <string_view>

namespace skep::isa {

// The action: which rule of the semantics an operation follows. Engines switch over rows, analyses over this.
enum class Class : std::uint8_t {
  alu,              // dst = dst `operation` (src or imm); mov and movsx: dst = src or imm
  endian,           // dst = dst with its low `width` bits reordered, the rest zero
  load,             // dst = *(width)(src + off)
  store,            // *(width)(dst + off) = src
  store_imm,        // *(width)(dst + off) = imm
  load_acquire,     // dst = *(width)(src + off), ordered before what follows
  store_release,    // *(width)(dst + off) = src, ordered after what precedes
  atomic,           // *(width)(dst + off) `operation`= src; fetch: src (cmpxchg: r0) gets the old value
  packet_absolute,  // r0 = packet bytes [imm, + width), network byte order; r1-r5 are lost
  packet_indirect,  // r0 = packet bytes [src + imm, + width), likewise
  load_imm64,       // dst = the 64-bit value, or what src says that it names
  jump,             // go on at off or imm slots after the next one
  jump_if,          // go on at off slots after the next one if dst `operation` (src or imm)
  jump_indirect,    // go on where dst points
  may_goto,         // go on at off slots after the next one when the program's patience is over
  addr_space_cast,  // dst = src, moved from one address space into another
  call,
  exit,
};

enum class Operation : std::uint8_t {
  none,
  // Class::alu; add, or_, and_, xor_, xchg, cmpxchg: Class::atomic
  add,
  sub,
  mul,
  div,
  sdiv,
  mod,
  smod,
  or_,
  and_,
  xor_,
  lsh,
  rsh,
  arsh,
  neg,
  mov,
  xchg,
  cmpxchg,
  // Class::endian
  to_le,
  to_be,
  bswap,
  // Class::jump_if: dst compared with the other operand
  eq,
  ne,
  gt,
  ge,
  lt,
  le,
  sgt,
  sge,
  slt,
  sle,
  set,  // dst & other is not zero
  // Class::call
  call_helper,
  call_local,
  call_kfunc,
  call_register,
  // Class::load_imm64
  imm64,
  map_fd,
  map_value,
  btf_id,
  function,
  map_idx,
  map_idx_value,
};

// Where the second operand comes from.
enum class Source : std::uint8_t { none, imm, reg };

// RFC 9669 uses some opcode bytes for several instructions; one more field tells them apart.
enum class Field : std::uint8_t { none, src, off, imm };

// Conformance groups (RFC 9669 section 2.4); what came after the RFC is `linux_later`.
enum class Group : std::uint8_t {
  base32,
  base64,
  divmul32,
  divmul64,
  atomic32,
  atomic64,
  packet,
  callx,
  linux_later,
};

// Fields that carry an operand. A field that neither carries one nor tells rows apart must be 0.
enum Uses : std::uint8_t {
  uses_dst = 1,
  uses_src = 2,
  uses_off = 4,
  uses_imm = 8,
  uses_imm_high = 16,  // the second slot's imm (lddw); without it, that field must be 0 too
};

// How an operation is written: templates whose placeholders print.cpp explains. `log` is empty where the log
// uses the kernel template. The exact templates are those that say what the usual ones keep quiet about (what
// lddw's and call's src is, the imm of ld_ind*); empty where nothing is lost.
struct Syntax {
  std::string_view kernel;    // clang, llvm-objdump
  std::string_view log = {};  // the verifier's log, bpftool prog dump xlated
  std::string_view gnu = {};  // binutils' "normal" dialect
  std::string_view exact_kernel = {};
  std::string_view exact_gnu = {};
};

struct Op {
  std::string_view name;         // stable and unique: what tests, messages and isa::op() use
  std::uint8_t opcode = 0;       // the first byte
  Field field = Field::none;     // which field tells it from other rows with this opcode ...
  std::int32_t field_value = 0;  // ... and by which value
  std::uint8_t uses = 0;         // Uses
  std::uint8_t slots = 1;        // lddw 2

  Class action = Class::alu;
  Operation operation = Operation::none;
  std::uint8_t width = 0;  // bits: of the ALU operation, comparison, access or swap; 0 where there is none
  Source source = Source::none;  // second operand of alu, jump_if, store
  std::uint8_t sign_from = 0;    // movsx and ldxs*: bits that are sign-extended; 0: zero-extended
  bool fetch = false;            // atomics: the old value comes back

  Group group = Group::base32;
  std::uint8_t cpu = 1;     // the lowest clang -mcpu=vN that generates it
  std::uint16_t since = 0;  // first kernel, major << 8 | minor; 0: no kernel runs it yet

  std::string_view symbol = {};  // "+=", "s>", "be": the operator inside the kernel's syntax
  std::string_view gnu = {};     // the mnemonic of the GNU dialect
  const Syntax* syntax = nullptr;

  constexpr bool has(Uses use) const { return (uses & use) != 0; }
};

// Does the operation write its dst register?
constexpr bool writes_dst(const Op& op) {
  switch (op.action) {
    case Class::alu:
    case Class::endian:
    case Class::load:
    case Class::load_acquire:
    case Class::load_imm64:
    case Class::addr_space_cast: return true;
    case Class::store:
    case Class::store_imm:
    case Class::store_release:
    case Class::atomic:
    case Class::packet_absolute:
    case Class::packet_indirect:
    case Class::jump:
    case Class::jump_if:
    case Class::jump_indirect:
    case Class::may_goto:
    case Class::call:
    case Class::exit: return false;
  }
  return false;
}

// Does it write its src register (atomics that fetch, except cmpxchg, which writes r0)?
constexpr bool writes_src(const Op& op) {
  return op.action == Class::atomic && op.fetch && op.operation != Operation::cmpxchg;
}

// Does control leave for another slot (not counting calls and exit)? By imm (ja32) or by off.
constexpr bool jumps(const Op& op) {
  return op.action == Class::jump || op.action == Class::jump_if || op.action == Class::may_goto;
}
constexpr bool jumps_by_imm(const Op& op) { return op.action == Class::jump && op.has(uses_imm); }

}  // namespace skep::isa
