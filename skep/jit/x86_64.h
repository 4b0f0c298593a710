// The x86-64 back end's state while it translates an image. Private to the module.
//
// Registers: r0 rax, r1 rdi, r2 rsi, r3 r10, r4 r11, r5 r8, r6 rbx, r7 rbp, r8 r13, r9 r14. r12 holds the
// RunContext, r15 the cancellation flag in cancellable code. rcx, rdx and r9 are free within one instruction:
// r3 and r4 stand elsewhere than the C ABI wants its arguments, so that shifts, multiplications and divisions
// find the registers they are tied to unused; a helper call moves two registers instead. r10 is no register:
// within a function it is rsp plus a constant.
//
// functions[0], which `enter` and tail calls from such functions enter, saves no registers unless the image
// calls it (its caller is done with them); Handle::entry_keeping is for tail calls from other functions.
//
// A frame, from rsp: the function's own slots (Slots), the eBPF stack, saved registers, the return address.
#pragma once

#include <cstdint>
#include <vector>

#include "skep/jit/native.h"
#include "skep/jit/plan.h"
#include "skep/jit/x86_asm.h"

namespace skep::jit::x86 {

inline constexpr Reg registers[11] = {Reg::ax, Reg::di, Reg::si,  Reg::r10, Reg::r11, Reg::r8,
                                      Reg::bx, Reg::bp, Reg::r13, Reg::r14, Reg::none};
inline constexpr Reg context = Reg::r12, cancel_flag = Reg::r15;
// Free within an instruction.
inline constexpr Reg t0 = Reg::cx, t1 = Reg::dx, t2 = Reg::r9;

// What stands behind the function's code: rare ends of instructions.
struct Cold {
  enum Kind : std::uint8_t {
    helper_fault,   // RunContext::fault is set
    tail_call,      // RunContext::tail_target is set
    fault,          // `value` is the fault's value
    fault_t0,       // t0 is the fault's value
    constant,       // reg = value, back
    truncate,       // reg = its low half, back
    negate,         // reg = -reg in `bits`, back
    no_more_loops,  // may_goto's counter stays 0, back
    packet,         // the packet's bytes by find_packet_bytes; t0 is the offset in its low half
    exit_zero,      // r0 = 0, exit
  };
  Kind kind;
  std::uint8_t bits = 64;
  Reg reg = Reg::none;
  FaultKind fault_kind = FaultKind::none;
  LabelId at = 0, back = 0;
  std::uint32_t inst = 0;
  std::uint64_t value = 0;
};

// The condition that holds when this one does not.
Cond opposite(Cond cond);

class Compiler {
 public:
  Compiler(const image::Image& image, const Plan& plan, const Options& options, const Features& features);
  Result<Native> run();

 private:
  using Op = isa::Op;
  using Inst = image::Inst;

  // --- x86_64.cpp: functions, jumps, what ends a run
  void emit_enter();
  void emit_commons();
  void emit_keeping_entry();
  void emit_function(std::uint32_t index);
  void emit_one(std::uint32_t at);
  bool keeps_registers(const FunctionPlan& function) const {
    return &function != plan_.functions.data() || function.called;
  }
  void plan_frame();
  void emit_prologue();
  void emit_epilogue();  // gives the frame back; the return or jump is the caller's
  void emit_exit();
  void emit_cold(const Cold& cold);
  void emit_jump_if(const Inst& inst, const Op& row);
  void emit_branch(const Inst& inst, const Op& row, bool invert, LabelId to);
  void jump_to(const Inst& inst);
  void poll();
  void emit_tail_jump();
  void emit_tail_entry();
  bool reads_image() const;
  void emit_gotox(const Inst& inst);
  void emit_table();
  LabelId target_of(std::uint32_t at) {
    return label_at(static_cast<std::uint32_t>(std::int64_t{at} + 1 + inst_at(at).off));
  }
  LabelId target(const Inst& inst) { return label_at(static_cast<std::uint32_t>(at_ + 1 + inst.off)); }
  LabelId label_at(std::uint32_t inst);
  LabelId add_cold(Cold cold);  // `at` and `inst` are filled in; returns where to jump
  void mark(std::uint32_t inst);
  void mark_none() { native_.places.push_back({a_.offset(), image::Image::no_inst}); }

  // --- x86_alu.cpp
  void emit_alu(const Inst& inst, const Op& row);
  void emit_mov(const Inst& inst, const Op& row);
  void emit_endian(const Inst& inst, const Op& row);
  void emit_shift(const Inst& inst, const Op& row, Reg to, unsigned bits);
  void emit_multiply(Reg to, unsigned bits, std::int32_t by);
  void emit_division(const Inst& inst, const Op& row);
  void divide(Reg to, Reg by, unsigned bits, bool is_signed, bool remainder, bool by_is_good);
  bool divide_by(Reg to, std::uint64_t by, unsigned bits, bool is_signed, bool remainder,
                 bool small);  // false: not done
  // q = n / by. q may be n; `small`: n's upper half is zero.
  void quotient_unsigned(Reg q, Reg n, std::uint64_t by, unsigned bits, bool small);
  void quotient_signed(Reg n, std::uint64_t by, unsigned bits);         // into t0
  void multiply_high(Reg to, Reg n, std::uint64_t by, bool is_signed);  // the product's upper half
  void load_constant(Reg to, std::uint64_t value);
  void emit_cast(const Inst& inst);

