// Programs for the verifier's soundness: numbers that nobody knows, checks that bound them, accesses that
// reach as far as the check allows, or one byte further. Nothing here is valid by construction.
#include "boundary.h"

#include <algorithm>

#include "generator.h"
#include "pools.h"
#include "skep/base/check.h"

namespace skep::oracle {
namespace {

using isa::Operation;
using isa::OpId;
using uapi::ProgType;

constexpr OpId mov = isa::op("mov64_reg"), mov_imm = isa::op("mov64_imm"), mov32 = isa::op("mov32_reg"),
               add = isa::op("add64_reg"), add_imm = isa::op("add64_imm"), sub = isa::op("sub64_reg"),
               and_imm = isa::op("and64_imm"), load1 = isa::op("ldxb"), load4 = isa::op("ldxw"),
               load8 = isa::op("ldxdw"), store8 = isa::op("stxdw"), store8_imm = isa::op("stdw"),
               store4_imm = isa::op("stw"), lddw = isa::op("lddw"), lddw_map = isa::op("lddw_map_fd"),
               lddw_value = isa::op("lddw_map_value"), lddw_func = isa::op("lddw_func"),
               helper = isa::op("call_helper"), local = isa::op("call_local"), exit_op = isa::op("exit"),
               ja = isa::op("ja"), jeq = isa::op("jeq64_imm"), jne = isa::op("jne64_imm"),
               may_goto = isa::op("may_goto");
constexpr OpId loads[] = {isa::op("ldxb"), isa::op("ldxh"), load4, load8};
constexpr OpId stores[] = {isa::op("stxb"), isa::op("stxh"), isa::op("stxw"), store8};
constexpr OpId signed_loads[] = {isa::op("ldxsb"), isa::op("ldxsh"), isa::op("ldxsw")};

OpId named(std::string_view name) {
  const isa::Op* found = isa::find_op(name);
  check(found != nullptr, "a row of that name");
  return static_cast<OpId>(found - isa::ops().data());
}

constexpr int buffer = 64;  // bytes below r10 that come from the packet
constexpr int stack = 160;  // bytes that programs use

enum class What : std::uint8_t { nothing, number, pointer };
using Regs = std::array<What, 10>;

// Memory that a register points at the beginning of.
struct Target {
  unsigned reg;
  int size;
  bool is_stack = false;
};

class Boundary {
 public:
  explicit Boundary(std::uint64_t seed) : random_(seed ^ 0x736f756e64), judge_(judge_of(seed)) {
    case_.seed = seed;
  }

  Case run() {
    constexpr ProgType types[] = {ProgType::xdp, ProgType::xdp, ProgType::sched_cls};
    case_.type = random_.pick(types);
    case_.fill = random_.next();
    make_main();
    while (!wanted_.empty()) {
      Wanted next = wanted_.back();
      wanted_.pop_back();
      make_function(next);
    }
    Labelled all;
    all.code = code_;
    for (int label : label_of_)
      all.target.push_back(label < 0 ? -1 : places_[static_cast<std::size_t>(label)]);
    Code code;
    if (unlabel(all, code)) case_.programs.push_back(std::move(code));
    return std::move(case_);
  }

 private:
  struct Wanted {
    int label;
    bool callback;
    int size;  // of the memory that it gets a pointer to
    bool is_stack;
  };

  Random random_;
  std::uint16_t judge_;
  Case case_;
  Code code_;
  std::vector<int> label_of_, places_;
  std::vector<Wanted> wanted_;
  unsigned functions_ = 0, nesting_ = 0;
  Regs holds_{};
  std::uint32_t held_ = 0;
  std::vector<Target> targets_;
  bool context_ = false, in_main_ = false;
  int out_ = 0;  // label of the function's end

