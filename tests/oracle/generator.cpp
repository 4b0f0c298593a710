// The generator: statements drawn by weight, each of which keeps what Frame knows true.
#include "generator.h"

#include <algorithm>

#include "frame.h"
#include "pools.h"

namespace skep::oracle {
namespace {

using isa::Class;
using isa::Op;
using isa::Operation;
using isa::OpId;
using uapi::ProgType;

constexpr OpId mov_imm = isa::op("mov64_imm"), mov_reg = isa::op("mov64_reg"), add_imm = isa::op("add64_imm"),
               add_reg = isa::op("add64_reg"), and_imm = isa::op("and64_imm"), load8 = isa::op("ldxdw"),
               load4 = isa::op("ldxw"), store8 = isa::op("stxdw"), store4 = isa::op("stxw"),
               store8_imm = isa::op("stdw"), store4_imm = isa::op("stw"), lddw = isa::op("lddw"),
               lddw_map = isa::op("lddw_map_fd"), lddw_value = isa::op("lddw_map_value"),
               lddw_func = isa::op("lddw_func"), helper = isa::op("call_helper"),
               local = isa::op("call_local"), exit_op = isa::op("exit"), ja = isa::op("ja"),
               ja32 = isa::op("ja32"), jeq_imm = isa::op("jeq64_imm"), jne_imm = isa::op("jne64_imm"),
               jgt_reg = isa::op("jgt64_reg"), jgt_imm = isa::op("jgt64_imm"), jlt_reg = isa::op("jlt64_reg"),
               jsgt_imm = isa::op("jsgt64_imm"), jne32_imm = isa::op("jne32_imm"),
               may_goto = isa::op("may_goto");

// Helpers by id.
enum : std::uint32_t {
  map_lookup_elem = 1,
  map_update_elem = 2,
  map_delete_elem = 3,
  get_prandom_u32 = 7,
  get_smp_processor_id = 8,
  skb_store_bytes = 9,
  l3_csum_replace = 10,
  tail_call = 12,
  skb_load_bytes = 26,
  csum_diff = 28,
  skb_pull_data = 39,
  xdp_adjust_head = 44,
  xdp_adjust_meta = 54,
  xdp_adjust_tail = 65,
  for_each_map_elem = 164,
  loop = 181,
  xdp_load_bytes = 189,
  xdp_store_bytes = 190,
};

// Members of contexts that hold numbers which are the same everywhere.
struct Member {
  ProgType type;
  int offset;
  bool writable;
};
constexpr Member members[] = {
    {ProgType::xdp, 12, false},                                                 // ingress_ifindex
    {ProgType::xdp, 16, false},                                                 // rx_queue_index
    {ProgType::socket_filter, 0, false},                                        // len
    {ProgType::socket_filter, 8, false},                                        // mark
    {ProgType::socket_filter, 16, false},                                       // protocol
    {ProgType::socket_filter, 32, false},                                       // priority
    {ProgType::socket_filter, 48, true},  {ProgType::socket_filter, 52, true},  // cb
    {ProgType::socket_filter, 64, true},  {ProgType::sched_cls, 0, false},
    {ProgType::sched_cls, 8, true},       {ProgType::sched_cls, 16, false},
    {ProgType::sched_cls, 32, true},      {ProgType::sched_cls, 40, false},  // ifindex
    {ProgType::sched_cls, 44, false},  // tc_index: 16 bits in the kernel, so a store comes back cut
    {ProgType::sched_cls, 48, true},      {ProgType::sched_cls, 60, true},
};

// Instructions that one case may execute, and that it may consist of.
constexpr std::uint64_t cost_limit = 3000;
constexpr unsigned max_level = 7, max_functions = 8;

class Generator {
 public:
  Generator(std::uint64_t seed, const GeneratorOptions& options) : random_(seed), options_(options) {
    case_.seed = seed;
  }

  Case run() {
    constexpr ProgType types[] = {ProgType::xdp, ProgType::xdp, ProgType::sched_cls, ProgType::socket_filter};
    case_.type = random_.pick(types);
    make_packet();
    case_.fill = random_.next();
    unsigned count = random_.chance(10) ? 2 + random_.below(programs_limit - 1) : 1;
    tails_ = count > 1 || random_.chance(3);
    for (unsigned i = 0; i < count; i++) case_.programs.push_back(make_program(i, count));
    return std::move(case_);
  }

 private:
  Random random_;
  GeneratorOptions options_;
  Case case_;
  bool tails_ = false;
  unsigned program_ = 0;
  std::vector<Function> functions_;  // of this program, without [0]
  unsigned functions_begun_ = 0;
  std::uint64_t spent_ = 0;
  Frame* f_ = nullptr;

  // --- emitting ---

