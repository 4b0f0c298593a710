// The frame of the translation: entering and leaving, functions, jumps, and what stands behind their code.
#include "skep/jit/x86_64.h"

#include <bit>
#include <cstddef>

#include "skep/base/check.h"

namespace skep::jit::x86 {

using image::RunContext;
using isa::Class;
using isa::Operation;

namespace {

constexpr Reg saved_by_enter[] = {Reg::bx, Reg::bp, Reg::r12, Reg::r13, Reg::r14, Reg::r15};
constexpr unsigned first_kept = 6, last_kept = 9;  // r6 to r9

std::uint64_t address(const void* at) { return reinterpret_cast<std::uint64_t>(at); }

}  // namespace

Compiler::Compiler(const image::Image& image, const Plan& plan, const Options& options,
                   const Features& features)
    : image_(image),
      plan_(plan),
      options_(options),
      features_(features),
      a_(image.insts.size() * 6 + 1024),
      random_(options.blind_seed) {}

Result<Native> Compiler::run() {
  labels_.assign(image_.insts.size(), no_label);
  native_.offset_of.resize(image_.insts.size());
  native_.places.reserve(image_.insts.size() + image_.insts.size() / 4 + 16);
  for (std::size_t i = 0; i < plan_.functions.size(); i++) entries_.push_back(a_.label());
  tail_entry_ = a_.label();
  emit_enter();
  emit_commons();
  for (std::uint32_t i = 0; i < plan_.functions.size(); i++) emit_function(i);
  mark_none();
  std::vector<std::uint8_t> bytes = TRY(a_.finish());
  native_.bytes = std::move(bytes);
  for (LabelId entry : entries_) native_.entries.push_back(a_.offset_of(entry));
  return std::move(native_);
}

// uint64_t enter(RunContext* rdi, const uint64_t arguments[5] rsi, const void* entry rdx, State* rcx)
void Compiler::emit_enter() {
  mark_none();
  native_.enter = a_.offset();
  for (Reg reg : saved_by_enter) a_.push(reg);
  a_.alu(Alu::sub, 64, Reg::sp, 8);
  a_.store(64, {Reg::cx, offsetof(State, exit_sp)}, Reg::sp);
  a_.mov(64, context, Reg::di);
  if (options_.cancellable) a_.load(64, cancel_flag, {Reg::cx, offsetof(State, cancel)});
  a_.mov(64, Reg::ax, Reg::si);
  for (unsigned i = 0; i < 5; i++) a_.load(64, registers[i + 1], {Reg::ax, static_cast<std::int32_t>(8 * i)});
  a_.call(Reg::dx);
  exit_ = a_.label();
  a_.bind(exit_);
  a_.alu(Alu::add, 64, Reg::sp, 8);
  for (std::size_t i = std::size(saved_by_enter); i-- > 0;) a_.pop(saved_by_enter[i]);
  a_.ret();
}

// Where runs end early. fault_: t0 is the value, edx the kind, eax the Inst.
void Compiler::emit_commons() {
  helper_fault_ = a_.label();
  a_.bind(helper_fault_);
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  const LabelId failed_before = a_.label();
  leave_ = a_.label();
  a_.alu(Alu::cmp, 8, Mem{t2, offsetof(State, fault_kind)}, 0);
  a_.jump(Cond::ne, failed_before);
  a_.zero(t0);
  a_.mov_imm(t1, static_cast<std::uint64_t>(FaultKind::helper));
  fault_ = a_.label();
  a_.bind(fault_);
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  a_.store(8, {t2, offsetof(State, fault_kind)}, t1);
  a_.store(64, {t2, offsetof(State, fault_value)}, t0);
  const LabelId store_inst = a_.label();
  a_.bind(store_inst);
  a_.store(32, {t2, offsetof(State, fault_inst)}, Reg::ax);
  a_.bind(leave_);
  native_.leave = a_.offset();
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  a_.load(64, Reg::sp, {t2, offsetof(State, exit_sp)});
  a_.jump(exit_);
  a_.bind(failed_before);
  a_.alu(Alu::cmp, 32, Mem{t2, offsetof(State, fault_inst)}, -1);
  a_.jump(Cond::e, store_inst);
  a_.jump(leave_);
  emit_keeping_entry();
}

// functions[0] with the registers kept that it, or whoever it goes on in, may change.
void Compiler::emit_keeping_entry() {
  const FunctionPlan& f = plan_.functions[0];
  if (keeps_registers(f)) return;
  std::vector<Reg> kept;
  for (unsigned reg = first_kept; reg <= last_kept; reg++)
    if (f.may_tail_call || f.writes >> reg & 1) kept.push_back(registers[reg]);
  if (kept.empty()) return;
  native_.keeping_entry = a_.offset();
  for (Reg reg : kept) a_.push(reg);
  const std::int32_t gap = kept.size() % 2 ? 0 : 8;
  if (gap) a_.alu(Alu::sub, 64, Reg::sp, gap);
  a_.call(tail_entry_);
  if (gap) a_.alu(Alu::add, 64, Reg::sp, gap);
  for (std::size_t i = kept.size(); i-- > 0;) a_.pop(kept[i]);
  a_.ret();
}

void Compiler::emit_function(std::uint32_t index) {
  function_ = &plan_.functions[index];
  cold_.clear();
  table_ = no_label;
  a_.align(16);
  if (index == 0) emit_tail_entry();
  mark(function_->first);
  a_.bind(entries_[index]);
  plan_frame();
  emit_prologue();
  upper_zero_ = 0;
  flags_reg_ = Reg::none;
  for (std::uint32_t i = function_->first; i < function_->end;) {
    const InstPlan& facts = plan_.insts[i];
    if (facts.flags & leader) {
      if ((facts.flags & loop_head) && options_.combine) a_.align(16);
      a_.bind(label_at(i));
      upper_zero_ = 0;
      flags_reg_ = Reg::none;
    }
    at_ = i;
    mark(i);
    std::uint32_t used = options_.combine ? combine() : 0;
    if (used == 0) {
      emit_one(i);
      used = 1;
    }
    for (std::uint32_t k = 1; k < used; k++) native_.offset_of[i + k] = native_.offset_of[i];
    i += used;
  }
  // A cold piece may bring another one.
  for (std::size_t i = 0; i < cold_.size(); i++) {
    const Cold cold = cold_[i];
    at_ = cold.inst;
    native_.places.push_back({a_.offset(), cold.inst});
    a_.bind(cold.at);
    emit_cold(cold);
  }
  if (table_ != no_label) emit_table();
}

void Compiler::mark(std::uint32_t inst) {
  native_.offset_of[inst] = a_.offset();
  native_.places.push_back({a_.offset(), inst});
}

LabelId Compiler::label_at(std::uint32_t inst) {
  LabelId& label = labels_[inst];
  if (label == no_label) label = a_.label();
  return label;
}

LabelId Compiler::add_cold(Cold cold) {
  cold.at = a_.label();
  cold.inst = at_;
  cold_.push_back(cold);
  return cold.at;
}

void Compiler::emit_one(std::uint32_t at) {
  const Inst& inst = inst_at(at);
  const Op& row = isa::row(inst.op);
  if (row.action != Class::alu && row.action != Class::jump_if) flags_reg_ = Reg::none;
  switch (row.action) {
    case Class::alu: emit_alu(inst, row); break;
    case Class::endian: emit_endian(inst, row); break;
    case Class::load:
    case Class::load_acquire: emit_load(inst, row); break;
    case Class::store:
    case Class::store_imm:
    case Class::store_release: emit_store(inst, row); break;
    case Class::atomic: emit_atomic(inst, row); break;
    case Class::packet_absolute:
    case Class::packet_indirect: emit_packet(inst, row); break;
    case Class::load_imm64:
      load_constant(registers[inst.dst], inst.imm);
      set_upper_zero(inst.dst, inst.imm <= 0xffff'ffff);
      break;
    case Class::jump:
      if (plan_.insts[at].flags & back_edge) poll();
      jump_to(inst);
      break;
    case Class::jump_if: emit_jump_if(inst, row); break;
    case Class::jump_indirect: emit_gotox(inst); break;
    case Class::may_goto: {
      if (plan_.insts[at].flags & back_edge) poll();
      Cold over{Cold::no_more_loops};
      over.back = target(inst);
      a_.alu(Alu::sub, 32, Mem{Reg::sp, slots_.may_goto}, 1);
      a_.jump(Cond::b, add_cold(over));
      break;
    }
    case Class::addr_space_cast: emit_cast(inst); break;
    case Class::call: emit_call(inst, row); break;
    case Class::exit: emit_exit(); break;
  }
}

void Compiler::plan_frame() {
  const FunctionPlan& f = *function_;
  kept_ = keeps_registers(f) ? f.writes & ((2U << last_kept) - (1U << first_kept)) : 0U;
  // `calls`: native code is called that wants the stack aligned.
  bool calls = false, loop = false, callx = false, tail = false;
  for (std::uint32_t i = f.first; f.calls && i < f.end; i++) {
    if (plan_.insts[i].flags & has_call) {
      const CallPlan& call = *plan_.find_call(i);
      calls |= call.leaves() || call.kind == CallKind::loop || call.instead == CallPlan::Instead::each;
      tail |= call.leaves() && call.may_tail_call;
      loop |= call.kind == CallKind::loop || call.instead == CallPlan::Instead::each;
    } else {
      const Op& row = row_at(i);
      callx |= row.operation == Operation::call_register;
      calls |= row.action == Class::call || row.action == Class::packet_absolute ||
               row.action == Class::packet_indirect;
    }
  }
  std::int32_t slots = 0;
  auto slot = [&](bool wanted, std::int32_t bytes) {
    std::int32_t at = slots;
    if (wanted) slots += bytes;
    return at;
  };
  slots_.may_goto = slot(f.may_goto, 8);
  slots_.first_argument = slot(tail || callx, 8);
  slots_.loop = slot(loop, 32);
  slots_.callx = slot(callx, 56);
  frame_pointer_ = slots + static_cast<std::int32_t>(f.stack);
  frame_bytes_ = frame_pointer_;
  // With the return address: 16-byte alignment for what is called.
  if (calls && (8 + 8 * std::popcount(kept_) + frame_bytes_) % 16) {
    frame_bytes_ += 8;
    frame_pointer_ += 8;
  }
}

void Compiler::emit_prologue() {
  for (unsigned reg = first_kept; reg <= last_kept; reg++)
    if (kept_ >> reg & 1) a_.push(registers[reg]);
  if (frame_bytes_) a_.alu(Alu::sub, 64, Reg::sp, frame_bytes_);
  if (function_->may_goto)
    a_.store_imm(32, {Reg::sp, slots_.may_goto}, static_cast<std::int32_t>(image::max_loops));
}

void Compiler::emit_epilogue() {
  if (frame_bytes_) a_.alu(Alu::add, 64, Reg::sp, frame_bytes_);
  for (unsigned reg = last_kept; reg >= first_kept; reg--)
    if (kept_ >> reg & 1) a_.pop(registers[reg]);
}

void Compiler::emit_exit() {
  emit_epilogue();
  a_.ret();
}

void Compiler::poll() {
  if (!options_.cancellable) return;
  Cold cold{Cold::fault};
  cold.fault_kind = FaultKind::cancelled;
  a_.alu(Alu::cmp, 8, Mem{cancel_flag, 0}, 0);
  a_.jump(Cond::ne, add_cold(cold));
}

void Compiler::jump_to(const Inst& inst) {
  const auto to = static_cast<std::uint32_t>(at_ + 1 + inst.off);
  if (to == at_ + 1) return;
  if (row_at(to).action == Class::exit)
    emit_exit();
  else
    a_.jump(label_at(to));
}

static Cond condition(Operation operation) {
  switch (operation) {
    case Operation::eq: return Cond::e;
    case Operation::ne:
    case Operation::set: return Cond::ne;
    case Operation::gt: return Cond::a;
    case Operation::ge: return Cond::ae;
    case Operation::lt: return Cond::b;
    case Operation::le: return Cond::be;
    case Operation::sgt: return Cond::g;
    case Operation::sge: return Cond::ge;
    case Operation::slt: return Cond::l;
    case Operation::sle: return Cond::le;
    default: break;
  }
  check(false, "a comparison");
  return Cond::e;
}

// The condition on the zero and sign flags alone that a comparison with 0 amounts to; none for the others.
static bool by_flags(Operation operation, Cond* cond) {
  switch (operation) {
    case Operation::eq:
    case Operation::le: *cond = Cond::e; return true;
    case Operation::ne:
    case Operation::gt: *cond = Cond::ne; return true;
    case Operation::slt: *cond = Cond::s; return true;
    case Operation::sge: *cond = Cond::ns; return true;
    default: return false;
  }
}

void Compiler::emit_jump_if(const Inst& inst, const Op& row) {
  if (plan_.insts[at_].flags & back_edge && options_.cancellable) {
    poll();
    flags_reg_ = Reg::none;
  }
  emit_branch(inst, row, false, target(inst));
}

Cond opposite(Cond cond) {
  // Conditions come in pairs.
  constexpr Cond opposites[] = {Cond::ne, Cond::e, Cond::be, Cond::b, Cond::ae, Cond::a,
                                Cond::le, Cond::l, Cond::ge, Cond::g, Cond::ns, Cond::s};
  return opposites[static_cast<unsigned>(cond)];
}

// Makes the flags say whether the comparison holds: by *cond.
void Compiler::compare(const Inst& inst, const Op& row, Cond* cond) {
  *cond = condition(row.operation);
  const Reg left = value_of(inst.dst, t0);
  const auto imm = static_cast<std::int32_t>(inst.imm);
  if (row.source == isa::Source::reg) {
    const Reg right = value_of(inst.src, t1);
    a_.alu(row.operation == Operation::set ? Alu::test : Alu::cmp, row.width, left, right);
    flags_reg_ = Reg::none;
  } else if (row.operation == Operation::set) {
    if (blinds(imm))
      a_.alu(Alu::test, row.width, left, blinded(imm, t1));
    else
      a_.alu(Alu::test, imm >= 0 ? (imm <= 127 ? 8 : 32) : row.width, left, imm);
    flags_reg_ = Reg::none;
  } else if (imm == 0) {
    if (flags_reg_ != left || flags_bits_ != row.width || !by_flags(row.operation, cond)) {
      a_.alu(Alu::test, row.width, left, left);
      flags_of(left, row.width);
    }
  } else {
    if (blinds(imm))
      a_.alu(Alu::cmp, row.width, left, blinded(imm, t1));
    else
      a_.alu(Alu::cmp, row.width, left, imm);
    flags_reg_ = Reg::none;
  }
}

// Goes to `to` if the comparison holds, or, inverted, if it does not.
void Compiler::emit_branch(const Inst& inst, const Op& row, bool invert, LabelId to) {
  Cond cond = Cond::e;
  compare(inst, row, &cond);
  a_.jump(invert ? opposite(cond) : cond, to);
}

// The address of an Inst of this function becomes the place of its code.
void Compiler::emit_gotox(const Inst& inst) {
  poll();
  Cold bad{Cold::fault_t0};
  bad.fault_kind = FaultKind::call;
  const LabelId wrong = add_cold(bad);
  if (table_ == no_label) table_ = a_.label();
  a_.mov(64, t0, value_of(inst.dst, t0));
  a_.mov_imm(t1, address(image_.insts.data() + function_->first));
  a_.mov(64, t2, t0);
  a_.alu(Alu::sub, 64, t2, t1);
  // Rotated, a misaligned address becomes a large number.
  a_.shift(Shift::ror, 64, t2, std::countr_zero(sizeof(Inst)));
  a_.alu(Alu::cmp, 64, t2, static_cast<std::int32_t>(function_->end - function_->first));
  a_.jump(Cond::ae, wrong);
  a_.lea_label(t1, table_);
  a_.load_signed(64, 32, t2, {t1, 0, t2, 2});
  a_.alu(Alu::test, 32, t2, t2);
  a_.jump(Cond::e, wrong);
  a_.alu(Alu::add, 64, t1, t2);
  a_.jump(t1);
}

void Compiler::emit_table() {
  a_.align(4);
  mark_none();
  a_.bind(table_);
  for (std::uint32_t i = function_->first; i < function_->end; i++) {
    bool allowed = image_.indirect_targets.empty();
    if (!allowed)
      for (std::uint32_t to : image_.indirect_targets) allowed |= to == i;
    if (allowed)
      a_.table_entry(label_at(i), table_);
    else
      a_.data32(0);
  }
}

void Compiler::emit_cold(const Cold& cold) {
  switch (cold.kind) {
    case Cold::helper_fault:
      a_.mov_imm(Reg::ax, cold.inst);
      a_.jump(helper_fault_);
      break;
    case Cold::fault: a_.mov_imm(t0, cold.value); [[fallthrough]];
    case Cold::fault_t0:
      a_.mov_imm(t1, static_cast<std::uint64_t>(cold.fault_kind));
      a_.mov_imm(Reg::ax, cold.inst);
      a_.jump(fault_);
      break;
    case Cold::constant:
      a_.mov_imm(cold.reg, cold.value);
      a_.jump(cold.back);
      break;
    case Cold::truncate:
      a_.mov(32, cold.reg, cold.reg);
      a_.jump(cold.back);
      break;
    case Cold::negate:
      a_.neg(cold.bits, cold.reg);
      a_.jump(cold.back);
      break;
    case Cold::no_more_loops:
      a_.store_imm(32, {Reg::sp, slots_.may_goto}, 0);
      a_.jump(cold.back);
      break;
    case Cold::exit_zero:
      a_.zero(Reg::ax);
      emit_exit();
      break;
    case Cold::packet: {
      Cold none{Cold::exit_zero};
      a_.mov(64, Reg::di, context);
      a_.mov(32, Reg::si, t0);
      a_.mov_imm(Reg::dx, cold.bits / 8);
      a_.mov_imm(Reg::ax, reinterpret_cast<std::uint64_t>(&find_packet_bytes));
      a_.call(Reg::ax);
      a_.alu(Alu::test, 64, Reg::ax, Reg::ax);
      a_.jump(Cond::e, add_cold(none));
      a_.mov(64, t0, Reg::ax);
      a_.jump(cold.back);
      break;
    }
    case Cold::tail_call:
      a_.load(64, t0, {context, offsetof(RunContext, tail_target)});
      a_.store_imm(64, {context, offsetof(RunContext, tail_target)}, 0);
      a_.load(64, Reg::di, {Reg::sp, slots_.first_argument});
      emit_tail_jump();
      break;
  }
}

// Into the program that t0 points at, with rdi as r1: what emit_tail_entry() expects.
void Compiler::emit_tail_jump() {
  Cold missing{Cold::fault};
  missing.fault_kind = FaultKind::call;
  missing.value = fault_not_compiled;
  a_.load(64, t1, {t0, offsetof(image::Image, native)});
  a_.alu(Alu::test, 64, t1, t1);
  a_.jump(Cond::e, add_cold(missing));
  a_.mov_imm(Reg::ax, at_);
  emit_epilogue();
  const std::size_t entry =
      keeps_registers(*function_) ? offsetof(Handle, entry_keeping) : offsetof(Handle, entry);
  a_.jump(Mem{t1, static_cast<std::int32_t>(entry)});
}

// Where tail calls come in; functions[0] follows. rdx is this code's Handle, eax the caller's Inst, which is
// still what State::code runs.
void Compiler::emit_tail_entry() {
  mark_none();
  native_.tail_entry = a_.offset();
  a_.bind(tail_entry_);
  a_.load(64, t2, {context, offsetof(RunContext, engine)});
  // One frame more takes the place of the caller's.
  if (plan_.max_depth > 1) {
    const LabelId fits = a_.label();
    a_.alu(Alu::cmp, 32, Mem{t2, offsetof(State, depth)},
           static_cast<std::int32_t>(image::max_frames - plan_.max_depth));
    a_.jump(Cond::be, fits);
    a_.mov_imm(t0, fault_depth);
    a_.mov_imm(t1, static_cast<std::uint64_t>(FaultKind::call));
    a_.jump(fault_);
    a_.bind(fits);
  }
  a_.store(64, {t2, offsetof(State, code)}, t1);
  if (reads_image()) {
    a_.mov_imm(t0, reinterpret_cast<std::uint64_t>(&image_));
    a_.store(64, {context, offsetof(RunContext, image)}, t0);
  }
  if (options_.cancellable) a_.load(64, cancel_flag, {t2, offsetof(State, cancel)});
}

// Whether somebody may ask RunContext which image runs: what is called outside of it.
bool Compiler::reads_image() const {
  for (const CallPlan& call : plan_.calls)
    if (call.leaves()) return true;
  for (const Inst& inst : image_.insts)
    if (isa::row(inst.op).operation == Operation::call_register) return true;
  return false;
}

std::uint64_t Compiler::random() {
  // splitmix64
  random_ += 0x9e3779b97f4a7c15;
  std::uint64_t x = random_;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

Reg Compiler::blinded(std::int64_t imm, Reg scratch) {
  const auto key = static_cast<std::uint32_t>(random());
  a_.mov_imm(scratch, static_cast<std::uint32_t>(imm) ^ key);
  a_.alu(Alu::xor_, 32, scratch, static_cast<std::int32_t>(key));
  a_.movsx(64, scratch, scratch, 32);
  return scratch;
}

}  // namespace skep::jit::x86

namespace skep::jit {

Result<Native> compile_x86_64(const image::Image& image, const Plan& plan, const Options& options,
                              const Features& features) {
  Options adjusted = options;
  // Combining builds new constants out of the program's.
  if (options.blind_constants) adjusted.combine = false;
  x86::Compiler compiler(image, plan, adjusted, features);
  return compiler.run();
}

}  // namespace skep::jit