  void emit(OpId op, unsigned dst = 0, unsigned src = 0, int off = 0, std::int64_t imm = 0) {
    isa::Decoded d;
    d.op = op;
    d.slots = isa::row(op).slots;
    d.dst = static_cast<std::uint8_t>(dst);
    d.src = static_cast<std::uint8_t>(src);
    d.off = static_cast<std::int16_t>(off);
    d.imm = imm;
    code_.push_back(d);
    label_of_.push_back(-1);
  }
  int new_label() {
    places_.push_back(-1);
    return static_cast<int>(places_.size()) - 1;
  }
  bool is_used(int label) const { return std::ranges::find(label_of_, label) != label_of_.end(); }
  void bind(int label) { places_[static_cast<std::size_t>(label)] = static_cast<int>(code_.size()); }
  void jump(OpId op, int label, unsigned dst = 0, unsigned src = 0, std::int64_t imm = 0) {
    emit(op, dst, src, 0, imm);
    label_of_.back() = label;
  }

  // --- registers ---

  bool is_held(unsigned reg) const { return (held_ >> reg & 1) != 0; }
  void hold(unsigned reg) { held_ |= 1u << reg; }
  void release(unsigned reg) { held_ &= ~(1u << reg); }
  unsigned free_register() {
    unsigned reg = random_.below(10);
    while (is_held(reg)) reg = (reg + 1) % 10;
    return reg;
  }
  unsigned saved_register() {
    const unsigned first = random_.below(3);
    for (unsigned i = 0; i < 3; i++)
      if (const unsigned reg = 7 + (first + i) % 3; !is_held(reg)) return reg;
    return 0;
  }
  unsigned number(bool own = false) {
    unsigned reg = random_.below(10);
    for (unsigned i = 0; i < 10; i++, reg = (reg + 1) % 10)
      if (holds_[reg] == What::number && !(own && is_held(reg))) return reg;
    reg = free_register();
    fresh(reg);
    return reg;
  }
  void lose_arguments() {
    for (unsigned reg = 1; reg <= 5; reg++) holds_[reg] = What::nothing;
    holds_[0] = What::number;
  }
  bool calls_fit() const { return (held_ & 0x3f) == 0; }
  std::int32_t small() { return random_.chance(70) ? random_.between(-70, 70) : edge_number(random_); }

  bool knows_signed() const { return isa::row(signed_loads[0]).since <= judge_; }
  // A row of the pool that the kernel knows.
  OpId pick(const Pool& pool) {
    OpId id = random_.pick(pool);
    while (isa::row(id).since > judge_) id = random_.pick(pool);
    return id;
  }

  // --- numbers ---

  // A number that is not known before.
  void fresh(unsigned reg) {
    holds_[reg] = What::number;
    const unsigned how = random_.below(10);
    if (!in_main_ || how == 0 || targets_.empty()) {
      if (!in_main_ && !targets_.empty() && random_.chance(70)) return load_from(reg, targets_[0]);
      if (random_.chance(50)) return emit(mov_imm, reg, 0, 0, small());
      return emit(lddw, reg, 0, 0, static_cast<std::int64_t>(random_.next() >> random_.below(64)));
    }
    if (how < 8)
      load_from(reg, {10, -buffer, true});
    else
      load_from(reg, random_.pick(targets_));
  }
  void load_from(unsigned reg, const Target& from) {
    const bool sign = random_.chance(20) && knows_signed();
    const unsigned which = random_.below(sign ? 3 : 4);
    const int bytes = 1 << which, size = std::abs(from.size);
    int off = bytes * random_.between(0, std::max(0, size / bytes - 1));
    if (from.size < 0) off -= size;
    emit(sign ? signed_loads[which] : loads[which], reg, from.reg, off);
    holds_[reg] = What::number;
  }
  void another() { fresh(free_register()); }