  void emit(OpId op, unsigned dst = 0, unsigned src = 0, int off = 0, std::int64_t imm = 0) {
    isa::Decoded d;
    d.op = op;
    d.slots = isa::row(op).slots;
    d.dst = static_cast<std::uint8_t>(dst);
    d.src = static_cast<std::uint8_t>(src);
    d.off = static_cast<std::int16_t>(off);
    d.imm = imm;
    f_->code.push_back(d);
    f_->label_of.push_back(-1);
    f_->function_of.push_back(-1);
    spent_ += f_->times;
  }
  int new_label() {
    f_->places.push_back(0);
    return static_cast<int>(f_->places.size()) - 1;
  }
  void bind(int label) { f_->places[static_cast<std::size_t>(label)] = f_->code.size(); }
  void jump(OpId op, int label, unsigned dst = 0, unsigned src = 0, std::int64_t imm = 0) {
    emit(op, dst, src, 0, imm);
    f_->label_of.back() = label;
  }
  void go(int label) { jump(random_.chance(30) ? ja32 : ja, label); }

  // --- registers ---

  bool is_held(unsigned reg) const { return f_->held >> reg & 1; }
  void hold(unsigned reg) { f_->held |= 1U << reg; }
  void release(unsigned reg) { f_->held &= ~(1U << reg); }
  void set(unsigned reg, Holds what) { f_->holds[reg] = what; }

  std::int64_t number64() {
    switch (random_.below(4)) {
      case 0: return static_cast<std::int64_t>(random_.next());
      case 1: return static_cast<std::int64_t>((1ULL << random_.below(64)) - random_.below(2));
      case 2: return static_cast<std::int64_t>(~0ULL << random_.below(64));
      default: return edge_number(random_);
    }
  }
  // Gives a free register a number.
  void load_number(unsigned reg) {
    if (random_.chance(20))
      emit(lddw, reg, 0, 0, number64());
    else
      emit(mov_imm, reg, 0, 0, edge_number(random_));
    set(reg, Holds::number);
  }
  // Any register that may be written.
  unsigned free_register() {
    unsigned reg = random_.below(10);
    while (is_held(reg)) reg = (reg + 1) % 10;
    return reg;
  }
  // Any register that holds a number; makes one if there is none.
  unsigned number() {
    unsigned reg = random_.below(10);
    for (unsigned i = 0; i < 10; i++, reg = (reg + 1) % 10)
      if (f_->holds[reg] == Holds::number) return reg;
    reg = free_register();
    load_number(reg);
    return reg;
  }
  // The same, but it may be written.
  unsigned own_number() {
    unsigned reg = random_.below(10);
    for (unsigned i = 0; i < 10; i++, reg = (reg + 1) % 10)
      if (f_->holds[reg] == Holds::number && !is_held(reg)) return reg;
    reg = free_register();
    load_number(reg);
    return reg;
  }
  // A register of r7 to r9 that nobody holds; 0 if there is none.
  unsigned saved_register() {
    unsigned first = random_.below(3);
    for (unsigned i = 0; i < 3; i++)
      if (unsigned reg = 7 + (first + i) % 3; !is_held(reg)) return reg;
    return 0;
  }
  // Makes `reg` a number below `limit` (a power of two).
  void bounded_number(unsigned reg, int limit) {
    unsigned from = number();
    if (from != reg) emit(mov_reg, reg, from);
    emit(and_imm, reg, 0, 0, limit - 1);
    set(reg, Holds::number);
  }
  void lose_arguments() {
    for (unsigned reg = 1; reg <= 5; reg++) set(reg, Holds::nothing);
  }
  void call_helper(std::uint32_t id) {
    emit(helper, 0, 0, 0, id);
    lose_arguments();
    set(0, Holds::number);
  }

  // --- statements without memory ---

  void alu() {
    const Op& op = isa::row(random_.chance(80) ? random_.pick(pools().alu) : random_.pick(pools().mov));
    auto id = static_cast<OpId>(&op - isa::ops().data());
    bool mov = op.operation == Operation::mov;
    unsigned src = op.source == isa::Source::reg ? number() : 0;
    unsigned dst = mov ? free_register() : own_number();
    std::int64_t imm = 0;
    if (op.source == isa::Source::imm) {
      imm = edge_number(random_);
      // The kernel refuses constants that make no sense here.
      if (op.operation == Operation::lsh || op.operation == Operation::rsh || op.operation == Operation::arsh)
        imm &= op.width - 1;
      if ((op.operation == Operation::div || op.operation == Operation::mod ||
           op.operation == Operation::sdiv || op.operation == Operation::smod) &&
          imm == 0)
        imm = -1;
    }
    emit(id, dst, src, 0, imm);
    set(dst, Holds::number);
  }
  void constant() { load_number(free_register()); }

  // --- memory ---

  Area own_stack() const { return {10, -static_cast<int>(f_->stack), 0, true, true, true}; }
  Area some_area() {
    std::size_t which = random_.below(f_->areas.size() + 2);
    return which < f_->areas.size() ? f_->areas[which] : own_stack();
  }
  int place_in(const Area& area, int bytes, bool aligned) {
    int room = area.high - area.low - bytes;
    int off = area.low + random_.between(0, room);
    if (aligned || area.aligned) off -= ((off - area.low) % bytes);
    return off;
  }

