// Several eBPF instructions as fewer machine instructions. Each pattern looks ahead from the instruction that
// comes next, never over the beginning of a block, and uses liveness where an intermediate value would be
// lost.
#include <bit>
#include <limits>

#include "skep/jit/x86_64.h"

namespace skep::jit::x86 {

using image::Access;
using isa::Class;
using isa::Operation;
using isa::Source;

namespace {

bool is_alu(const isa::Op& row, Operation operation, Source source, unsigned width) {
  return row.action == Class::alu && row.operation == operation && row.source == source && row.width == width;
}

bool is_move(const isa::Op& row) {
  return row.action == Class::alu && row.operation == Operation::mov && row.source == Source::reg &&
         !row.sign_from;
}

bool fits(std::int64_t value) {
  return value >= std::numeric_limits<std::int32_t>::min() &&
         value <= std::numeric_limits<std::int32_t>::max();
}

}  // namespace

std::uint32_t Compiler::combine() {
  const Op& row = row_at(at_);
  if (is_leader(at_ + 1)) return 0;
  switch (row.action) {
    case Class::alu:
      if (is_move(row)) {
        if (std::uint32_t n = combine_rotate()) return n;
        if (std::uint32_t n = combine_extension()) return n;
        if (std::uint32_t n = combine_test()) return n;
        if (std::uint32_t n = combine_address()) return n;
        if (std::uint32_t n = combine_scaled()) return n;
        return combine_move();
      }
      if (row.operation == Operation::and_) return combine_test();
      if (row.width != 64) return 0;
      if (row.operation == Operation::lsh)
        if (std::uint32_t n = combine_extension()) return n;
      if (row.operation == Operation::add || row.operation == Operation::lsh)
        if (std::uint32_t n = combine_address()) return n;
      return row.operation == Operation::lsh ? combine_scaled() : 0;
    case Class::load: return combine_swap();
    case Class::store:
    case Class::store_imm: return combine_key();
    case Class::jump_if:
      if (std::uint32_t n = combine_select()) return n;
      return combine_branch();
    case Class::call: return combine_lookup(at_, Reg::none, nullptr);
    default: return 0;
  }
}

// D = S; D += T; D <<= k; D += imm; and the load or store through D: one operand, or one lea.
std::uint32_t Compiler::combine_address() {
  constexpr unsigned none = 255;
  const Inst& first = inst_at(at_);
  const unsigned d = first.dst;
  unsigned base = none, index = none, shift = 0;
  std::int64_t disp = 0;
  std::uint32_t next = at_;
  if (is_move(row_at(at_))) {
    if (row_at(at_).width == 32 && (first.src == 10 || !upper_zero(first.src))) return 0;
    if (first.src == d) return 0;
    base = first.src;
    next++;
  } else {
    base = d;
  }
  for (;; next++) {
    if (next > at_ && is_leader(next)) break;
    const Inst& inst = inst_at(next);
    const Op& row = row_at(next);
    if (inst.dst != d) break;
    if (is_alu(row, Operation::add, Source::imm, 64)) {
      const std::int64_t sum = disp + static_cast<std::int32_t>(inst.imm);
      if (!fits(sum + frame_pointer_)) break;
      disp = sum;
    } else if (is_alu(row, Operation::add, Source::reg, 64)) {
      const unsigned t = inst.src;
      if (t == d && next > at_) break;
      if (base == none) {
        base = t;
      } else if (index != none) {
        break;
      } else if (t == 10) {
        if (base == 10) break;
        index = base;
        base = 10;
      } else {
        index = t;
      }
    } else if (is_alu(row, Operation::lsh, Source::imm, 64)) {
      const auto count = static_cast<unsigned>(inst.imm) & 63;
      if (count == 0 || count > 3 || index != none || disp != 0 || base == 10 || base == none) break;
      index = base;
      base = none;
      shift = count;
    } else {
      break;
    }
  }
  const std::uint32_t parts = next - at_;
  if (parts == 0) return 0;
  Mem mem{base == none ? Reg::none
          : base == 10 ? Reg::sp
                       : registers[base],
          0, index == none ? Reg::none : registers[index], static_cast<std::uint8_t>(shift)};
  if (base == 10) disp += frame_pointer_;
  if (!is_leader(next)) {
    const Inst& inst = inst_at(next);
    const Op& row = row_at(next);
    const bool loads = row.action == Class::load || row.action == Class::load_acquire;
    const bool stores =
        row.action == Class::store || row.action == Class::store_imm || row.action == Class::store_release;
    if ((loads || stores) && image::access_of(inst, row.action) != Access::arena && fits(disp + inst.off)) {
      mem.disp = static_cast<std::int32_t>(disp + inst.off);
      const bool dead = !live_after(next, d);
      if (loads && inst.src == d && (inst.dst == d || dead)) {
        fold_into(next, mem);
        return parts + 1;
      }
      if (stores && inst.dst == d && dead &&
          (row.action == Class::store_imm || (inst.src != d && inst.src != 10))) {
        fold_into(next, mem);
        return parts + 1;
      }
    }
  }
  // One addition or shift is best as what it is.
  if (parts < 2 || (parts == 2 && base == none && shift > 1 && is_move(row_at(at_)))) return 0;
  if (base == none && shift == 1) {
    mem.base = mem.index;
    mem.shift = 0;
  }
  mem.disp = static_cast<std::int32_t>(disp);
  flags_reg_ = Reg::none;
  a_.lea(64, registers[d], mem);
  set_upper_zero(d, false);
  return parts;
}

// The load or store `at`, with this operand.
void Compiler::fold_into(std::uint32_t at, const Mem& mem) {
  const Inst& inst = inst_at(at);
  const Op& row = row_at(at);
  const Access access = image::access_of(inst, row.action);
  // A fault is this one's, not that of the instructions that became part of it.
  native_.places.push_back({a_.offset(), at});
  flags_reg_ = Reg::none;
  if (row.action == Class::load || row.action == Class::load_acquire) {
    load(row, registers[inst.dst], mem, access);
    set_upper_zero(inst.dst, row.width != 64 && !row.sign_from);
  } else if (row.action == Class::store_imm) {
    store_constant(row.width, mem, static_cast<std::int32_t>(inst.imm));
  } else {
    a_.store(row.width, mem, registers[inst.src]);
  }
}

// A = S; A >>= a; B = S; B <<= b; B |= A with a + b the width and A not used again. B may be S itself, the
// shifts may change places, and the last line may collect in A.
std::uint32_t Compiler::combine_rotate() {
  const Inst& copy = inst_at(at_);
  const unsigned bits = row_at(at_).width, s = copy.src, a = copy.dst;
  if (s == 10 || a == s || is_leader(at_ + 2) || is_leader(at_ + 3)) return 0;
  auto shift = [&](std::uint32_t at, unsigned reg, Operation* operation, unsigned* count) {
    const Op& row = row_at(at);
    if (row.action != Class::alu || row.source != Source::imm || row.width != bits ||
        inst_at(at).dst != reg || (row.operation != Operation::lsh && row.operation != Operation::rsh))
      return false;
    *operation = row.operation;
    *count = static_cast<unsigned>(inst_at(at).imm) & (bits - 1);
    return *count != 0;
  };
  Operation one = Operation::none, two = Operation::none;
  unsigned count_one = 0, count_two = 0;
  if (!shift(at_ + 1, a, &one, &count_one)) return 0;
  std::uint32_t at = at_ + 2;
  unsigned b = s;
  if (is_move(row_at(at)) && row_at(at).width == bits && inst_at(at).src == s && inst_at(at).dst != a &&
      inst_at(at).dst != s) {
    b = inst_at(at).dst;
    at++;
    if (is_leader(at) || is_leader(at + 1)) return 0;
  }
  if (!shift(at, b, &two, &count_two)) return 0;
  at++;
  if (one == two || count_one + count_two != bits) return 0;
  const Inst& join = inst_at(at);
  if (!is_alu(row_at(at), Operation::or_, Source::reg, bits)) return 0;
  unsigned to = 0;
  if (join.dst == b && join.src == a && !live_after(at, a))
    to = b;
  else if (join.dst == a && join.src == b && !live_after(at, b))
    to = a;
  else
    return 0;
  const unsigned left = one == Operation::lsh ? count_one : count_two;
  flags_reg_ = Reg::none;
  if (to == s) {
    a_.shift(Shift::rol, bits, registers[to], left);
  } else if (features_.bmi2) {
    a_.rorx(bits, registers[to], registers[s], bits - left);
  } else {
    a_.mov(bits, registers[to], registers[s]);
    a_.shift(Shift::rol, bits, registers[to], left);
  }
  set_upper_zero(to, bits == 32);
  return at + 1 - at_;
}

// [D = S;] D <<= n; D >>= n: extension of the low 64 - n bits.
std::uint32_t Compiler::combine_extension() {
  std::uint32_t at = at_;
  const unsigned d = inst_at(at).dst;
  unsigned s = d;
  if (is_move(row_at(at))) {
    s = inst_at(at).src;
    if (s == 10 || is_leader(at + 2)) return 0;
    at++;
  }
  const Inst& up = inst_at(at);
  const Inst& down = inst_at(at + 1);
  const Op& row = row_at(at + 1);
  if (!is_alu(row_at(at), Operation::lsh, Source::imm, 64) || up.dst != d || down.dst != d ||
      row.action != Class::alu || row.source != Source::imm || row.width != 64 ||
      (row.operation != Operation::rsh && row.operation != Operation::arsh))
    return 0;
  const unsigned count = up.imm & 63, back = down.imm & 63;
  if ((count != 32 && count != 48 && count != 56) || back < count) return 0;
  const unsigned bits = 64 - count, rest = back - count;
  const Reg to = registers[d], from = registers[s];
  flags_reg_ = Reg::none;
  if (row.operation == Operation::rsh) {
    if (bits != 32 || to != from || !upper_zero(s)) a_.movzx(to, from, bits);
    if (rest) a_.shift(Shift::shr, 32, to, rest);
    set_upper_zero(d, true);
  } else {
    a_.movsx(64, to, from, bits);
    if (rest) a_.shift(Shift::sar, 64, to, rest);
    set_upper_zero(d, false);
  }
  return at + 2 - at_;
}

// D = *(u32 *)(S + off); D = be32 D
std::uint32_t Compiler::combine_swap() {
  const Inst& inst = inst_at(at_);
  const Op& row = row_at(at_);
  const Op& next = row_at(at_ + 1);
  if (next.action != Class::endian || inst_at(at_ + 1).dst != inst.dst ||
      next.operation == Operation::to_le || row.sign_from || row.width != next.width || row.width < 16 ||
      image::access_of(inst, row.action) != Access::plain)
    return 0;
  const Mem mem = memory(inst.src, inst.off, Access::plain);
  const Reg to = registers[inst.dst];
  flags_reg_ = Reg::none;
  if (row.width == 16) {
    // The upper bits of the loaded register are zero already.
    a_.load(16, to, mem);
    a_.shift(Shift::rol, 16, to, 8);
  } else if (features_.movbe) {
    a_.load_swapped(row.width, to, mem);
  } else {
    return 0;
  }
  set_upper_zero(inst.dst, row.width != 64);
  return 2;
}

// [D = S;] D &= x; if D == 0 goto, D not used again.
std::uint32_t Compiler::combine_test() {
  const std::uint32_t start = at_;
  std::uint32_t at = at_;
  const unsigned d = inst_at(at).dst;
  unsigned s = d;
  if (is_move(row_at(at))) {
    if (inst_at(at).src == 10 || is_leader(at + 2)) return 0;
    s = inst_at(at).src;
    // A 32-bit move cuts what the comparison would see.
    if (row_at(at).width == 32 && row_at(at + 1).width != 32) return 0;
    at++;
  }
  const Inst& mask = inst_at(at);
  const Op& row = row_at(at);
  const Inst& jump = inst_at(at + 1);
  const Op& jump_row = row_at(at + 1);
  if (row.action != Class::alu || row.operation != Operation::and_ || mask.dst != d ||
      jump_row.action != Class::jump_if || jump.dst != d || jump_row.source != Source::imm ||
      static_cast<std::int32_t>(jump.imm) != 0 ||
      (jump_row.operation != Operation::eq && jump_row.operation != Operation::ne) || live_after(at + 1, d))
    return 0;
  if (row.source == Source::reg && (mask.src == 10 || mask.src == d)) return 0;
  if (plan_.insts[at + 1].flags & back_edge && options_.cancellable) return 0;
  const auto imm = static_cast<std::int32_t>(mask.imm);
  const unsigned bits = row.width == 32 || jump_row.width == 32 ? 32 : 64;
  if (row.source == Source::reg)
    a_.alu(Alu::test, bits, registers[s], registers[mask.src]);
  else
    a_.alu(Alu::test, imm >= 0 ? (imm <= 127 ? 8 : 32) : bits, registers[s], imm);
  flags_reg_ = Reg::none;
  at_ = at + 1;
  bool invert = false;
  const std::uint32_t used = jumps_over(&invert);
  a_.jump((jump_row.operation == Operation::eq) != invert ? Cond::e : Cond::ne,
          invert ? target_of(at_ + 1) : target(jump));
  return at + 1 + used - start;
}

// How many instructions a conditional jump is: two if it only jumps over another jump.
std::uint32_t Compiler::jumps_over(bool* invert) {
  *invert = inst_at(at_).off == 1 && !is_leader(at_ + 1) && row_at(at_ + 1).action == Class::jump &&
            !(plan_.insts[at_ + 1].flags & back_edge && options_.cancellable);
  return *invert ? 2 : 1;
}

// if x goto +1; goto L: the opposite, to L.
std::uint32_t Compiler::combine_branch() {
  bool invert = false;
  if (jumps_over(&invert) != 2) return 0;
  emit_branch(inst_at(at_), row_at(at_), true, target_of(at_ + 1));
  return 2;
}

// [D = S;] D <<= k; E = B or a constant; E += D; and the load or store through E: the index in one operand,
// if D is not used again.
std::uint32_t Compiler::combine_scaled() {
  std::uint32_t at = at_;
  const unsigned d = inst_at(at).dst;
  unsigned s = d;
  if (is_move(row_at(at))) {
    if (inst_at(at).src == 10 || (row_at(at).width == 32 && !upper_zero(inst_at(at).src))) return 0;
    s = inst_at(at).src;
    at++;
  }
  if (is_leader(at) || is_leader(at + 1) || is_leader(at + 2) ||
      !is_alu(row_at(at), Operation::lsh, Source::imm, 64) || inst_at(at).dst != d)
    return 0;
  const unsigned shift = inst_at(at).imm & 63;
  if (shift == 0 || shift > 3) return 0;
  const Inst& base = inst_at(at + 1);
  const Op& base_row = row_at(at + 1);
  const bool constant = base_row.action == Class::load_imm64;
  const bool copy = is_move(base_row) && base_row.width == 64 && base.src != d && base.src != 10;
  const unsigned e = base.dst;
  const Inst& sum = inst_at(at + 2);
  if ((!constant && !copy) || e == d || e == s || !is_alu(row_at(at + 2), Operation::add, Source::reg, 64) ||
      sum.dst != e || sum.src != d || live_after(at + 2, d))
    return 0;
  flags_reg_ = Reg::none;
  if (constant) load_constant(registers[e], base.imm);
  Mem mem{constant ? registers[e] : registers[base.src], 0, registers[s], static_cast<std::uint8_t>(shift)};
  const std::uint32_t next = at + 3, parts = next - at_;
  if (!is_leader(next)) {
    const Inst& inst = inst_at(next);
    const Op& row = row_at(next);
    const bool loads = row.action == Class::load && inst.src == e && (inst.dst == e || !live_after(next, e));
    const bool stores =
        (row.action == Class::store || row.action == Class::store_imm) && inst.dst == e &&
        !live_after(next, e) &&
        (row.action == Class::store_imm || (inst.src != e && inst.src != d && inst.src != 10));
    if ((loads || stores) && image::access_of(inst, row.action) != Access::arena) {
      mem.disp = inst.off;
      fold_into(next, mem);
      return parts + 1;
    }
  }
  a_.lea(64, registers[e], mem);
  set_upper_zero(e, false);
  return parts;
}

// if x goto L; D = S; [D2 = S2;] L: (or goto L behind it): a conditional move. What a compiler makes of ?: is
// seldom well predicted.
std::uint32_t Compiler::combine_select() {
  const Inst& jump = inst_at(at_);
  const std::uint32_t to = static_cast<std::uint32_t>(std::int64_t{at_} + 1 + jump.off);
  std::uint32_t end = at_ + 1;
  for (; end < at_ + 3; end++) {
    if (end > at_ + 1 && is_leader(end)) break;
    const Op& row = row_at(end);
    if (row.action != Class::alu || row.operation != Operation::mov || row.sign_from ||
        (row.source == Source::reg && inst_at(end).src == 10))
      break;
  }
  const std::uint32_t moves = end - at_ - 1;
  if (moves == 0 || end >= function_->end) return 0;
  std::uint32_t used = 1 + moves;
  bool jumps = false;
  if (to != end) {
    // Both ways must meet.
    if (is_leader(end) || row_at(end).action != Class::jump ||
        static_cast<std::uint32_t>(std::int64_t{end} + 1 + inst_at(end).off) != to ||
        (plan_.insts[end].flags & back_edge && options_.cancellable))
      return 0;
    jumps = true;
    used++;
  }
  if (plan_.insts[at_].flags & back_edge && options_.cancellable) return 0;
  Cond cond = Cond::e;
  compare(jump, row_at(at_), &cond);
  cond = opposite(cond);
  for (std::uint32_t i = at_ + 1; i < end; i++) {
    const Inst& inst = inst_at(i);
    const Op& row = row_at(i);
    Reg from = t0;
    bool small = true;
    if (row.source == Source::imm) {
      const std::uint64_t value = row.width == 32 ? static_cast<std::uint32_t>(inst.imm) : inst.imm;
      a_.mov_imm(t0, value);
      small = value <= 0xffff'ffff;
    } else if (row.width == 32 && !upper_zero(inst.src)) {
      a_.mov(32, t0, registers[inst.src]);
    } else {
      from = registers[inst.src];
      small = upper_zero(inst.src);
    }
    a_.cmov(cond, 64, registers[inst.dst], from);
    set_upper_zero(inst.dst, small && upper_zero(inst.dst));
  }
  flags_reg_ = Reg::none;
  if (jumps) {
    at_ = end;
    jump_to(inst_at(end));
  }
  return used;
}

// D = S; D operation= x as one instruction with three operands.
std::uint32_t Compiler::combine_move() {
  const Inst& copy = inst_at(at_);
  const Inst& inst = inst_at(at_ + 1);
  const Op& row = row_at(at_ + 1);
  if (row.action != Class::alu || inst.dst != copy.dst || copy.src == 10 || copy.src == copy.dst) return 0;
  // A 32-bit copy of a register with an empty upper half is a whole one.
  if (row.width > row_at(at_).width && !upper_zero(copy.src)) return 0;
  const unsigned bits = row.width;
  const Reg to = registers[copy.dst], from = registers[copy.src];
  const auto imm = static_cast<std::int32_t>(inst.imm);
  flags_reg_ = Reg::none;
  switch (row.operation) {
    case Operation::mul:
      if (row.source != Source::imm || imm == -1 || std::popcount(static_cast<std::uint32_t>(imm)) < 2)
        return 0;
      if (imm == 3 || imm == 5 || imm == 9)
        a_.lea(bits, to, {from, 0, from, static_cast<std::uint8_t>(imm == 3 ? 1 : imm == 5 ? 2 : 3)});
      else
        a_.imul(bits, to, from, imm);
      break;
    case Operation::div: {
      const std::uint64_t by = bits == 32 ? static_cast<std::uint32_t>(imm) : inst.imm;
      if (row.source != Source::imm || by < 3 || (by & (by - 1)) == 0 || by > std::uint64_t{1} << (bits - 1))
        return 0;
      quotient_unsigned(to, from, by, bits, upper_zero(copy.src));
      break;
    }
    case Operation::add:
      if (row.source == Source::imm)
        a_.lea(bits, to, {from, imm});
      else if (inst.src == 10 || inst.src == inst.dst)
        return 0;
      else
        a_.lea(bits, to, {from, 0, registers[inst.src], 0});
      break;
    case Operation::and_:
      if (row.source != Source::imm || (imm != 0xff && imm != 0xffff)) return 0;
      a_.movzx(to, from, imm == 0xff ? 8 : 16);
      set_upper_zero(copy.dst, true);
      return 2;
    case Operation::lsh:
    case Operation::rsh:
    case Operation::arsh:
      if (row.source != Source::reg || !features_.bmi2 || inst.src == 10 || inst.src == inst.dst) return 0;
      a_.shiftx(row.operation == Operation::lsh   ? Shift::shl
                : row.operation == Operation::rsh ? Shift::shr
                                                  : Shift::sar,
                bits, to, from, registers[inst.src]);
      break;
    default: return 0;
  }
  set_upper_zero(copy.dst, bits == 32);
  return 2;
}

// *(u32 *)(r10 - n) = key; r2 = r10; r2 += -n; r1 = array; call bpf_map_lookup_elem: the key is at hand.
std::uint32_t Compiler::combine_key() {
  const Inst& store = inst_at(at_);
  const Op& row = row_at(at_);
  if (row.width != 32 || store.dst != 10 || (row.action == Class::store && store.src == 10)) return 0;
  std::uint32_t at = at_ + 1;
  bool key = false, map = false;
  for (unsigned i = 0; i < 3 && !(key && map); i++) {
    if (is_leader(at) || is_leader(at + 1)) return 0;
    if (!key && is_move(row_at(at)) && row_at(at).width == 64 && inst_at(at).dst == 2 &&
        inst_at(at).src == 10 && is_alu(row_at(at + 1), Operation::add, Source::imm, 64) &&
        inst_at(at + 1).dst == 2 && static_cast<std::int32_t>(inst_at(at + 1).imm) == store.off) {
      key = true;
      at += 2;
    } else if (!map && row_at(at).action == Class::load_imm64 && inst_at(at).dst == 1) {
      map = true;
      at++;
    } else {
      return 0;
    }
  }
  if (is_leader(at) || !(plan_.insts[at].flags & has_call)) return 0;
  const CallPlan* call = plan_.find_call(at);
  if (!call || (call->kind != CallKind::array && call->kind != CallKind::percpu_array)) return 0;
  emit_store(store, row);
  flags_reg_ = Reg::none;
  const bool constant = row.action == Class::store_imm;
  const auto index = static_cast<std::uint32_t>(store.imm);
  const std::uint32_t start = at_;
  return at - start +
         combine_lookup(at, constant ? Reg::none : registers[store.src], constant ? &index : nullptr);
}

// An array lookup, together with the question whether it found something. With `key` or `constant` the key is
// known, and the call is always consumed.
std::uint32_t Compiler::combine_lookup(std::uint32_t at, Reg key, const std::uint32_t* constant) {
  const bool must = key != Reg::none || constant;
  if (!(plan_.insts[at].flags & has_call)) return 0;
  const CallPlan& call = *plan_.find_call(at);
  if (call.kind != CallKind::array && call.kind != CallKind::percpu_array) return 0;
  std::uint32_t used = 1;
  LabelId missing = no_label;
  if (!is_leader(at + 1)) {
    const Inst& jump = inst_at(at + 1);
    const Op& row = row_at(at + 1);
    if (row.action == Class::jump_if && row.width == 64 && row.source == Source::imm && jump.dst == 0 &&
        static_cast<std::int32_t>(jump.imm) == 0 && row.operation == Operation::eq &&
        !(plan_.insts[at + 1].flags & back_edge && options_.cancellable)) {
      used = 2;
      missing = target_of(at + 1);
    }
  }
  if (used == 1 && !must) return 0;
  flags_reg_ = Reg::none;
  emit_array(call, key, constant, missing);
  upper_zero_ = static_cast<std::uint16_t>(upper_zero_ & ~0b11'1111);
  return used;
}

}  // namespace skep::jit::x86
