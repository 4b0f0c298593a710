// The AArch64 back end: entering and leaving code, functions and their frames, and what ends a run. The
// instructions themselves are in arm64_alu.cpp, arm64_memory.cpp and arm64_calls.cpp.
#include <cstddef>

#include "skep/base/check.h"
#include "skep/image/limits.h"
#include "skep/jit/arm64_lower.h"

namespace skep::jit {
namespace arm64 {

using image::Image;
using image::RunContext;
using isa::Class;

namespace {

constexpr Reg saved_by_caller[] = {Reg::x19, Reg::x20, Reg::x21, Reg::x22, Reg::x23,
                                   Reg::x24, Reg::x25, Reg::x26, Reg::x27, Reg::x28};

constexpr unsigned round16(unsigned bytes) { return (bytes + 15) & ~15U; }

}  // namespace

Lowering::Lowering(const Image& image, const Plan& plan, const Options& options, const Features& features,
                   bool far)
    : image_(image),
      plan_(plan),
      options_(options),
      lse_(features.lse),
      e_(far),
      random_(options.blind_seed) {}

Result<Native> Lowering::run() {
  const std::size_t count = image_.insts.size();
  first_label_ = e_.labels(count).id;
  for (std::size_t f = 0; f < plan_.functions.size(); f++) function_labels_.push_back(e_.label());
  native_.places.reserve(count + plan_.functions.size());
  enter_and_leave();
  for (std::uint32_t f = 0; f < plan_.functions.size(); f++) function(f);
  native_.bytes = TRY(e_.finish());
  native_.offset_of.resize(count);
  for (std::uint32_t i = 0; i < count; i++) native_.offset_of[i] = e_.offset_of(Label{first_label_ + i});
  return std::move(native_);
}

// The bytes from here on belong to `inst`.
void Lowering::place(std::uint32_t inst) {
  const std::uint32_t offset = e_.offset();
  if (!native_.places.empty() && native_.places.back().offset == offset)
    native_.places.back().inst = inst;
  else
    native_.places.push_back({offset, inst});
}

// uint64_t enter(RunContext*, const uint64_t arguments[5], const void* entry, State*); see native.h.
void Lowering::enter_and_leave() {
  constexpr int bytes = 96;
  place(Image::no_inst);
  native_.enter = e_.offset();
  e_.store_pair_pre(Reg::x29, Reg::x30, Reg::sp, -bytes);
  for (int i = 0; i < 5; i++)
    e_.store_pair(saved_by_caller[2 * i], saved_by_caller[2 * i + 1], Reg::sp, 16 + 16 * i);
  e_.alu_imm(Alu::add, Size::x, Reg::x29, Reg::sp, 0);
  e_.store(Mem::x, Reg::x29, Reg::x3, offsetof(State, exit_sp));
  e_.mov(Size::x, ctx, Reg::x0);
  e_.mov(Size::x, state, Reg::x3);
  e_.mov(Size::x, Reg::x16, Reg::x2);
  e_.mov(Size::x, Reg::x9, Reg::x1);
  e_.load_pair(Reg::x0, Reg::x1, Reg::x9, 0);
  e_.load_pair(Reg::x2, Reg::x3, Reg::x9, 16);
  e_.load(Mem::x, Reg::x4, Reg::x9, 32);
  e_.blr(Reg::x16);
  e_.mov(Size::x, Reg::x0, r0);
  Label restore = e_.label();
  e_.bind(restore);
  for (int i = 0; i < 5; i++)
    e_.load_pair(saved_by_caller[2 * i], saved_by_caller[2 * i + 1], Reg::sp, 16 + 16 * i);
  e_.load_pair_post(Reg::x29, Reg::x30, Reg::sp, bytes);
  e_.ret();

  leave_ = e_.label();
  e_.bind(leave_);
  native_.leave = e_.offset();
  e_.load(Mem::x, state, ctx, offsetof(RunContext, engine));
  e_.load(Mem::x, Reg::x9, state, offsetof(State, exit_sp));
  e_.alu_imm(Alu::add, Size::x, Reg::sp, Reg::x9, 0);
  e_.mov(Size::x, Reg::x0, Reg::zr);
  e_.b(restore);

  // What all faults of one kind share: w16 is the Inst, x17 the value.
  for (std::size_t kind = 1; kind < fault_tails_.size(); kind++) {
    fault_tails_[kind] = e_.label();
    e_.bind(fault_tails_[kind]);
    e_.mov_imm(Reg::x9, kind);
    e_.store(Mem::b, Reg::x9, state, offsetof(State, fault_kind));
    e_.store(Mem::x, Reg::x17, state, offsetof(State, fault_value));
    e_.store(Mem::w, Reg::x16, state, offsetof(State, fault_inst));
    e_.b(leave_);
  }
}

// --- functions ---

Lowering::Frame Lowering::plan_frame(const FunctionPlan& function, std::uint32_t first_call) const {
  Frame frame;
  auto save = [&](Reg reg) { frame.saved[frame.saved_count++] = reg; };
  for (unsigned number = 6; number < 10; number++)
    if (function.writes >> number & 1) save(reg(number));
  if (function.may_goto) save(patience);
  bool loops = false, tail_calls = false;
  for (std::size_t i = first_call; i < plan_.calls.size() && plan_.calls[i].inst < function.end; i++) {
    loops |= plan_.calls[i].kind == CallKind::loop;
    tail_calls |= plan_.calls[i].may_tail_call;
  }
  // callx may reach any helper and any function.
  bool unknown = false;
  if (function.may_tail_call)
    for (std::uint32_t i = function.first; i < function.end && !unknown; i++)
      unknown = isa::row(image_.insts[i].op).operation == isa::Operation::call_register;
  if (loops)
    for (Reg reg : {loop_index, loop_count, loop_context}) save(reg);
  const bool codes = function.may_tail_call && function.calls_local;
  tail_calls |= unknown;
  frame.any = function.calls || function.stack != 0 || function.reads >> 10 || frame.saved_count != 0;
  if (!frame.any) return frame;
  unsigned bytes = 16 + 8 * ((frame.saved_count + 1) & ~1U);
  if (codes) {
    frame.codes = static_cast<int>(bytes);
    bytes += 16;
  }
  if (tail_calls) {
    frame.tail_argument = static_cast<int>(bytes);
    bytes += 8;
  }
  frame.record_bytes = round16(bytes);
  frame.stack_bytes = round16(function.stack);
  return frame;
}

void Lowering::prologue() {
  if (!frame_.any) {
    if (current().may_goto) e_.mov_imm(patience, image::max_loops);
    return;
  }
  e_.store_pair_pre(Reg::x29, Reg::x30, Reg::sp, -static_cast<int>(frame_.record_bytes));
  for (unsigned i = 0; i < frame_.saved_count; i += 2) {
    const int offset = static_cast<int>(16 + 8 * i);
    if (i + 1 < frame_.saved_count)
      e_.store_pair(frame_.saved[i], frame_.saved[i + 1], Reg::sp, offset);
    else
      e_.store(Mem::x, frame_.saved[i], Reg::sp, offset);
  }
  e_.alu_imm(Alu::add, Size::x, Reg::x29, Reg::sp, 0);
  if (frame_.stack_bytes) e_.alu_imm(Alu::sub, Size::x, Reg::sp, Reg::sp, frame_.stack_bytes);
  if (frame_.codes) keep_codes();
  if (current().may_goto) e_.mov_imm(patience, image::max_loops);
}

void Lowering::epilogue() {
  if (!frame_.any) return;
  if (frame_.stack_bytes) e_.alu_imm(Alu::add, Size::x, Reg::sp, Reg::sp, frame_.stack_bytes);
  for (unsigned i = 0; i < frame_.saved_count; i += 2) {
    const int offset = static_cast<int>(16 + 8 * i);
    if (i + 1 < frame_.saved_count)
      e_.load_pair(frame_.saved[i], frame_.saved[i + 1], Reg::sp, offset);
    else
      e_.load(Mem::x, frame_.saved[i], Reg::sp, offset);
  }
  e_.load_pair_post(Reg::x29, Reg::x30, Reg::sp, static_cast<int>(frame_.record_bytes));
}

void Lowering::exit() {
  if (exit_ && frame_.saved_count) return e_.b(*exit_);
  if (!exit_) {
    exit_ = e_.label();
    e_.bind(*exit_);
  }
  epilogue();
  e_.ret();
}

void Lowering::function(std::uint32_t index) {
  function_ = index;
  const FunctionPlan& function = current();
  frame_ = plan_frame(function, static_cast<std::uint32_t>(next_call_));
  exit_.reset();
  table_.reset();
  place(Image::no_inst);
  native_.entries.push_back(e_.offset());
  e_.bind(function_labels_[index]);
  prologue();
  for (std::uint32_t i = function.first; i < function.end; i++) {
    e_.bind(Label{first_label_ + i});
    place(i);
    inst_ = i;
    instruction(i);
  }
  cold_code();
  if (table_) jump_table();
}

void Lowering::instruction(std::uint32_t at) {
  const image::Inst& inst = image_.insts[at];
  const isa::Op& row = isa::row(inst.op);
  const auto target = [&] {
    return Label{first_label_ + static_cast<std::uint32_t>(std::int64_t{at} + 1 + inst.off)};
  };
  if (options_.cancellable && plan_.insts[at].flags & back_edge) poll();
  switch (row.action) {
    case Class::alu: return alu(inst, row);
    case Class::endian: return endian(inst, row);
    case Class::load: return load(inst, row);
    case Class::store:
    case Class::store_imm: return store(inst, row);
    case Class::load_acquire:
    case Class::store_release: return ordered(inst, row);
    case Class::atomic: return atomic(inst, row);
    case Class::packet_absolute:
    case Class::packet_indirect: return packet(inst, row);
    case Class::load_imm64: return constant(reg(inst.dst), inst.imm);
    case Class::jump:
      if (inst.off != 0) e_.b(target());
      return;
    case Class::jump_if: return jump_if(inst, row, target());
    case Class::jump_indirect: return gotox(inst);
    case Class::may_goto:
      e_.cbz(Size::w, patience, target());
      e_.alu_imm(Alu::sub, Size::w, patience, patience, 1);
      return;
    case Class::addr_space_cast: return addr_space_cast(inst);
    case Class::call: return call(inst, row);
    case Class::exit: return exit();
  }
}

// Ends the run if that is wanted.
void Lowering::poll() {
  e_.load(Mem::x, Reg::x9, state, offsetof(State, cancel));
  e_.load(Mem::b, Reg::x9, Reg::x9, 0);
  e_.cbnz(Size::w, Reg::x9, fault(FaultKind::cancelled));
}

// --- what ends a run ---

Label Lowering::add_cold(Cold cold) {
  cold.at = e_.label();
  cold.inst = inst_;
  cold_.push_back(cold);
  return cold.at;
}

Label Lowering::fault(FaultKind kind, std::uint64_t value) {
  return add_cold({.what = Cold::What::fault, .at = {}, .inst = 0, .kind = kind, .value = value});
}
Label Lowering::fault(FaultKind kind, Reg value) {
  return add_cold({.what = Cold::What::fault, .at = {}, .inst = 0, .kind = kind, .value_reg = value});
}

void Lowering::cold_code() {
  // A piece of it may need further pieces.
  for (std::size_t i = 0; i < cold_.size(); i++) {
    const Cold piece = cold_[i];
    inst_ = piece.inst;
    e_.bind(piece.at);
    place(piece.inst);
    cold(piece);
  }
  cold_.clear();
}

void Lowering::cold(const Cold& piece) {
  switch (piece.what) {
    case Cold::What::fault:
      if (piece.value_reg)
        e_.mov(Size::x, Reg::x17, *piece.value_reg);
      else
        e_.mov_imm(Reg::x17, piece.value);
      e_.mov_imm(Reg::x16, piece.inst);
      return e_.b(fault_tails_[static_cast<std::size_t>(piece.kind)]);
    case Cold::What::helper_fault: {
      // A callback may have failed before; then only the place may be missing, which is this call.
      Label known = e_.label();
      e_.load(Mem::b, Reg::x9, state, offsetof(State, fault_kind));
      e_.mov_imm(Reg::x16, piece.inst);
      e_.cbnz(Size::w, Reg::x9, known);
      e_.mov(Size::x, Reg::x17, Reg::zr);
      e_.b(fault_tails_[static_cast<std::size_t>(FaultKind::helper)]);
      e_.bind(known);
      e_.load(Mem::w, Reg::x9, state, offsetof(State, fault_inst));
      e_.alu_imm(Alu::adds, Size::w, Reg::zr, Reg::x9, 1);  // no_inst is ~0
      e_.csel(Size::w, Reg::x16, Reg::x16, Reg::x9, Cond::eq);
      e_.store(Mem::w, Reg::x16, state, offsetof(State, fault_inst));
      return e_.b(leave_);
    }
    case Cold::What::tail_call: return tail_call(piece);
    case Cold::What::exit_with_0: e_.mov(Size::x, r0, Reg::zr); return exit();
  }
}

// x9 is RunContext::tail_target.
void Lowering::tail_call(const Cold&) {
  e_.store(Mem::x, Reg::zr, ctx, offsetof(RunContext, tail_target));
  e_.load(Mem::x, Reg::x10, Reg::x9, offsetof(Image, native));
  e_.cbz(Size::x, Reg::x10, fault(FaultKind::call, fault_not_compiled));
  e_.load(Mem::w, Reg::x11, state, offsetof(State, depth));
  e_.load(Mem::w, Reg::x12, Reg::x10, offsetof(Handle, max_depth));
  e_.alu(Alu::add, Size::w, Reg::x11, Reg::x11, Reg::x12);
  e_.alu_imm(Alu::subs, Size::w, Reg::zr, Reg::x11, image::max_frames);
  e_.b(Cond::hi, fault(FaultKind::call, fault_depth));
  e_.store(Mem::x, Reg::x9, ctx, offsetof(RunContext, image));
  e_.store(Mem::x, Reg::x10, state, offsetof(State, code));
  e_.load(Mem::x, Reg::x0, Reg::x29, frame_.tail_argument);
  e_.load(Mem::x, Reg::x16, Reg::x10, offsetof(Handle, entry_keeping));
  epilogue();
  e_.br(Reg::x16);
}

}  // namespace arm64

Result<Native> compile_arm64(const image::Image& image, const Plan& plan, const Options& options,
                             const Features& features) {
  // Short conditional branches reach 1 MiB. Most programs are far smaller; those that may not be are tried.
  constexpr std::size_t surely_far = 200'000;
  if (image.insts.size() < surely_far) {
    arm64::Lowering lowering(image, plan, options, features, false);
    Result<Native> native = lowering.run();
    if (native || native.error().code != ERANGE) return native;
  }
  arm64::Lowering lowering(image, plan, options, features, true);
  return lowering.run();
}

}  // namespace skep::jit