  void load(const Area& area) {
    const Pool& pool = random_.chance(20) && area.atomics ? pools().acquire
                       : random_.chance(25)               ? pools().signed_loads
                                                          : pools().loads;
    OpId id = random_.pick(pool);
    int bytes = isa::row(id).width / 8;
    if (bytes > area.high - area.low) return;
    unsigned dst = free_register();
    emit(id, dst, area.reg, place_in(area, bytes, isa::row(id).action == Class::load_acquire));
    set(dst, Holds::number);
  }
  void store(const Area& area) {
    bool release_op = random_.chance(15) && area.atomics;
    OpId id = random_.pick(release_op ? pools().release : pools().stores);
    const Op& op = isa::row(id);
    int bytes = op.width / 8;
    if (bytes > area.high - area.low) return;
    bool constant = op.action == Class::store_imm;
    unsigned src = constant ? 0 : number();
    emit(id, area.reg, src, place_in(area, bytes, release_op), constant ? edge_number(random_) : 0);
  }
  void atomic(const Area& area) {
    OpId id = random_.pick(pools().atomics);
    const Op& op = isa::row(id);
    int bytes = op.width / 8;
    if (bytes > area.high - area.low) return;
    if (op.operation == Operation::cmpxchg) {
      if (is_held(0) || area.reg == 0) return;
      if (f_->holds[0] != Holds::number) load_number(0);
      int off = place_in(area, bytes, true);
      // Half of them meet what they expect.
      if (random_.chance(50)) emit(op.width == 64 ? load8 : load4, 0, area.reg, off);
      emit(id, area.reg, number(), off);
      return;
    }
    unsigned src = op.fetch ? own_number() : number();
    emit(id, area.reg, src, place_in(area, bytes, true));
  }
  void touch(const Area& area) {
    unsigned what = random_.below(100);
    if (what < 50 || !area.writable)
      load(area);
    else if (what < 80 || !area.atomics)
      store(area);
    else
      atomic(area);
  }
  void memory() { touch(some_area()); }

  // A pointer that moves by a number which is not known before.
  void moving(const Area& area) {
    if (!area.atomics) return;  // packets: what was proved is lost when a pointer moves
    int room = area.high - area.low, reach = 8;
    while (reach * 4 <= room && random_.chance(50)) reach *= 2;
    if (room < reach + 8) return;
    unsigned pointer = free_register();
    if (pointer == area.reg) return;
    hold(pointer);
    set(pointer, Holds::nothing);
    unsigned offset = free_register();
    bounded_number(offset, reach);
    // Single bytes on the stack, whose slots the kernel wants aligned.
    Area at = area;
    at.reg = pointer;
    at.high -= reach - 1;
    at.atomics = false;
    // 6.18's verifier takes `number += r10` in a callee for a pointer to the stack of the first frame, and
    // drops branches by what lies there.
    bool pointer_first = options_.for_kernel && area.aligned && f_->level > 0;
    if (random_.chance(50) || pointer_first) {
      emit(mov_reg, pointer, area.reg);
      emit(add_reg, pointer, offset);
    } else {
      emit(mov_reg, pointer, offset);
      emit(add_reg, pointer, area.reg);
    }
    set(pointer, Holds::pointer);
    if (area.aligned) {
      unsigned dst = free_register();
      emit(isa::op("ldxb"), dst, pointer, random_.between(at.low, at.high - 1));
      set(dst, Holds::number);
    } else {
      for (unsigned i = 1 + random_.below(2); i-- > 0;) touch(at);
    }
    release(pointer);
    set(pointer, Holds::nothing);
  }
  void moving_somewhere() { moving(some_area()); }

  // The context goes through memory and comes back.
  void spill() {
    if (!f_->has_context) return;
    int slot = -static_cast<int>(f_->stack) - 8;
    unsigned reg = free_register();
    emit(store8, 10, 6, slot);
    emit(load8, reg, 10, slot);
    set(reg, Holds::nothing);
    hold(reg);
    member(reg);
    release(reg);
  }
  void context() {
    if (f_->has_context) member(6);
  }
  void member(unsigned base) {
    const Member* of[std::size(members)];
    unsigned count = 0;
    for (const Member& m : members)
      if (m.type == case_.type) of[count++] = &m;
    const Member& m = *of[random_.below(count)];
    if (m.writable && random_.chance(40)) {
      emit(store4, base, number(), m.offset);
    } else {
      unsigned dst = free_register();
      emit(load4, dst, base, m.offset);
      set(dst, Holds::number);
    }
  }

  // --- maps ---