  void alu() {
    const isa::Op& op = isa::row(random_.chance(70) ? pick(pools().alu) : pick(pools().mov));
    const auto id = static_cast<OpId>(&op - isa::ops().data());
    const bool is_mov = op.operation == Operation::mov;
    const unsigned src = op.source == isa::Source::reg ? number() : 0;
    const unsigned dst = is_mov ? free_register() : number(true);
    std::int64_t imm = 0;
    if (op.source == isa::Source::imm) {
      imm = small();
      if (op.operation == Operation::lsh || op.operation == Operation::rsh || op.operation == Operation::arsh)
        imm &= op.width - 1;
      const bool divides = op.operation == Operation::div || op.operation == Operation::mod ||
                           op.operation == Operation::sdiv || op.operation == Operation::smod;
      if (divides && imm == 0) imm = 3;
    }
    emit(id, dst, src, 0, imm);
    holds_[dst] = What::number;
  }
  // One that stays a constant away from another.
  void link() {
    const unsigned src = number(), dst = free_register();
    if (src == dst) return;
    emit(random_.chance(75) ? mov : mov32, dst, src);
    holds_[dst] = What::number;
    if (random_.chance(60)) emit(random_.chance(70) ? add_imm : named("add32_imm"), dst, 0, 0, small());
  }
  // Through the stack, whole or in part.
  void spill() {
    const int slot = -stack + 8 * random_.between(0, (stack - buffer) / 8 - 1);
    const unsigned width = random_.chance(50) ? 3 : random_.below(4);
    int off = slot;
    if (width < 3 && random_.chance(30)) off += (1 << width) * random_.between(0, (8 >> width) - 1);
    if (random_.chance(15))
      emit(random_.chance(50) ? store8_imm : store4_imm, 10, 0, slot, small());
    else
      emit(stores[width], 10, number(), off);
    if (random_.chance(70)) {
      const unsigned back = random_.chance(60) ? width : random_.below(4), dst = free_register();
      int from = off;
      if (back < width && random_.chance(40))
        from += (1 << back) * random_.between(0, (1 << (width - back)) - 1);
      if (back > width) from = slot;
      emit(random_.chance(85) || back == 3 || !knows_signed() ? loads[back] : signed_loads[back], dst, 10,
           from);
      holds_[dst] = What::number;
    }
    if (random_.chance(30)) narrow();
  }
  // A comparison after which both ways go on at the same place.
  void narrow() {
    const int over = new_label();
    compare(over);
    const Regs before = holds_;
    if (random_.chance(60))
      alu();
    else
      fresh(number(true));
    join(before);
    bind(over);
  }
  void join(const Regs& other) {
    for (unsigned i = 0; i < 10; i++)
      if (holds_[i] != other[i]) holds_[i] = What::nothing;
  }
  void compare(int label) {
    const OpId id = pick(pools().jumps);
    const bool by_imm = isa::row(id).source == isa::Source::imm;
    const unsigned dst = number();
    jump(id, label, dst, by_imm ? 0 : number(), by_imm ? small() : 0);
  }

