// Checker: one verification in progress. Its methods are spread over the folder's .cpp files by subject; each
// group below names its file.
//
// Convention: a check returns true when all is well. On a problem it calls fail() or unsupported(), whose
// false it passes on, up to the exploration loop.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skep/isa/decode.h"
#include "skep/uapi/contexts.h"
#include "skep/uapi/helpers.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/liveness.h"
#include "skep/verify/pool.h"
#include "skep/verify/prune.h"
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
  // Walking back, it changes nothing unless one of these registers is wanted or the history has a step of it.
  std::uint16_t backtrack = 0xffff;
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

// How a callback's registers begin: r1 to r5 of `callee` are set from the caller's. callbacks.h has them.
using SetCallee = bool (*)(class Checker&, const Frame& caller, Frame& callee, const Code& insn);

std::string print_tnum(Tnum bits);  // "5", "(0x0; 0xff)"

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
  // The same, because Model::kernel lacks something.
  template <class... Args>
  [[gnu::noinline, gnu::cold]] bool lacks(uapi::Missing what, int code, fmt::format_string<Args...> format,
                                          Args&&... args) {
    const bool first = verdict_.reason.empty();
    fail_with(code, fmt::format(format, std::forward<Args>(args)...));
    if (first) verdict_.missing = std::move(what);
    return false;
  }
  bool has(uapi::Rule rule) const { return model_.kernel >= uapi::rule_row(rule).since; }
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
  // The pointer may not be used any more: what it pointed at is gone.
  void invalidate(RegState& reg) const;
  // Without CAP_PERFMON nothing may see a pointer's value.
  bool is_pointer_to_hide(const RegState& reg) const;
  bool is_surely_not_null(const RegState& reg) const;
  bool is_trusted(const RegState& reg) const;
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
  bool check_alignment(const RegState& reg, std::int32_t off, unsigned size, bool strict);
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
  // What a pointer becomes once it is known not to be null.
  void mark_not_null(RegState& reg);
  bool may_hold_lock(const RegState& reg);
  bool has_field(const MapModel& map, FieldKind kind);
  Records& records() { return records_; }
  // All pointers of this id become that pointer, or 0.
  void mark_null_by_id(State& state, std::uint32_t id, bool is_null);
  // Packet pointers read before a call that may move the packet are dead.
  void clear_packet_pointers();

  // The latest checkpoint before `slot` on the current path, to widen an iteration's state from. Null: none.
  // `after_call`: asked when a callback has returned to its call, not by an instruction under simulation.
  State* find_previous_entry(isa::Slot slot, bool after_call = false);
  void widen(const State& old, State& current);

  // --- Calls: calls.cpp, helper_args.cpp; kfunc_callee.cpp, kfunc_args.cpp, kfuncs.cpp; callbacks.cpp ---
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
  // A load (writes are refused) from the kernel's struct of a map; from the context of a program whose
  // context is an array of u64 arguments described by BTF.
  bool check_map_struct_access(unsigned number, std::int32_t off, unsigned size, Mode mode, int value);
  bool check_btf_context(std::int32_t off, unsigned size, Mode mode, int value);
  // Arguments of global functions.
  bool check_dynptr_argument(unsigned number);
  bool check_btf_argument(unsigned number, std::uint16_t flags, btf::TypeId type);
  bool is_async_callback_call(const Code& insn) const;
  bool is_throw(const Code& insn) const;
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
  // --- Passes: verify.cpp, structure.cpp, flow.cpp ---
  bool pass();
  bool prepare();
  bool check_tail_calls();
  bool explore_all();
  bool decode();
  bool refuse_encoding(isa::Slot slot);
  bool find_subprogs();
  bool find_exception_callback(isa::Slot& slot);
  bool check_debug_info();
  bool check_unnamed_subprogs();
  bool check_jumps();
  bool check_attach_target();
  bool check_operation();
  bool check_probed_function();
  bool resolve_references();
  bool check_maps();
  bool check_flow();
  void compute_live_registers();
  void compute_loops();
  void summarise_subprogs();
  bool check_stack_depth();
  bool check_stack_depth_from(std::uint32_t root, bool private_stack);
  bool has_private_stack() const;
  unsigned successors(isa::Slot slot, std::array<isa::Slot, 2>& next) const;
  std::uint32_t subprog_starting_at(isa::Slot slot) const;

  // --- Exploration: explore.cpp, frames.cpp, globals.cpp ---
  enum class Next : std::uint8_t { failed, go_on, path_done };
  bool explore_subprog(std::uint32_t subprog);
  bool explore();
  Next simulate(const Code& insn);
  bool simulate_load(const Code& insn);
  bool simulate_store(const Code& insn);
  bool simulate_atomic(const Code& insn);
  bool simulate_lddw(const Code& insn);
  bool simulate_lddw_btf(const Code& insn, RegState& dst);
  Next simulate_ld_abs(const Code& insn);
  bool simulate_call(const Code& insn);
  bool may_call_under_lock(const Code& insn) const;
  Next simulate_exit(const Code& insn, bool exception);
  bool atomic_pointer_ok(Kind kind) const;
  bool check_access_mix(AccessMemo pointer, bool allow_trust_mismatch);

  // --- Spectre rules: speculation.cpp ---
  struct MaskWindow {
    bool active = false, to_left = false;
    std::uint8_t how = 0;
    std::uint32_t limit = 0;
  };
  bool push_mispredicted(const Code& insn, isa::Slot target);
  bool sanitize_scalar_alu(const Code& insn);
  bool sanitize_pointer_alu(const Code& insn, const RegState& pointer, const RegState& offset,
                            bool pointer_is_dst, MaskWindow& window);
  bool commit_masking(const Code& insn, const MaskWindow& window);
  bool masking_limit(const Code& insn, const RegState& pointer, bool to_left, std::uint32_t& limit);
  bool agree_on_masking(const Code& insn, std::uint8_t how, std::uint32_t limit);
  bool stops_speculation();

  Frame* add_frame(State& state, std::uint32_t subprog, isa::Slot callsite, bool callback);
  void init_frame(Frame& frame) const;
  bool enter_static(const Code& insn, std::uint32_t subprog);
  bool leave_frame();
  bool check_in_range(const RegState& reg, ReturnBounds range, bool wide, const char* where,
                      const char* name);
  bool check_return_value(unsigned number, const char* name);
  bool target_returns_void() const;
  std::optional<ReturnBounds> lsm_return_range() const;
  bool check_global_call(const Code& insn, std::uint32_t subprog);
  bool check_global_args(std::uint32_t subprog);
  bool check_memory_argument(unsigned number, std::uint32_t size);
  bool read_subprog_args(std::uint32_t subprog);
  bool read_pointer_arg(std::size_t index, btf::TypeId pointee, std::uint8_t tags, Subprog::Argument& arg);
  bool is_context_type(btf::TypeId pointee) const;
  bool set_up_entry(std::uint32_t subprog);

  // --- Arithmetic: alu.cpp ---
  bool simulate_alu(const Code& insn);
  bool simulate_mov(const Code& insn);
  bool simulate_swap(const Code& insn);
  bool simulate_neg(const Code& insn);
  bool simulate_binary(const Code& insn);
  bool simulate_addr_space_cast(const Code& insn);
  std::optional<std::int32_t> linking_distance(const isa::Op& row, const Scalar& before,
                                               const Scalar& operand) const;
  bool simulate_scalar_alu(const Code& insn, RegState& dst, const RegState& src);
  bool simulate_pointer_alu(const Code& insn, const RegState& pointer, const RegState& offset,
                            bool pointer_is_dst);
  bool check_constant_operand(const Code& insn);
  bool check_sane_offset(const RegState& offset, const RegState& pointer);
  bool check_pointer_stays(unsigned number);
  bool check_invariants(RegState& reg, const char* where);
  void link_before_copy(RegState& source);
  static void unlink(RegState& reg);

  // --- Branches: branches.cpp ---
  Next simulate_branch(const Code& insn);
  Next simulate_may_goto(const Code& insn);
  std::optional<bool> decide_branch(const Code& insn, const RegState& a, const RegState& b) const;
  void collect_linked(std::uint32_t id, class LinkedRegs& linked);
  void sync_linked(State& state, const RegState& known, const LinkedRegs& linked);
  void mark_null_of(State& state, std::uint32_t id, std::uint32_t ref, bool is_null);
  bool learn_packet_range(const Code& insn, const RegState& dst, const RegState& src, State& other);

  // --- Memory: memory.cpp, stack.cpp, context.cpp ---
  bool check_range(unsigned number, std::int64_t off, std::uint32_t size, std::uint32_t limit, bool zero_ok,
                   bool last_word);
  bool may_touch_packet(Mode mode) const;
  bool check_buffer(const RegState& reg, unsigned number, std::int32_t off, std::uint32_t size,
                    const char* what);
  bool check_no_leak(int value, const char* where);
  bool read_constant(const RegState& pointer, std::int32_t off, unsigned size, bool sign_extended,
                     RegState& dst);
  void narrow_load(RegState& dst, unsigned size, bool sign_extended) const;
  bool refuse_memory(unsigned number);
  void remember_access(isa::Slot slot, const RegState& r, bool write);
  bool check_stack_bounds(unsigned number, std::int32_t off, std::uint32_t size, const char* what,
                          bool as_write);
  bool check_stack_access(unsigned number, std::int32_t off, unsigned size, Mode mode, int value);
  bool write_stack(Frame& frame, std::int32_t off, unsigned size, int value);
  bool write_stack_somewhere(unsigned number, std::int32_t off, unsigned size, int value);
  bool read_stack(Frame& frame, std::int32_t off, unsigned size, int value);
  bool read_stack_somewhere(unsigned number, std::int32_t off, unsigned size, int value);
  void mark_read_from_stack(const Frame& frame, std::int32_t min, std::int32_t max, unsigned dst);
  bool check_readable_bytes(const Frame& frame, std::int32_t off, unsigned size, bool spills_too);
  bool check_stack_bytes(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok,
                         HelperMemory& memory, bool by_helper);
  // This instruction reads bytes [min, max) of the frame's stack.
  void note_stack_read(const Frame& frame, std::int32_t min, std::int32_t max);
  void spill(StackSlot& slot, const RegState& reg, unsigned size) const;
  const uapi::Context* context_of_this() const;
  bool context_offset_ok() const;
  bool check_socket(unsigned number, std::int32_t off, unsigned size);
  bool check_context(isa::Slot slot, std::int32_t off, unsigned size, Mode mode, int value,
                     bool sign_extended);
  bool check_argument_context(std::int32_t off, unsigned size, Mode mode, int value, bool sign_extended);

  // --- Precision: precision.cpp ---
  Step& record_step();  // of this instruction, in the path's history
  bool walk_back(State& start, struct Wanted wanted, bool* changed);
  bool step_back(isa::Slot slot, std::int64_t later, const Step* step, Wanted& wanted);
  bool step_back_store(const Code& insn, const Step* step, Wanted& wanted);
  bool step_back_call(isa::Slot slot, const Code& insn, std::int64_t later, Wanted& wanted);
  static void sync_wanted(const Step* step, Wanted& wanted);
  static void settle(State& state, Wanted& wanted, bool* changed);
  static void mark_all_precise(State& from);
  bool propagate_precision(const State& old, State& current, bool* changed);

  // --- Pruning: prune.cpp ---
  enum class Visited : std::uint8_t { failed, no, yes };
  enum class InLoop : std::uint8_t { failed, goes_on, converged };
  Visited visit_checkpoint();
  InLoop compare_in_loop(State& old);
  bool states_equal(const State& old, const State& current, Exactness exactness);
  bool reg_safe(const RegState& old, const RegState& current, Exactness exactness);
  bool stack_safe(const Frame& old, const Frame& current, Exactness exactness);
  bool refs_safe(const State& old, const State& current);
  bool may_loop(const State& old, const State& current) const;
  bool iterators_differ(const State& old, const State& current) const;
  static isa::Slot insn_of_frame(const State& state, std::uint32_t frame);
  void clean(State& state);
  void clean_finished(isa::Slot slot);
  Explored*& bucket(isa::Slot slot);
  void remember_state();
  void clear_lonely_ids(State& state);
  void free_if_done(Explored* explored);
  bool finish_path(State* state);
  bool loop_key(const State& state, LoopKey& key) const;
  LoopVisit* find_loop(const State& state);
  void enter_loop(State& state);
  bool in_unfinished_loop(const State& state);
  bool is_needed_by_loop(const State& state);
  void add_back_edge(State& old);
  bool leave_loop(State& state);

  // --- Log: report.cpp ---
  void describe_to(std::string& out, const RegState& reg, std::uint32_t frame) const;
  void log_state(const State& state, std::uint32_t frame, bool all);
  void log_registers();
  void log_entry();
  void log_pruned();
  void log_line_info();
  void log_insn();
  void put_insn(isa::Slot slot);
  void log_walk_begins(const Wanted& wanted, std::int64_t last, std::int64_t first, std::int64_t later);
  void log_walk_step(const Wanted& wanted, isa::Slot slot);
  void log_walk_parent(const Wanted& wanted, const State& parent);
  void log_propagation(const Wanted& wanted);
  void log_live_registers();
  void log_stats();
  void trim_log();
  void rewind_log(std::size_t to);
  bool traces_precision() const {
    return logging_ && (options_.log_level & log_level::states) != 0 && !log_trimmed_;
  }

  static constexpr std::uint32_t no_subprog = ~std::uint32_t{0};
  static constexpr isa::Slot no_insn = ~isa::Slot{0};

  const Model& model_;
  const Options& options_;
  Arithmetic arithmetic_;
  uapi::ProgType prog_type_;                     // an freplace program is what its target is
  const uapi::ProgTypeRow* type_row_ = nullptr;  // null: a type that the tables lack
  bool logging_;
  Verdict verdict_;
  std::string log_;
  Records records_;

  std::uint64_t insn_limit_;  // instructions processed
  std::size_t branch_limit_;  // pending

  // What Linux learnt when; older rules are rows of uapi/history.h.
  bool has_bounded_spills_ = true, has_narrow_spills_ = true;
  bool infers_not_null_ = true;       // 6.2: equal to a pointer that is not null
  bool loops_by_fallthrough_ = true;  // 6.7: a loop may close by an instruction that is no jump
  bool keeps_all_spills_ = true;  // 6.9: unbounded numbers keep their ids on the stack, fills may be narrower
  bool locks_in_functions_ = true;  // 6.9: static functions may be called under a lock, and take it
  bool checks_lsm_result_ = true;   // 6.12
  bool links_sums_ = true;          // 6.10: rX = rY + K stays linked with rY
  bool links_differences_ = true;   // 6.18: so does rX = rY - K, and both in 32 bits
  bool clears_lonely_ids_ = true;   // 6.17
  bool has_arena_ = false;
  std::size_t used_arena_ = 0;
  std::vector<bool> used_maps_;  // by index: named by an instruction

  std::vector<Code> code_;
  std::vector<Subprog> subprogs_;
  std::uint32_t exception_callback_ = no_subprog;
  std::vector<AccessMemo> access_;

  struct Masking {
    std::uint8_t how = 0;
    std::uint32_t limit = 0;
  };
  std::vector<Masking> masking_;  // by slot
  std::vector<bool> barrier_;     // by slot: speculation ends before it
  bool masks_differ_ = false;     // numbers that are masked must match exactly

  StatePool pool_;
  StackLiveness liveness_;
  State* state_ = nullptr;
  isa::Slot at_ = 0, previous_ = no_insn, next_ = 0;  // simulated now, before it, after it
  std::uint32_t last_id_ = 0;
  std::uint64_t insns_processed_ = 0, jumps_processed_ = 0;
  std::uint64_t insns_at_checkpoint_ = 0, jumps_at_checkpoint_ = 0;
  struct Pending {
    State* state;
    isa::Slot insn, previous;
    std::size_t log_size;
  };
  std::vector<Pending> pending_;
  bool step_recorded_ = false;
  std::optional<std::int32_t> store_constant_;  // of a store of an immediate, while it is checked

  std::vector<Explored*> explored_;  // lists, by instruction and call site
  std::vector<std::unique_ptr<Explored>> explored_pool_;
  std::uint32_t explored_count_ = 0, free_waiting_ = 0;
  IdMap ids_;
  std::vector<std::pair<std::uint32_t, unsigned>> id_counts_;
  std::vector<std::vector<LoopVisit>> loops_;  // by component

  std::uint32_t touched_ = 0;        // registers changed since they were last printed
  std::uint64_t touched_slots_ = 0;  // and stack slots
  bool print_state_ = false;         // a new path began
  bool log_trimmed_ = false;
  std::uint64_t log_cut_ = 0, log_peak_ = 0;  // bytes trimmed so far; see Verdict::log_peak_bytes
  std::size_t insn_line_end_ = 0, insn_line_width_ = 0;
  const LineInfo* last_line_ = nullptr;
};

}  // namespace skep::verify