  unsigned data_map() {
    for (;;) {
      unsigned map = 1 + random_.below(map_count - 1);
      if (map_rows[map].type != uapi::MapType::prog_array) return map;
    }
  }
  // Puts a key at [r10 + off]; off is a multiple of 8.
  void make_key(const MapRow& map, int off) {
    bool array = is_array(map.type);
    bool constant = random_.chance(50);
    std::int32_t key =
        array ? random_.between(0, static_cast<std::int32_t>(map.max_entries)) : 2 * random_.between(0, 7);
    unsigned reg = 0;
    if (!constant) {
      reg = free_register();
      bounded_number(reg, 8);
      if (!array && random_.chance(70)) emit(and_imm, reg, 0, 0, 14);
    }
    if (map.key_size == 4) {
      constant ? emit(store4_imm, 10, 0, off, key) : emit(store4, 10, reg, off);
      return;
    }
    constant ? emit(store8_imm, 10, 0, off, key) : emit(store8, 10, reg, off);
    if (map.key_size == 16) emit(store8_imm, 10, 0, off + 8, 0);
  }
  // Somewhere on the stack for `bytes`, 8-byte aligned; 1 if there is no room.
  int stack_room(unsigned bytes) {
    unsigned rounded = (bytes + 7) / 8 * 8;
    if (rounded > f_->stack) return 1;
    return -static_cast<int>(f_->stack) + 8 * random_.between(0, static_cast<int>((f_->stack - rounded) / 8));
  }
  void stack_pointer(unsigned reg, int off) {
    emit(mov_reg, reg, 10);
    emit(add_imm, reg, 0, 0, off);
    set(reg, Holds::nothing);
  }
  void map_pointer(unsigned reg, unsigned map) {
    emit(lddw_map, reg, 0, 0, map);
    set(reg, Holds::nothing);
  }

  void lookup() {
    if (!f_->calls_fit()) return;
    unsigned map = data_map();
    const MapRow& row = map_rows[map];
    int key = stack_room(row.key_size);
    if (key > 0) return;
    make_key(row, key);
    map_pointer(1, map);
    stack_pointer(2, key);
    call_helper(map_lookup_elem);
    int skip = new_label();
    bool other_way = random_.chance(20);
    if (other_way) {
      int found = new_label();
      jump(jne_imm, found, 0);
      alu_on(0);
      go(skip);
      bind(found);
    } else {
      jump(jeq_imm, skip, 0);
    }
    Registers missed = f_->holds;
    unsigned pointer = 0;
    if (random_.chance(60))
      if (unsigned saved = saved_register()) {
        pointer = saved;
        emit(mov_reg, pointer, 0);
        set(0, Holds::nothing);
      }
    set(pointer, Holds::pointer);
    hold(pointer);
    Area value{pointer, 0, static_cast<int>(row.value_size), false, true, true};
    f_->areas.push_back(value);
    // An element of a hash may go to another key while we point at it.
    bool plain = is_hash(row.type);
    f_->plain += plain;
    for (unsigned i = 1 + random_.below(3); i-- > 0;) random_.chance(75) ? touch(value) : moving(value);
    body(random_.below(3));
    f_->plain -= plain;
    f_->areas.pop_back();
    release(pointer);
    set(pointer, Holds::nothing);
    f_->holds = join(f_->holds, missed);
    bind(skip);
  }
  void alu_on(unsigned reg) { emit(add_imm, reg, 0, 0, edge_number(random_)); }

  void update() {
    if (!f_->calls_fit() || f_->plain) return;
    unsigned map = data_map();
    const MapRow& row = map_rows[map];
    int key = stack_room(row.key_size);
    int value = stack_room(row.value_size);
    if (key > 0 || value > 0) return;
    make_key(row, key);
    map_pointer(1, map);
    stack_pointer(2, key);
    stack_pointer(3, value);
    emit(mov_imm, 4, 0, 0, random_.chance(60) ? 0 : random_.between(0, 3));
    call_helper(map_update_elem);
  }
  void erase() {
    if (!f_->calls_fit() || f_->plain) return;
    unsigned map = data_map();
    const MapRow& row = map_rows[map];
    int key = stack_room(row.key_size);
    if (key > 0 || is_array(row.type)) return;
    make_key(row, key);
    map_pointer(1, map);
    stack_pointer(2, key);
    call_helper(map_delete_elem);
  }
  // Straight into a value that needs no lookup.
  void direct_value() {
    unsigned pointer = free_register();
    int at = 640 + 8 * random_.between(0, 40);
    emit(lddw_value, pointer, 0, 0, std::int64_t{at} << 32 | out_map);
    set(pointer, Holds::pointer);
    hold(pointer);
    Area value{pointer, 0, 32, false, true, true};
    for (unsigned i = 1 + random_.below(3); i-- > 0;) touch(value);
    release(pointer);
    set(pointer, Holds::nothing);
  }

  // --- packets ---

