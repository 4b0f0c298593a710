// Checker: one verification in progress. Its methods are spread over the folder's .cpp files by subject; each
// group below names its file.
//
// Convention: a check returns true when all is well. On a problem it calls fail() or unsupported(), whose
// false it passes on, up to the exploration loop.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skep/isa/decode.h"
#include "skep/uapi/contexts.h"
#include "skep/uapi/helpers.h"
#include "skep/verify/pool.h"
#include "skep/verify/records.h"
#include "skep/verify/state.h"
#include "skep/verify/verify.h"

namespace skep::verify {

// An instruction, decoded once, with what passes before exploration found out about it.
struct Code {
  isa::OpId op = 0;
  std::uint8_t slots = 1;  // 0: second half of lddw
  std::uint8_t dst = 0, src = 0;
  std::int16_t off = 0;
  std::uint16_t live = 0x3ff;  // registers that may be read from here on
  std::int64_t imm = 0;
  isa::Slot target = 0;   // jumps; local calls and function addresses: the slot called
  std::uint32_t scc = 0;  // loop that it belongs to; 0: none
  std::uint32_t subprog = 0;
  bool prune_point = false;       // a state here is compared with earlier ones
  bool jump_point = false;        // several ways lead here: the path's history records it
  bool force_checkpoint = false;  // always remember a state here (loops by calls)
  bool calls_callback = false;
  bool iterator_next = false;

  const isa::Op& row() const { return isa::row(op); }
};

enum class Mode : std::uint8_t { read, write };

// A pointer kind that an access went through, kept per instruction: paths must not mix kinds that are
// executed differently.
struct AccessMemo {
  Kind kind = Kind::not_init;
  std::uint16_t flags = 0;
};

struct Subprog {
  isa::Slot first = 0, end = 0;
  btf::TypeId func = 0;  // 0: no func_info
  std::string_view name;
  std::uint32_t stack_depth = 0;
  bool global = false;
  bool is_callback = false, is_async_callback = false, is_exception_callback = false;
  bool has_tail_call = false, has_ld_abs = false;
  bool changes_packet = false, might_sleep = false, might_throw = false;
  bool called = false;       // global: reached from verified code
  bool verified = false;     // global: its body was accepted
  bool args_cached = false;  // `args` below are read from BTF
  std::uint8_t arg_count = 0;
  struct Argument {
    enum class Type : std::uint8_t {
      anything,
      context,
      mem,
      dynptr,
      btf_object,
      arena
    } type = Type::anything;
    std::uint16_t flags = 0;
    std::uint32_t mem_size = 0;
    btf::TypeId btf_id = 0;
  };
  std::array<Argument, 5> args{};
};

// How a callback's registers begin; r1 to r5 of `callee` are set from the caller's. What calls.cpp passes to
// push_callback.
using SetCallee = bool (*)(class Checker&, const Frame& caller, Frame& callee, const Code& insn);

class Checker {
 public:
  Checker(const Model& model, const Options& options);
  Verdict run();

  // --- Saying no: report.cpp ---
  // The rejection line, in the kernel's words, and the errno. Appended to the log; the first one counts.
  template <class... Args>
  [[gnu::noinline, gnu::cold]] bool fail(int code, fmt::format_string<Args...> format, Args&&... args) {
    return fail_with(code, fmt::format(format, std::forward<Args>(args)...));
  }
  // What this verifier does not know: a rejection that says so and is counted apart.
  template <class... Args>
  [[gnu::noinline, gnu::cold]] bool unsupported(fmt::format_string<Args...> format, Args&&... args) {
    verdict_.unsupported = verdict_.reason.empty();
    return fail_with(EOPNOTSUPP,
                     fmt::format(format, std::forward<Args>(args)...) + " is not supported by this verifier");
  }
  // Text for the log before a rejection, or at the levels that print states; no newline is added.
  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    if (logging_) fmt::format_to(std::back_inserter(log_), format, std::forward<Args>(args)...);
  }
  bool fail_with(int code, std::string text);

  // --- What everybody looks at ---
  const Model& model() const { return model_; }
  const ProgModel& prog() const { return model_.prog; }
  State& state() { return *state_; }
  RegState& reg(unsigned number) { return state_->reg(number); }
  isa::Slot at() const { return at_; }  // the instruction being simulated
  const Code& code(isa::Slot slot) const { return code_[slot]; }
  InsnFacts& facts(isa::Slot slot) { return verdict_.facts[slot]; }
  std::span<Subprog> subprogs() { return subprogs_; }
  std::uint32_t new_id() { return ++last_id_; }
  Records& records() { return records_; }
  const Arithmetic& arithmetic() const { return arithmetic_; }
  bool allow_ptr_leaks() const { return model_.privileges.perfmon; }
  bool allow_uninit_stack() const { return model_.privileges.perfmon; }
  bool bypass_spec_v1() const { return model_.privileges.perfmon; }
  bool bypass_spec_v4() const { return model_.privileges.perfmon; }
  bool bpf_capable() const { return model_.privileges.bpf; }
  bool strict_alignment() const { return (prog().flags & prog_flag::strict_alignment) != 0; }
  // Sleeping is allowed at this point: sleepable code, outside of RCU, preempt, irq and lock sections.
  bool can_sleep() const;