  // --- x86_memory.cpp
  void emit_load(const Inst& inst, const Op& row);
  void emit_store(const Inst& inst, const Op& row);
  void emit_atomic(const Inst& inst, const Op& row);
  void emit_fetch_loop(Alu op, unsigned bits, Mem mem, const Inst& inst, image::Access access);
  void emit_packet(const Inst& inst, const Op& row);
  void store_constant(unsigned bits, const Mem& mem, std::int32_t imm);
  void load(const Op& row, Reg to, const Mem& mem, image::Access access);
  Mem memory(unsigned base, std::int32_t off, image::Access access);
  void may_fault(image::Access access, std::uint32_t at, Reg target, std::uint32_t resume);

  // --- x86_calls.cpp
  void emit_call(const Inst& inst, const Op& row);
  void emit_helper(const CallPlan& call);
  // The key: in a register, a constant, or (neither) where r2 points. `missing`: where to go without a value;
  // none: r0 = 0 here.
  void emit_array(const CallPlan& call, Reg key, const std::uint32_t* constant, LabelId missing);
  void emit_map(const CallPlan& call);
  void emit_loop(const CallPlan& call);
  void emit_each(const CallPlan& call);
  void emit_tail_call(const CallPlan& call);
  void emit_callx(const Inst& inst);
  void call_local(LabelId entry, bool may_tail_call);
  void call_address(std::uint64_t address);
  void after_helper(bool may_fault, bool may_tail_call);
  void count_frame();
  void uncount_frame();
  void back_to_this_image();

  // --- x86_combine.cpp: several instructions as one; how many were used up, 0: none
  std::uint32_t combine();
  std::uint32_t combine_address();
  std::uint32_t combine_rotate();
  std::uint32_t combine_extension();
  std::uint32_t combine_swap();
  std::uint32_t combine_branch();
  std::uint32_t combine_select();
  std::uint32_t combine_scaled();
  void compare(const Inst& inst, const Op& row, Cond* cond);
  std::uint32_t combine_key();
  std::uint32_t combine_lookup(std::uint32_t at, Reg key, const std::uint32_t* constant);
  std::uint32_t jumps_over(bool* invert);
  void fold_into(std::uint32_t at, const Mem& mem);
  std::uint32_t combine_test();
  std::uint32_t combine_move();

  // A register that holds the eBPF register's value; r10's is computed into `scratch`.
  Reg value_of(unsigned reg, Reg scratch) {
    if (reg != 10) return registers[reg];
    a_.lea(64, scratch, {Reg::sp, frame_pointer_});
    return scratch;
  }
  // Whether an immediate must not be seen in the code.
  bool blinds(std::int64_t imm) const { return options_.blind_constants && (imm < -128 || imm > 255); }
  std::uint64_t random();
  // The immediate, through two numbers that are not it.
  Reg blinded(std::int64_t imm, Reg scratch);

  const Inst& inst_at(std::uint32_t at) const { return image_.insts[at]; }
  const Op& row_at(std::uint32_t at) const { return isa::row(image_.insts[at].op); }
  bool is_leader(std::uint32_t at) const { return at >= function_->end || plan_.insts[at].flags & leader; }
  bool live_after(std::uint32_t at, unsigned reg) const { return plan_.insts[at].live_out >> reg & 1; }
  bool upper_zero(unsigned reg) const { return upper_zero_ >> reg & 1; }
  void set_upper_zero(unsigned reg, bool zero) {
    const auto bit = static_cast<std::uint16_t>(1U << reg);
    upper_zero_ = static_cast<std::uint16_t>(zero ? upper_zero_ | bit : upper_zero_ & ~bit);
  }
  void flags_of(Reg reg, unsigned bits) {
    flags_reg_ = reg;
    flags_bits_ = bits;
  }

  const image::Image& image_;
  const Plan& plan_;
  const Options& options_;
  Features features_;
  Assembler a_;
  Native native_;
  std::vector<LabelId> labels_;   // by Inst; none yet: no_label
  std::vector<LabelId> entries_;  // by function
  std::vector<Cold> cold_;
  LabelId leave_ = 0, fault_ = 0, helper_fault_ = 0, exit_ = 0, tail_entry_ = 0;
  std::size_t next_call_ = 0, next_constant_ = 0;
  std::uint64_t random_ = 0;

  // The function that is being translated.
  const FunctionPlan* function_ = nullptr;
  std::uint32_t at_ = 0;            // the Inst
  unsigned kept_ = 0;               // the caller's registers that it saves
  std::int32_t frame_bytes_ = 0;    // below the saved registers
  std::int32_t frame_pointer_ = 0;  // r10 - rsp
  struct Slots {
    std::int32_t may_goto = 0, first_argument = 0, loop = 0, callx = 0;
  } slots_;
  LabelId table_ = 0;

  // What is known where the next instruction begins.
  std::uint16_t upper_zero_ = 0;  // registers whose upper half is 0
  Reg flags_reg_ = Reg::none;     // the zero and sign flags tell about this register ...
  unsigned flags_bits_ = 0;       // ... in this width

  static constexpr LabelId no_label = ~LabelId{0};
};

}  // namespace skep::jit::x86