  void packet() {
    if (!f_->has_context) return;
    if (case_.type == ProgType::socket_filter) return legacy_packet();
    if (case_.type == ProgType::sched_cls && random_.chance(25)) return legacy_packet();
    unsigned pointer = free_register();
    hold(pointer);
    unsigned end = free_register();
    hold(end);
    unsigned probe = free_register();
    bool xdp = case_.type == ProgType::xdp;
    emit(load4, pointer, 6, xdp ? 0 : 76);
    emit(load4, end, 6, xdp ? 4 : 80);
    for (unsigned reg : {pointer, end}) set(reg, Holds::nothing);
    if (random_.chance(20)) {  // from a place that is not known before; the check follows
      bounded_number(probe, 32);
      emit(add_reg, pointer, probe);
    }
    int bytes = random_.between(1, 40);
    emit(mov_reg, probe, pointer);
    emit(add_imm, probe, 0, 0, bytes);
    set(probe, Holds::nothing);
    int skip = new_label();
    random_.chance(50) ? jump(jgt_reg, skip, probe, end) : jump(jlt_reg, skip, end, probe);
    release(end);
    Registers missed = f_->holds;
    set(pointer, Holds::pointer);
    Area area{pointer, 0, bytes, false, true, false};
    f_->areas.push_back(area);
    f_->plain++;
    for (unsigned i = 1 + random_.below(4); i-- > 0;) touch(area);
    if (f_->nesting < 4) body(random_.below(2));
    f_->plain--;
    f_->areas.pop_back();
    release(pointer);
    set(pointer, Holds::nothing);
    f_->holds = join(f_->holds, missed);
    bind(skip);
  }
  void legacy_packet() {
    if (!f_->calls_fit() || f_->plain || (options_.for_kernel && f_->level > 0)) return;
    OpId id = random_.pick(pools().packet);
    const Op& op = isa::row(id);
    constexpr int net_off = -0x100000, ll_off = -0x200000;
    int size = static_cast<int>(case_.packet.size());
    int off = random_.between(0, random_.chance(10) ? size + 8 : 15);
    if (random_.chance(20)) off = (random_.chance(50) ? net_off : ll_off) + random_.between(0, 20);
    unsigned src = 0;
    if (op.action == Class::packet_indirect) {
      src = free_register();
      if (random_.chance(95))
        bounded_number(src, 16);
      else
        src = number();
    }
    emit(id, 0, src, 0, off);
    lose_arguments();
    set(0, Holds::number);
  }

  // Helpers that copy or change the packet.
  void packet_helper() {
    if (!f_->has_context || !f_->calls_fit() || f_->plain) return;
    emit(mov_reg, 1, 6);
    set(1, Holds::nothing);
    hold(1);
    int bytes = 4 * random_.between(1, 4);
    int room = stack_room(static_cast<unsigned>(bytes));
    bool xdp = case_.type == ProgType::xdp, tc = case_.type == ProgType::sched_cls;
    unsigned what = random_.below(xdp ? 5 : tc ? 4 : 1);
    if (xdp && what >= 2) {
      emit(mov_imm, 2, 0, 0, what == 2 ? 4 * random_.between(-8, 8) : random_.between(-24, 24));
      release(1);
      return call_helper(what == 2 ? xdp_adjust_meta : what == 3 ? xdp_adjust_head : xdp_adjust_tail);
    }
    if (tc && what == 3) {
      emit(mov_imm, 2, 0, 0, random_.between(0, 200));
      release(1);
      return call_helper(skb_pull_data);
    }
    if (random_.chance(50)) {
      bounded_number(2, 32);
      hold(2);
    } else {
      emit(mov_imm, 2, 0, 0, random_.between(0, 80));
      set(2, Holds::nothing);
      hold(2);
    }
    if (tc && what == 2) {
      for (unsigned reg : {3U, 4U}) {
        emit(mov_reg, reg, number());
        set(reg, Holds::number);
        hold(reg);
      }
      constexpr int sizes[] = {0, 2, 4};
      emit(mov_imm, 5, 0, 0, random_.pick(sizes));
      for (unsigned reg = 1; reg <= 4; reg++) release(reg);
      return call_helper(l3_csum_replace);
    }
    release(1);
    release(2);
    stack_pointer(3, room);
    emit(mov_imm, 4, 0, 0, bytes);
    bool write = what == 1;
    if (!xdp && write) emit(mov_imm, 5, 0, 0, random_.below(2));
    call_helper(xdp ? (write ? xdp_store_bytes : xdp_load_bytes) : write ? skb_store_bytes : skb_load_bytes);
  }

  void small_helper() {
    if (!f_->calls_fit()) return;
    if (case_.type != ProgType::socket_filter && random_.chance(50)) {
      int from = 4 * random_.between(0, 6), to = 4 * random_.between(0, 6);
      int from_at = stack_room(static_cast<unsigned>(from)), to_at = stack_room(static_cast<unsigned>(to));
      if (from_at > 0 || to_at > 0) return;
      emit(mov_reg, 5, number());
      set(5, Holds::number);
      from ? stack_pointer(1, from_at) : emit(mov_imm, 1, 0, 0, 0);
      emit(mov_imm, 2, 0, 0, from);
      to ? stack_pointer(3, to_at) : emit(mov_imm, 3, 0, 0, 0);
      emit(mov_imm, 4, 0, 0, to);
      return call_helper(csum_diff);
    }
    call_helper(!options_.for_kernel && random_.chance(50) ? get_prandom_u32 : get_smp_processor_id);
  }