  // --- Registers: registers.cpp ---
  // The register is readable ("R%d !read_ok"); `write`: it becomes unknown instead.
  bool check_reg_read(unsigned number);
  bool check_reg_write(unsigned number, bool mark_unknown);
  void mark_unknown(RegState& reg) const;  // a scalar of which nothing is known; precise without CAP_BPF
  void mark_constant(RegState& reg, std::uint64_t value) const;
  void mark_not_init(RegState& reg) const { reg = RegState{}; }
  // A pointer of that kind with no offset; ids and payload cleared.
  void mark_pointer(RegState& reg, Kind kind, std::uint16_t flags = 0) const {
    reg = RegState::pointer(kind, flags);
  }
  // The registers that a call clobbers: r0 to r5 become unreadable.
  void clobber_caller_saved();
  // A register in the words of the log: "scalar(umax=255)", "map_value(map=m,ks=4,vs=8)".
  std::string describe(const RegState& reg) const;
  // "fp", "ptr_", "scalar", with or_null and the flags' prefixes: "trusted_ptr_", "map_value_or_null".
  std::string kind_name(const RegState& reg) const;

  // --- Memory: memory.cpp, stack.cpp, context.cpp ---
  // One access of `size` bytes at reg + off by instruction `slot`. Reads put the result into register
  // `value` (negative: nobody wants it); writes store register `value` (negative: a number that is not in a
  // register, known to be `imm`, or unknown). `sign_extended`: ldxs*.
  bool check_mem_access(isa::Slot slot, unsigned reg, std::int32_t off, unsigned size, Mode mode, int value,
                        bool strict = false, bool sign_extended = false);
  // `size` bytes behind register `number` as a helper or kfunc uses them; `zero_ok`: size 0 is allowed and
  // then any pointer is. With `initialize`, uninitialised stack is fine and is remembered in `initialized`
  // (the caller writes it once all arguments are checked).
  struct HelperMemory {
    Mode mode = Mode::read;
    bool zero_ok = false;
    bool uninit = false;  // the callee fills it: stack need not be initialised
    bool is_kfunc = false;
    // Out: stack that the callee fills: bytes [off, off + size) of register's frame.
    bool fills_stack = false;
    std::int32_t fill_off = 0;
    std::uint32_t fill_size = 0;
  };
  bool check_helper_memory(unsigned number, std::uint32_t size, HelperMemory& memory);
  // Offsets of reg lie in [0, limit - size]: for map values, mem, buffers. The messages name `number`.
  bool check_region(unsigned number, std::int32_t off, std::uint32_t size, std::uint32_t limit, bool zero_ok);
  bool check_map_access(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok, bool by_helper);
  bool check_packet_access(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok);
  bool check_map_rights(unsigned number, std::int32_t off, std::uint32_t size, Mode mode);
  // The pointer has no variable and (unless fixed_ok) no fixed offset.
  bool check_plain_offset(const RegState& reg, unsigned number, bool fixed_ok);
  // Stack bytes [off, off + size) of the frame of register `number` as a helper's argument.
  bool check_stack_range(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok,
                         HelperMemory& memory);
  // The slot holding byte `off` (negative, from fp); grows the frame's stack as needed.
  StackSlot& stack_slot(Frame& frame, std::int32_t off);
  bool grow_stack(Frame& frame, std::uint32_t bytes);
  // Does not touch dynptrs, iterators: bytes become misc.
  void scrub_slot(StackSlot& slot) const;

  // --- Precision: precision.cpp ---
  // The value of this register decided something: everything that it was computed from becomes precise on the
  // path that led here.
  bool mark_precise(unsigned number);
  bool mark_stack_slot_precise(std::uint32_t frame, unsigned slot);
  // Notes in the path's history that this instruction touched that stack slot.
  void note_stack_access(std::uint32_t frame, unsigned slot);

  // --- Paths: explore.cpp ---
  // A copy of the current state that will be explored later, from `target`. Null after fail().
  State* push_branch(isa::Slot target, isa::Slot from, bool speculative);
  // Synchronous callback (bpf_loop, for_each): explores the callback's body from here, any number of times.
  // Asynchronous (timers, workqueues): a path of its own.
  bool push_callback(const Code& insn, std::uint32_t subprog, SetCallee set);
  bool push_async_callback(const Code& insn, std::uint32_t subprog, SetCallee set, bool sleepable);