  // Makes `reg` a number in [0, limit), or goes to `out`; sometimes that is one too many.
  void bound(unsigned reg, int limit, int out) {
    if (random_.chance(6)) limit += random_.chance(60) ? 1 : -1;
    const int low = 1 << (31 - __builtin_clz(static_cast<unsigned>(std::max(1, limit))));  // power of two
    const std::int64_t last = limit - 1;
    auto j = [&](const char* name, std::int64_t imm, int to) { jump(named(name), to, reg, 0, imm); };
    switch (random_.below(24)) {
      case 0: j("jgt64_imm", last, out); break;
      case 1: j("jge64_imm", limit, out); break;
      case 2: {
        const int in = new_label();
        j(random_.chance(50) ? "jlt64_imm" : "jlt32_imm", limit, in);
        jump(ja, out);
        bind(in);
        break;
      }
      case 3:
        j("jsgt64_imm", last, out);
        j("jslt64_imm", 0, out);
        break;
      case 4:
        j("jslt64_imm", 0, out);
        j("jsge64_imm", limit, out);
        break;
      case 5:
        emit(mov32, reg, reg);
        j("jgt32_imm", last, out);
        break;
      case 6:
        j("jgt32_imm", last, out);
        emit(mov32, reg, reg);
        break;
      case 7:
        j("jsgt32_imm", last, out);
        j("jslt32_imm", 0, out);
        emit(mov32, reg, reg);
        break;
      case 8: emit(and_imm, reg, 0, 0, low - 1); break;
      case 9: emit(named(random_.chance(50) ? "mod64_imm" : "mod32_imm"), reg, 0, 0, limit); break;
      case 10:
        if (low == 1) break;
        emit(named("rsh64_imm"), reg, 0, 0, 64 - (31 - __builtin_clz(static_cast<unsigned>(low))));
        break;
      case 11:
        if (low > 1)
          emit(named("rsh32_imm"), reg, 0, 0, 32 - (31 - __builtin_clz(static_cast<unsigned>(low))));
        break;
      case 12: j("jset64_imm", -low, out); break;
      case 13:
        j("jgt64_imm", limit, out);
        j("jeq64_imm", limit, out);
        break;
      case 14: bound_by(reg, limit, out, "jgt64_reg", last); break;
      case 15: bound_by(reg, limit, out, "jge64_reg", limit); break;
      case 16: bound_linked(reg, limit, out, 0); break;
      case 17: bound_linked(reg, limit, out, random_.between(-40, 40)); break;
      case 18: {  // the copy on the stack learns as well
        emit(store8, 10, reg, -stack);
        j("jgt64_imm", last, out);
        emit(load8, reg, 10, -stack);
        break;
      }
      case 19:
        j("jsgt64_imm", -1, out);
        j("jslt64_imm", -limit, out);
        emit(add_imm, reg, 0, 0, limit);
        break;
      case 20:
        emit(named("movsx8_64"), reg, reg);
        j("jslt64_imm", 0, out);
        j("jsgt64_imm", last, out);
        break;
      case 21:
        emit(named("arsh64_imm"), reg, 0, 0, random_.below(64));
        j("jge64_imm", limit, out);
        break;
      case 22:
        emit(named("lsh64_imm"), reg, 0, 0, 32);
        emit(named(random_.chance(50) ? "arsh64_imm" : "rsh64_imm"), reg, 0, 0, 32);
        j("jgt64_imm", last, out);
        break;
      default:
        emit(named("or64_imm"), reg, 0, 0, random_.between(0, std::max(0, low - 1)));
        j("jgt64_imm", last, out);
        break;
    }
  }
  void bound_by(unsigned reg, int limit, int out, const char* name, std::int64_t at) {
    const std::uint32_t held = held_;
    hold(reg);
    const unsigned other = free_register();
    held_ = held;
    holds_[other] = What::number;
    if (random_.chance(50)) {
      emit(mov_imm, other, 0, 0, at);
    } else {  // bounded itself
      fresh(other);
      const int low = 1 << (31 - __builtin_clz(static_cast<unsigned>(std::max(1, limit))));
      emit(and_imm, other, 0, 0, low - 1);
    }
    jump(named(name), out, reg, other);
  }
  void bound_linked(unsigned reg, int limit, int out, int distance) {
    const std::uint32_t held = held_;
    hold(reg);
    const unsigned other = free_register();
    held_ = held;
    emit(mov, other, reg);
    holds_[other] = What::number;
    if (distance == 0) return jump(named("jge64_imm"), out, other, 0, limit);
    emit(add_imm, other, 0, 0, distance);
    const bool sign = random_.chance(60);
    jump(named(sign ? "jslt64_imm" : "jlt64_imm"), out, other, 0, distance);
    jump(named(sign ? "jsge64_imm" : "jge64_imm"), out, other, 0, distance + limit);
  }
  // What keeps a bounded number bounded; the new limit.
  int change(unsigned reg, int limit) {
    switch (random_.below(9)) {
      case 0: emit(named("lsh64_imm"), reg, 0, 0, 1); return 2 * limit - 1;
      case 1: emit(named(random_.chance(50) ? "mul64_imm" : "mul32_imm"), reg, 0, 0, 3); return 3 * limit - 2;
      case 2:
        emit(named(random_.chance(50) ? "rsh64_imm" : "arsh32_imm"), reg, 0, 0, 1);
        return limit / 2 + 1;
      case 3: {
        const unsigned width = random_.below(4);
        emit(stores[width], 10, reg, -stack + 8);
        emit(loads[width], reg, 10, -stack + 8);
        return limit;
      }
      case 4: {
        const int back = random_.between(1, 30);
        emit(named("sub64_imm"), reg, 0, 0, back);
        emit(add_imm, reg, 0, 0, back);
        return limit;
      }
      case 5: emit(mov32, reg, reg); return limit;
      case 6:
        emit(named("neg64"), reg);
        emit(add_imm, reg, 0, 0, limit - 1);
        return limit;
      case 7:
        emit(named(random_.chance(50) ? "div64_imm" : "sdiv32_imm"), reg, 0, 0, 2);
        return limit / 2 + 1;
      default: return limit;
    }
  }
  // A copy of some number, bounded; 0 < the limit that then holds <= room.
  int bounded(unsigned reg, int room, int out) {
    const unsigned from = number();
    if (from != reg) emit(random_.chance(80) ? mov : mov32, reg, from);
    holds_[reg] = What::number;
    int limit = random_.between(1, std::max(1, room));
    bound(reg, limit, out);
    const bool was_held = is_held(reg);
    hold(reg);
    while (random_.chance(35)) {
      if (3 * limit > room) break;
      limit = change(reg, limit);
    }
    if (random_.chance(20)) narrow();
    if (!was_held) release(reg);
    return limit;
  }