  // --- control ---

  bool may_nest() const { return f_->nesting < 5 && spent_ < cost_limit && f_->code.size() < 220; }

  void body(unsigned statements) {
    f_->nesting++;
    for (unsigned i = 0; i < statements; i++) statement();
    f_->nesting--;
  }

  void condition(int label) {
    OpId id = random_.pick(pools().jumps);
    const Op& op = isa::row(id);
    unsigned dst = number();
    bool by_imm = op.source == isa::Source::imm;
    jump(id, label, dst, by_imm ? 0 : number(), by_imm ? edge_number(random_) : 0);
  }

  void branch() {
    if (!may_nest()) return;
    int otherwise = new_label();
    condition(otherwise);
    Registers before = f_->holds;
    body(1 + random_.below(3));
    unsigned how = random_.below(100);
    if (how < 30) {
      int end = new_label();
      go(end);
      Registers after_then = f_->holds;
      bind(otherwise);
      f_->holds = before;
      body(1 + random_.below(3));
      f_->holds = join(f_->holds, after_then);
      bind(end);
    } else if (how < 35) {
      leave();
      bind(otherwise);
      f_->holds = before;
    } else if (how < 45 && !f_->loops.empty() && f_->nesting > 0) {
      Frame::Loop& around = f_->loops.back();
      around.at_break = around.broken ? join(around.at_break, f_->holds) : f_->holds;
      around.broken = true;
      go(around.out);
      bind(otherwise);
      f_->holds = before;
    } else {
      bind(otherwise);
      f_->holds = join(f_->holds, before);
    }
  }

  // r0 and exit, as the function's role wants it.
  void leave() {
    bool callback = f_->role == Role::loop_callback || f_->role == Role::each_callback;
    if (callback) {
      emit(mov_imm, 0, 0, 0, random_.chance(20));
    } else if (f_->holds[0] != Holds::number || random_.chance(30)) {
      // r0 may be held inside of a block: the block is left for good.
      emit(mov_reg, 0, number());
    }
    emit(exit_op);
  }

  void loop_block() {
    unsigned counter = saved_register();
    if (!counter || !may_nest() || f_->times > 60) return;
    auto times = static_cast<unsigned>(random_.between(1, 6));
    bool patient = random_.chance(30);
    if (patient && random_.chance(50))
      bounded_number(counter, 8);  // the kernel sees its end by may_goto alone
    else
      emit(mov_imm, counter, 0, 0, times);
    set(counter, Holds::number);
    hold(counter);
    // Pointers that stay are in held registers; what else there is must be there each time.
    Registers top_holds = f_->holds;
    int top = new_label(), out = new_label();
    f_->loops.push_back({out, false, {}});
    bind(top);
    f_->times *= times;
    bool at_top = random_.chance(50);
    if (patient && at_top) {
      jump(jeq_imm, out, counter);
      jump(may_goto, out);
    }
    body(1 + random_.below(3));
    for (unsigned reg = 0; reg < 10; reg++)
      if (top_holds[reg] == Holds::number && f_->holds[reg] != Holds::number) load_number(reg);
    emit(add_imm, counter, 0, 0, -1);
    if (patient && at_top) {
      go(top);
    } else if (patient) {
      jump(jeq_imm, out, counter);
      // Without the bound that a number below 8 has: 0 - 1 is large.
      jump(jgt_imm, out, counter, 0, 8);
      jump(may_goto, out);
      go(top);
    } else {
      switch (random_.below(3)) {
        case 0: jump(jne_imm, top, counter); break;
        case 1: jump(jsgt_imm, top, counter); break;
        default: jump(jne32_imm, top, counter); break;
      }
    }
    f_->times /= times;
    Frame::Loop done = f_->loops.back();
    f_->loops.pop_back();
    if (patient && at_top) f_->holds = join(top_holds, f_->holds);
    if (done.broken) f_->holds = join(f_->holds, done.at_break);
    bind(out);
    release(counter);
  }

  // --- functions ---

  Function* find_function(Role role, unsigned each_value) {
    for (Function& function : functions_)
      if (function.role == role && function.level > f_->level && function.each_value == each_value &&
          function.in_callback >= f_->in_callback && spent_ + function.cost * f_->times < cost_limit)
        return &function;
    return nullptr;
  }
  // A function that fits, old or new; -1 if there may be none.
  int some_function(Role role, unsigned times, unsigned each_value = 0) {
    if (f_->level >= max_level) return -1;
    if (random_.chance(40))
      if (Function* old = find_function(role, each_value)) {
        spent_ += old->cost * f_->times * times;
        return static_cast<int>(old - functions_.data());
      }
    if (functions_begun_ >= max_functions || !may_nest()) return -1;
    functions_begun_++;
    Frame frame;
    frame.role = role;
    frame.level = f_->level + 1;
    frame.in_callback = f_->in_callback || role != Role::local;
    frame.stack = frame.level < 3 ? 64 : 32;
    frame.times = f_->times * times;
    frame.each_value = each_value;
    Frame* outer = f_;
    f_ = &frame;
    std::uint64_t before = spent_;
    make_function();
    std::uint64_t cost = (spent_ - before) / frame.times + 1;
    f_ = outer;
    Function function;
    function.role = role;
    function.level = frame.level;
    function.each_value = each_value;
    function.in_callback = frame.in_callback;
    function.cost = cost;
    function.frame = std::move(frame);
    functions_.push_back(std::move(function));
    return static_cast<int>(functions_.size()) - 1;
  }

