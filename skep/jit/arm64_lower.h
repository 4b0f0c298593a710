// The AArch64 back end's state while it turns one Image into code. Private to arm64*.cpp.
//
// Registers: r0 is x7, r1 to r5 are x0 to x4 (where a helper wants them), r6 to r9 are x19 to x22, r10 is
// x29, whose frame record lies above the program's stack. x23 holds the RunContext and x24 the State all the
// time. x26 counts may_goto, x25, x27 and x28 an inlined bpf_loop. x9 to x12, x16 and x17 are scratch; x18
// belongs to the platform.
//
// A frame, upwards from the stack pointer: the program's stack (as much as it uses), saved x29 and x30, saved
// registers, two words for RunContext::image and State::code, one for the first argument of a tail call. A
// function that needs none of this has no frame.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "skep/jit/arm64_emit.h"
#include "skep/jit/native.h"
#include "skep/jit/plan.h"

namespace skep::jit::arm64 {

inline constexpr Reg bpf_registers[11] = {Reg::x7,  Reg::x0,  Reg::x1,  Reg::x2,  Reg::x3, Reg::x4,
                                          Reg::x19, Reg::x20, Reg::x21, Reg::x22, Reg::x29};
inline constexpr Reg r0 = Reg::x7, ctx = Reg::x23, state = Reg::x24, loop_index = Reg::x25,
                     patience = Reg::x26, loop_count = Reg::x27, loop_context = Reg::x28;

class Lowering {
 public:
  Lowering(const image::Image& image, const Plan& plan, const Options& options, const Features& features,
           bool far);

  // The whole image. ERANGE: short branches do not reach, make it far.
  Result<Native> run();

 private:
  // What stands behind the function's code, because it is seldom needed.
  struct Cold {
    enum class What : std::uint8_t { fault, helper_fault, tail_call, exit_with_0 } what;
    Label at;
    std::uint32_t inst;
    FaultKind kind = FaultKind::none;
    std::optional<Reg> value_reg{};  // fault: what goes to State::fault_value, a register or a constant
    std::uint64_t value = 0;
  };
  struct Frame {
    bool any = false;
    std::array<Reg, 8> saved{};
    unsigned saved_count = 0;
    unsigned record_bytes = 0;  // frame record and what is saved above it
    unsigned stack_bytes = 0;   // the program's, rounded to 16
    int codes = 0;              // offset from x29 of RunContext::image and State::code; 0: not kept
    int tail_argument = 0;      // of the first argument of a tail call; 0: not kept
  };
  // base + offset, or base + index.
  struct Address {
    Reg base;
    std::int64_t offset = 0;
    std::optional<Reg> index{};
  };

  // arm64.cpp: entry code, functions, frames, faults
  void enter_and_leave();
  void function(std::uint32_t index);
  Frame plan_frame(const FunctionPlan& function, std::uint32_t first_call) const;
  void prologue();
  void epilogue();  // up to, not including, the return
  void exit();
  void instruction(std::uint32_t at);
  void cold_code();
  void cold(const Cold& cold);
  void tail_call(const Cold& cold);
  Label fault(FaultKind kind, std::uint64_t value = 0);
  Label fault(FaultKind kind, Reg value);
  Label add_cold(Cold cold);
  void poll();
  void place(std::uint32_t inst);

  // arm64_alu.cpp
  void alu(const image::Inst& inst, const isa::Op& row);
  void alu_reg(isa::Operation operation, Size size, Reg d, Reg s);
  bool alu_imm(isa::Operation operation, Size size, Reg d, std::uint64_t value);
  void endian(const image::Inst& inst, const isa::Op& row);
  void addr_space_cast(const image::Inst& inst);
  // d = value, blinded where that is asked for. `value` must be at hand only at run time then.
  void constant(Reg d, std::uint64_t value);
  void jump_if(const image::Inst& inst, const isa::Op& row, Label to);
  void gotox(const image::Inst& inst);
  void jump_table();

  // arm64_memory.cpp
  Address address(Reg base, std::int32_t off, image::Access access, Mem mem);
  Reg address_in_register(Reg base, std::int32_t off, image::Access access);
  void load(const image::Inst& inst, const isa::Op& row);
  void store(const image::Inst& inst, const isa::Op& row);
  void ordered(const image::Inst& inst, const isa::Op& row);
  void atomic(const image::Inst& inst, const isa::Op& row);
  void atomic_loop(const image::Inst& inst, const isa::Op& row, Size size, Reg at, image::Access access);
  void packet(const image::Inst& inst, const isa::Op& row);
  // The instruction that comes next may fault by right.
  void may_fault(image::Access access, std::optional<Reg> target);
  void resume_here();  // where the faults noted since the last call go on

  // arm64_calls.cpp
  void call(const image::Inst& inst, const isa::Op& row);
  void call_planned(const CallPlan& call);
  void call_local(std::uint32_t function);
  void callx(const image::Inst& inst);
  void call_loop(const CallPlan& call);
  void array_lookup(const CallPlan& call);
  void call_address(std::uint64_t address);
  void after_helper(bool may_fault, bool may_tail_call);
  void deeper();
  void shallower();
  void keep_codes();
  void restore_codes();

  Reg reg(unsigned number) const { return bpf_registers[number]; }
  const FunctionPlan& current() const { return plan_.functions[function_]; }

  const image::Image& image_;
  const Plan& plan_;
  const Options& options_;
  const bool lse_;
  Emitter e_;
  Native native_;
  std::uint64_t random_;

  std::uint32_t first_label_ = 0;  // of Inst 0
  std::vector<Label> function_labels_;
  Label leave_{};
  std::array<Label, 8> fault_tails_{};  // by FaultKind

  std::uint32_t function_ = 0, inst_ = 0;  // where we are
  std::size_t next_call_ = 0, next_constant_ = 0;
  Frame frame_;
  std::optional<Label> exit_;   // a place in this function that exits
  std::optional<Label> table_;  // this function's jump table
  std::vector<Cold> cold_;
  std::vector<std::size_t> open_fixups_;
};

constexpr Mem mem_of(unsigned width_bits) {
  return width_bits == 8 ? Mem::b : width_bits == 16 ? Mem::h : width_bits == 32 ? Mem::w : Mem::x;
}

}  // namespace skep::jit::arm64