  // --- memory ---

  // An access at a place that only a check bounds.
  void reach(const Target& target) {
    const unsigned which = target.is_stack && random_.chance(80) ? 0 : random_.below(4);
    const int bytes = 1 << which;
    const unsigned index = free_register();
    hold(index);
    const int out = new_label();
    const Regs before = holds_;
    const int limit = bounded(index, target.size - bytes, random_.chance(80) ? out : out_);
    const unsigned pointer = free_register();
    hold(pointer);
    holds_[pointer] = What::nothing;
    const int last = target.size - (limit - 1) - bytes;
    int off = last;
    if (const unsigned how = random_.below(100); how < 6)
      off = last + 1;
    else if (how < 8)
      off = -1;
    else if (how < 45)
      off = random_.between(0, std::max(0, last));
    const bool downwards = random_.chance(12);
    if (downwards) {
      emit(mov, pointer, target.reg);
      emit(add_imm, pointer, 0, 0, limit - 1);
      emit(sub, pointer, index);
    } else if (random_.chance(65)) {
      emit(mov, pointer, target.reg);
      emit(add, pointer, index);
    } else {
      emit(mov, pointer, index);
      emit(add, pointer, target.reg);
    }
    if (random_.chance(25)) {
      const int part = random_.between(-8, 8);
      emit(add_imm, pointer, 0, 0, part);
      off -= part;
    }
    holds_[pointer] = What::pointer;
    if (target.is_stack && random_.chance(50)) off -= off % 8;
    touch(pointer, off, which);
    release(pointer);
    holds_[pointer] = What::nothing;
    release(index);
    join(before);
    bind(out);
  }
  void touch(unsigned pointer, int off, unsigned which) {
    if (random_.chance(45)) return emit(stores[which], pointer, number(), off);
    const unsigned dst = free_register();
    emit(random_.chance(80) || which == 3 || !knows_signed() ? loads[which] : signed_loads[which], dst,
         pointer, off);
    holds_[dst] = What::number;
  }
  void reach_some() {
    if (!targets_.empty() && random_.chance(85)) return reach(random_.pick(targets_));
    if (is_held(9)) return;
    emit(mov, 9, 10);
    emit(add_imm, 9, 0, 0, -stack);
    holds_[9] = What::pointer;
    hold(9);
    reach({9, stack, true});
    release(9);
    holds_[9] = What::nothing;
  }