  void local_call() {
    if (!f_->calls_fit() || f_->plain || !f_->has_context) return;
    int room = stack_room(16);
    int callee = some_function(Role::local, 1);
    if (callee < 0) return;
    for (unsigned reg = 2; reg <= 4; reg++) {
      unsigned from = number();
      if (from != reg) emit(mov_reg, reg, from);
      set(reg, Holds::number);
      hold(reg);
    }
    for (unsigned reg = 2; reg <= 4; reg++) release(reg);
    emit(mov_reg, 1, 6);
    stack_pointer(5, room);
    emit(local);
    f_->function_of.back() = callee;
    lose_arguments();
    set(0, Holds::number);
  }
  void callback_call() {
    if (!f_->calls_fit() || f_->plain || f_->times > 30) return;
    bool each = random_.chance(40);
    unsigned map = 0;
    if (each) {
      constexpr unsigned maps[] = {1, 2, 3};
      map = random_.pick(maps);
      static_assert(is_array(map_rows[1].type) && is_array(map_rows[2].type) && is_array(map_rows[3].type));
    }
    unsigned times = each ? map_rows[map].max_entries : 1 + random_.below(8);
    int room = stack_room(16);
    int callee = some_function(each ? Role::each_callback : Role::loop_callback, times,
                               each ? map_rows[map].value_size : 0);
    if (callee < 0) return;
    if (each) {
      map_pointer(1, map);
    } else if (times == 8 && random_.chance(60)) {
      bounded_number(1, 8);
    } else {
      emit(mov_imm, 1, 0, 0, times);
    }
    emit(lddw_func, 2);
    f_->function_of.back() = callee;
    stack_pointer(3, room);
    emit(mov_imm, 4, 0, 0, 0);
    call_helper(each ? for_each_map_elem : loop);
  }
  void tail() {
    if (!tails_ || !f_->has_context || f_->in_callback || !f_->calls_fit() || f_->plain) return;
    // Programs behind the first go on from their first frame alone: frames would pile up.
    if ((program_ > 0 || options_.for_kernel) && f_->level > 0) return;
    unsigned self_or_later = program_ + (f_->level > 0 || random_.chance(70) ? 1 : 0);
    emit(mov_reg, 1, 6);
    map_pointer(2, programs_map(case_.type));
    emit(mov_imm, 3, 0, 0, random_.between(static_cast<int>(self_or_later), 5));
    emit(helper, 0, 0, 0, tail_call);
    lose_arguments();
    set(0, Holds::nothing);
  }

  struct Choice {
    unsigned weight;
    void (Generator::*make)();
  };
  void statement() {
    static constexpr Choice choices[] = {
        {340, &Generator::alu},          {40, &Generator::constant},
        {140, &Generator::memory},       {25, &Generator::moving_somewhere},
        {10, &Generator::spill},         {30, &Generator::context},
        {60, &Generator::lookup},        {25, &Generator::update},
        {12, &Generator::erase},         {25, &Generator::direct_value},
        {50, &Generator::packet},        {35, &Generator::packet_helper},
        {25, &Generator::small_helper},  {90, &Generator::branch},
        {40, &Generator::loop_block},    {30, &Generator::local_call},
        {22, &Generator::callback_call}, {20, &Generator::tail},
    };
    static constexpr unsigned total = [] {
      unsigned sum = 0;
      for (const Choice& choice : choices) sum += choice.weight;
      return sum;
    }();
    if (f_->code.size() > 300) return;
    unsigned at = random_.below(total);
    for (const Choice& choice : choices) {
      if (at < choice.weight) return (this->*choice.make)();
      at -= choice.weight;
    }
  }