  // --- Packets and null: branches.cpp ---
  // All pointers of this id become that pointer, or 0.
  void mark_null_by_id(State& state, std::uint32_t id, bool is_null);
  // Packet pointers read before a call that may move the packet are dead.
  void clear_packet_pointers();

  // --- Calls: calls*.cpp ---
  bool check_helper_call(const Code& insn);
  bool check_kfunc_call(const Code& insn);
  // Does the call at `slot` simulate a callback (helper or kfunc), is it an iterator's next()? Asked once per
  // instruction before exploration.
  bool is_callback_call(const Code& insn) const;
  bool is_iterator_next(const Code& insn) const;
  // Facts that the passes before exploration need: may this helper or kfunc move the packet, may it sleep?
  bool call_changes_packet(const Code& insn) const;
  bool call_might_sleep(const Code& insn) const;
  // A load or store through a pointer to a kernel (or allocated) object; size and off as for
  // check_mem_access.
  bool check_btf_access(unsigned number, std::int32_t off, unsigned size, Mode mode, int value);
  // A load or store that overlaps a kptr of a map value (`field_off`): 1 handled, 0 not a kptr, -1 failed.
  int check_map_kptr_access(isa::Slot slot, unsigned number, std::int32_t off, unsigned size, Mode mode,
                            int value);
  // At exit (`prefix` names it: "BPF_EXIT instruction in main prog") and tail calls: nothing is held.
  bool check_nothing_held(bool exception, bool check_locks, const char* prefix);
  // References that a callback acquired and did not release.
  bool check_callback_references();
  // A stack store is about to overwrite a dynptr or an iterator at this slot: -> refused or the dynptr is
  // destroyed.
  bool overwrite_special_slot(Frame& frame, unsigned slot);
  // The id of a reference is gone: every register that came from it is unreadable.
  bool release_reference(std::uint32_t ref_id);

 private:
  // --- Before exploration: structure.cpp, flow.cpp ---
  bool find_subprogs();
  bool check_debug_info();
  bool check_jumps();
  bool resolve_references();
  bool check_flow();  // reachability, back edges, prune points
  void compute_live_registers();
  void compute_loops();
  void summarise_subprogs();  // who moves packets, who sleeps, through calls
  bool check_attach_target();
  bool check_stack_depth();
  std::uint32_t subprog_starting_at(isa::Slot slot) const;  // no_subprog if none does

  // --- Exploration: explore.cpp, frames.cpp, alu.cpp, branches.cpp, pointer_arithmetic.cpp ---
  bool explore_subprog(std::uint32_t subprog);
  bool explore();
  enum class Next : std::uint8_t { failed, go_on, path_done };
  Next simulate(const Code& insn);
  bool simulate_alu(const Code& insn);
  bool simulate_mov(const Code& insn);
  bool simulate_scalar_alu(const Code& insn, RegState& dst, const RegState& src);
  bool simulate_pointer_alu(const Code& insn, const RegState& pointer, const RegState& scalar,
                            bool pointer_is_dst);
  bool check_pointer_sanity(const RegState& reg, const RegState& pointer_or_scalar, Kind kind);
  bool simulate_load(const Code& insn);
  bool simulate_store(const Code& insn);
  bool simulate_atomic(const Code& insn);
  bool simulate_lddw(const Code& insn);
  bool simulate_ld_abs(const Code& insn);
  Next simulate_branch(const Code& insn);
  Next simulate_may_goto(const Code& insn);
  Next simulate_exit(const Code& insn, bool exception);
  bool simulate_call(const Code& insn);
  bool enter_static(const Code& insn, std::uint32_t subprog);
  bool check_global_call(const Code& insn, std::uint32_t subprog);
  bool check_global_args(std::uint32_t subprog);
  bool read_subprog_args(std::uint32_t subprog);
  bool set_up_entry(std::uint32_t subprog);
  bool leave_frame();
  bool check_return_value(unsigned number, const char* what);
  bool check_access_mix(const Code& insn, const RegState& pointer, bool allow_trust_mismatch);

  // --- Pruning: prune.cpp ---
  enum class Visited : std::uint8_t { failed, no, yes };
  Visited visit_checkpoint();
  std::uint64_t reference_key(isa::Slot slot) const;

  static constexpr std::uint32_t no_subprog = ~std::uint32_t{0};

  const Model& model_;
  const Options& options_;
  Arithmetic arithmetic_;
  Records records_{model_};
  Verdict verdict_;
  bool logging_ = false;
  std::string log_;

  std::vector<Code> code_;
  std::vector<Subprog> subprogs_;
  std::vector<AccessMemo> access_;

  StatePool pool_;
  State* state_ = nullptr;
  isa::Slot at_ = 0, previous_ = 0;
  std::uint32_t last_id_ = 0;
};

}  // namespace skep::verify