  void packet() {
    if (!context_) return;
    const bool xdp = case_.type == ProgType::xdp;
    const unsigned pointer = free_register();
    hold(pointer);
    const unsigned end = free_register();
    hold(end);
    const unsigned probe = free_register();
    hold(probe);
    const Regs before = holds_;
    const int skip = new_label();
    if (random_.chance(50)) bounded(probe, random_.chance(90) ? 40 : 70000, skip);
    const bool moves = holds_[probe] == What::number;
    emit(load4, pointer, 6, xdp ? 0 : 76);
    emit(load4, end, 6, xdp ? 4 : 80);
    holds_[pointer] = holds_[end] = What::nothing;
    if (moves) emit(add, pointer, probe);
    const int bytes = random_.between(1, 40), ahead = random_.chance(20) ? random_.between(-4, 12) : 0;
    emit(mov, probe, pointer);
    holds_[probe] = What::nothing;
    emit(add_imm, probe, 0, 0, bytes);
    if (ahead != 0) emit(add_imm, pointer, 0, 0, ahead);
    int room = bytes - ahead;
    constexpr const char* outside[] = {"jgt64_reg", "jge64_reg", "jlt64_reg", "jle64_reg"};
    const unsigned how = random_.below(4);
    const bool turned = random_.chance(30);
    const unsigned left = how < 2 ? probe : end, right = how < 2 ? end : probe;
    if (!turned) {
      jump(named(outside[how]), skip, left, right);
    } else {  // the same question from the other side
      const int in = new_label();
      jump(named(outside[3 - how]), in, left, right);
      jump(ja, skip);
      bind(in);
    }
    release(end);
    release(probe);
    for (unsigned i = 1 + random_.below(3); i-- > 0;) {
      const unsigned which = random_.below(4);
      int off = room - (1 << which);
      if (random_.chance(12))
        off += 1;
      else if (random_.chance(50))
        off = random_.between(std::min(-ahead, 0), std::max(0, off));
      touch(pointer, off, which);
    }
    release(pointer);
    holds_[pointer] = What::nothing;
    join(before);
    bind(skip);
  }

  // Points r7, r8 or r9 at a map's value.
  void lookup() {
    if (!calls_fit() || targets_.size() > 1) return;
    const unsigned pointer = saved_register();
    if (pointer == 0) return;
    constexpr unsigned maps[] = {1, 1, 2, 3, 4, 5, 7};
    const unsigned map = random_.pick(maps);
    const MapRow& row = map_rows[map];
    if (random_.chance(40)) {  // a value without a lookup
      const int at = 8 * random_.between(0, 100);
      emit(lddw_value, pointer, 0, 0, std::int64_t{at} << 32 | out_map);
      holds_[pointer] = What::pointer;
      hold(pointer);
      targets_.push_back({pointer, static_cast<int>(map_rows[out_map].value_size) - at});
      return;
    }
    emit(store8_imm, 10, 0, -stack, 0);
    if (random_.chance(40)) {
      emit(store4_imm, 10, 0, -stack, random_.between(0, 5));
    } else {
      const unsigned index = free_register();
      fresh(index);
      emit(and_imm, index, 0, 0, 7);
      emit(named("stxw"), 10, index, -stack);
    }
    emit(lddw_map, 1, 0, 0, map);
    emit(mov, 2, 10);
    emit(add_imm, 2, 0, 0, -stack);
    emit(helper, 0, 0, 0, 1);
    lose_arguments();
    holds_[0] = What::nothing;
    const bool first = random_.chance(50);
    if (first) emit(mov, pointer, 0);
    if (random_.chance(97)) {
      if (random_.chance(80)) {
        jump(jeq, out_, random_.chance(70) || !first ? 0 : pointer);
      } else {
        const int found = new_label();
        jump(jne, found, 0);
        jump(ja, out_);
        bind(found);
      }
    }
    if (!first) emit(mov, pointer, 0);
    holds_[pointer] = What::pointer;
    hold(pointer);
    targets_.push_back({pointer, static_cast<int>(row.value_size)});
  }

  // A helper fills as many bytes as a number says.
  void sized() {
    if (!calls_fit() || !context_) return;
    Target target{10, stack - buffer, true};
    if (!targets_.empty() && random_.chance(60)) target = random_.pick(targets_);
    const int out = new_label();
    const Regs before = holds_;
    const int limit = bounded(4, std::min(target.size, 200), out);
    holds_[4] = What::number;
    const int room = target.size - (limit - 1);
    int off = random_.chance(60) ? room : random_.between(0, std::max(0, room));
    if (random_.chance(6)) off++;
    emit(mov, 3, target.reg);
    emit(add_imm, 3, 0, 0, target.is_stack && target.reg == 10 ? off - stack : off);
    if (random_.chance(94)) jump(jeq, out, 4);
    emit(mov, 1, 6);
    emit(mov_imm, 2, 0, 0, random_.between(0, 20));
    emit(helper, 0, 0, 0, case_.type == ProgType::xdp ? 189 : 26);
    holds_ = before;
    lose_arguments();
    holds_[0] = What::nothing;
    bind(out);
  }