  // Arguments to where they stay, then the stack gets its numbers.
  void begin_function() {
    Frame& f = *f_;
    switch (f.role) {
      case Role::main:
      case Role::local:
        emit(mov_reg, 6, 1);
        f.has_context = true;
        set(6, Holds::pointer);
        hold(6);
        if (f.role == Role::local) {
          for (unsigned reg = 2; reg <= 4; reg++) set(reg, Holds::number);
          if (random_.chance(50)) keep_pointer(5, {0, 0, 16, true, true, true});
        }
        break;
      case Role::loop_callback:
        set(1, Holds::number);
        if (random_.chance(60)) keep_pointer(2, {0, 0, 16, true, true, true});
        break;
      case Role::each_callback:
        keep_pointer(3, {0, 0, static_cast<int>(f.each_value), false, true, true});
        if (random_.chance(40)) keep_pointer(4, {0, 0, 16, true, true, true});
        emit(load4, 1, 2, 0);
        set(1, Holds::number);
        break;
    }
    for (unsigned off = 8; off <= f.stack; off += 8) {
      unsigned reg = random_.below(10);
      if (f.holds[reg] == Holds::number && random_.chance(60))
        emit(store8, 10, reg, -static_cast<int>(off));
      else
        emit(store8_imm, 10, 0, -static_cast<int>(off), edge_number(random_));
    }
  }
  void keep_pointer(unsigned from, Area area) {
    unsigned reg = saved_register();
    if (!reg) return;
    emit(mov_reg, reg, from);
    set(reg, Holds::pointer);
    hold(reg);
    area.reg = reg;
    f_->areas.push_back(area);
  }

  // What the registers and the stack held at the end goes to the map `out`.
  void dump() {
    int at = static_cast<int>(program_ * out_part);
    unsigned pointer = 1;
    emit(lddw_value, pointer, 0, 0, std::int64_t{at} << 32 | out_map);
    set(pointer, Holds::nothing);
    for (unsigned reg = 0; reg < 10; reg++)
      if (f_->holds[reg] == Holds::number) emit(store8, pointer, reg, static_cast<int>(8 * reg));
    for (unsigned off = 8; off <= f_->stack && 80 + off <= out_part; off += 8) {
      emit(load8, 2, 10, -static_cast<int>(off));
      emit(store8, pointer, 2, static_cast<int>(72 + off));
      set(2, Holds::number);
    }
  }

  void make_function() {
    begin_function();
    unsigned statements = f_->role == Role::main ? 4 + random_.below(20) : 2 + random_.below(6);
    for (unsigned i = 0; i < statements && spent_ < cost_limit; i++) statement();
    if (f_->role == Role::main && random_.chance(80)) dump();
    leave();
  }

  Code make_program(unsigned number, unsigned count) {
    program_ = number;
    functions_.clear();
    functions_begun_ = 0;
    spent_ = 0;
    Frame main;
    constexpr unsigned stacks[] = {32, 64, 64, 96, 128};
    main.stack = random_.pick(stacks);
    (void)count;
    f_ = &main;
    make_function();
    return link(main);
  }

  // Functions behind each other; labels and functions become distances.
  Code link(const Frame& main) {
    std::vector<const Frame*> frames{&main};
    for (const Function& function : functions_) frames.push_back(&function.frame);
    Labelled all;
    std::vector<std::size_t> starts;
    for (const Frame* frame : frames) {
      starts.push_back(all.code.size());
      all.code.insert(all.code.end(), frame->code.begin(), frame->code.end());
    }
    all.target.assign(all.code.size(), -1);
    for (std::size_t n = 0; n < frames.size(); n++)
      for (std::size_t i = 0; i < frames[n]->code.size(); i++) {
        const Frame& frame = *frames[n];
        if (int label = frame.label_of[i]; label >= 0)
          all.target[starts[n] + i] =
              static_cast<int>(starts[n] + frame.places[static_cast<std::size_t>(label)]);
        if (int function = frame.function_of[i]; function >= 0)
          all.target[starts[n] + i] = static_cast<int>(starts[static_cast<std::size_t>(function) + 1]);
      }
    Code code;
    bool fits = unlabel(all, code);
    return fits ? code : Code{};
  }

  void make_packet() {
    unsigned size = 64 + random_.below(100);
    for (unsigned i = 0; i < size; i++) case_.packet.push_back(static_cast<std::uint8_t>(random_.next()));
    constexpr std::uint16_t protocols[] = {0x0800, 0x86dd, 0x0806, 0x88b5};
    std::uint16_t protocol = random_.pick(protocols);
    case_.packet[12] = static_cast<std::uint8_t>(protocol >> 8);
    case_.packet[13] = static_cast<std::uint8_t>(protocol);
    case_.packet[0] &= 0xfe;  // no multicast
  }
};

}  // namespace

std::int32_t edge_number(Random& random) {
  constexpr std::int32_t edges[] = {
      0,           1,          -1,         2,         -2,    7,     8,          15,
      31,          32,         63,         64,        127,   128,   -128,       255,
      256,         32767,      32768,      -32768,    65535, 65536, 0x7fffffff, -0x7fffffff - 1,
      -0x7fffffff, 0x10000000, 0x55555555, 0x00ff00ff};
  std::uint32_t how = random.below(100);
  if (how < 45) return edges[random.below(std::size(edges))];
  if (how < 75) return random.between(-64, 64);
  return static_cast<std::int32_t>(random.next());
}

Case generate(std::uint64_t seed, const GeneratorOptions& options) { return Generator(seed, options).run(); }

}  // namespace skep::oracle