  // --- control ---

  void branch() {
    if (nesting_ > 2) return;
    const int otherwise = new_label(), end = new_label();
    compare(otherwise);
    const Regs before = holds_;
    body(1 + random_.below(3));
    if (random_.chance(50)) {
      jump(ja, end);
      const Regs then = holds_;
      bind(otherwise);
      holds_ = before;
      body(1 + random_.below(3));
      join(then);
      bind(end);
    } else {
      bind(otherwise);
      bind(end);
      join(before);
    }
  }
  void body(unsigned statements) {
    nesting_++;
    const std::uint32_t held = held_;
    const std::vector<Target> targets = targets_;
    for (unsigned i = 0; i < statements; i++) statement();
    held_ = held;
    targets_ = targets;
    nesting_--;
  }
  void loop() {
    const unsigned counter = saved_register();
    if (counter == 0 || nesting_ > 1) return;
    const bool up = random_.chance(50), unknown = random_.chance(30);
    const int times = random_.between(1, 7), top = new_label(), out = new_label();
    if (unknown) {
      fresh(counter);
      emit(and_imm, counter, 0, 0, 7);
    } else {
      emit(mov_imm, counter, 0, 0, up ? 0 : times);
    }
    holds_[counter] = What::number;
    hold(counter);
    const Regs at_top = holds_;
    bind(top);
    const bool patient = random_.chance(20);
    if (patient) jump(may_goto, out);
    body(1 + random_.below(3));
    for (unsigned reg = 0; reg < 10; reg++)
      if (at_top[reg] == What::number && holds_[reg] != What::number && !is_held(reg)) {
        emit(mov_imm, reg, 0, 0, 1);
        holds_[reg] = What::number;
      }
    emit(add_imm, counter, 0, 0, up || unknown ? 1 : -1);
    if (up || unknown)
      jump(named(random_.chance(50)   ? "jlt64_imm"
                 : random_.chance(50) ? "jslt64_imm"
                                      : "jlt32_imm"),
           top, counter, 0, times);
    else
      jump(named(random_.chance(50) ? "jne64_imm" : "jsgt32_imm"), top, counter);
    join(at_top);
    bind(out);
    release(counter);
  }
  void call() {
    if (!calls_fit() || !in_main_ || functions_ >= 3) return;
    const bool callback = random_.chance(45);
    int size = stack;
    Target target{10, stack, true};
    if (!targets_.empty() && random_.chance(70) && !callback) target = random_.pick(targets_);
    size = target.size;
    const int label = new_label();
    functions_++;
    wanted_.push_back({label, callback, size, target.is_stack});
    if (callback) {
      emit(mov_imm, 1, 0, 0, random_.between(1, 9));
      if (random_.chance(50)) {
        fresh(1);
        emit(and_imm, 1, 0, 0, 7);
      }
      jump(lddw_func, label, 2);
      emit(mov, 3, 10);
      emit(add_imm, 3, 0, 0, -stack);
      emit(mov_imm, 4, 0, 0, 0);
      emit(helper, 0, 0, 0, 181);
    } else {
      for (const unsigned reg : {1u, 2u}) {
        const unsigned from = number();
        if (from != reg) emit(mov, reg, from);
        holds_[reg] = What::number;
        hold(reg);
      }
      release(1);
      release(2);
      if (random_.chance(50)) emit(and_imm, 2, 0, 0, 15);
      emit(mov, 3, target.reg);
      if (target.reg == 10) emit(add_imm, 3, 0, 0, -stack);
      jump(local, label);
    }
    lose_arguments();
  }

  void statement() {
    struct Choice {
      unsigned weight;
      void (Boundary::*make)();
    };
    static constexpr Choice choices[] = {
        {22, &Boundary::alu},    {10, &Boundary::another},    {12, &Boundary::link},  {12, &Boundary::spill},
        {10, &Boundary::narrow}, {20, &Boundary::reach_some}, {6, &Boundary::packet}, {5, &Boundary::lookup},
        {5, &Boundary::sized},   {8, &Boundary::branch},      {4, &Boundary::loop},   {3, &Boundary::call},
    };
    if (code_.size() > 110) return;
    unsigned total = 0;
    for (const Choice& choice : choices) total += choice.weight;
    unsigned at = random_.below(total);
    for (const Choice& choice : choices) {
      if (at < choice.weight) return (this->*choice.make)();
      at -= choice.weight;
    }
  }

  void begin() {
    holds_ = {};
    held_ = 0;
    targets_.clear();
    out_ = new_label();
  }
  void end(bool callback) {
    if (callback || holds_[0] != What::number) emit(mov_imm, 0, 0, 0, callback && random_.chance(20));
    emit(exit_op);
    if (!is_used(out_)) return;
    bind(out_);
    emit(mov_imm, 0, 0, 0, 0);
    emit(exit_op);
  }
  void make_main() {
    begin();
    in_main_ = context_ = true;
    emit(mov, 6, 1);
    holds_[6] = What::pointer;
    hold(6);
    for (int off = 8; off <= stack; off += 8)
      if (off > buffer || random_.chance(20)) emit(store8_imm, 10, 0, -off, random_.chance(50) ? 0 : small());
    emit(mov_imm, 2, 0, 0, 0);
    emit(mov, 3, 10);
    emit(add_imm, 3, 0, 0, -buffer);
    emit(mov_imm, 4, 0, 0, buffer);
    emit(helper, 0, 0, 0, case_.type == ProgType::xdp ? 189 : 26);
    lose_arguments();
    lookup();
    for (unsigned i = 3 + random_.below(10); i-- > 0;) statement();
    end(false);
  }
  void make_function(const Wanted& wanted) {
    begin();
    in_main_ = context_ = false;
    bind(wanted.label);
    emit(mov, 7, wanted.callback ? 2 : 3);
    holds_[7] = What::pointer;
    hold(7);
    targets_.push_back({7, wanted.size, wanted.is_stack});
    holds_[1] = What::number;
    if (!wanted.callback) holds_[2] = What::number;
    for (int off = stack; off > stack - 24; off -= 8) emit(store8_imm, 10, 0, -off, small());
    for (unsigned i = 1 + random_.below(5); i-- > 0;) statement();
    end(wanted.callback);
  }
};

}  // namespace

Case generate_boundary(std::uint64_t seed) {
  Case c = Boundary(seed).run();
  refill(c, seed);
  return c;
}

void refill(Case& c, std::uint64_t seed) {
  Random random(seed ^ 0x696e707574);
  // What programs compare with, and what lies beside it.
  std::vector<std::int64_t> numbers{0, 1, -1};
  for (const Code& code : c.programs)
    for (const isa::Decoded& d : code)
      if (d.row().has(isa::uses_imm) && d.row().action != isa::Class::call && numbers.size() < 200)
        numbers.push_back(d.imm);
  c.fill = random.next();
  c.packet.assign(64 + random.below(80), 0);
  for (std::size_t at = 0; at < c.packet.size();) {
    std::uint64_t word = static_cast<std::uint64_t>(random.pick(numbers));
    switch (random.below(8)) {
      case 0: word = random.next(); break;
      case 1: word = random.next() >> random.below(64); break;
      case 2: word = std::uint64_t{1} << random.below(64); break;
      case 3: word = ~word; break;
      case 4: word = 0 - word; break;
      case 5: word += std::uint64_t{random.below(5)} - 2; break;
      case 6: word |= random.next() << 32; break;
      default: break;
    }
    constexpr std::size_t sizes[] = {1, 2, 4, 8, 8, 8};
    for (std::size_t left = random.pick(sizes); left > 0 && at < c.packet.size(); left--, word >>= 8)
      c.packet[at++] = static_cast<std::uint8_t>(word);
  }
  if (c.type != ProgType::xdp) c.packet[0] &= 0xfe;
}

}  // namespace skep::oracle
