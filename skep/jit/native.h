// The seam between what all machines share and the back ends: what a back end gets, what it must hand over,
// and what native code may touch while it runs.
//
// A back end is one function (compile_x86_64, compile_arm64). It must
//  - give each Function of the image an entry that takes r1 to r5 in the back end's own registers, keeps the
//    caller's r6 to r9, and returns r0; so local calls are plain calls. functions[0] need not keep them where
//    FunctionPlan::called is false. It keeps RunContext* in a register that helpers preserve, all the time;
//  - give `enter`, which C++ calls:
//      uint64_t enter(RunContext*, const uint64_t arguments[5], const void* entry, State*)
//    It saves what the C++ ABI wants saved, stores the stack pointer to State::exit_sp, loads r1 to r5 from
//    `arguments`, calls `entry` and returns r0. (In code compiled for the host `entry` is a native address.)
//  - give `leave`, where a run ends early: code jumps there (or recover() does) after State's fault_kind,
//    fault_inst, fault_value were set. It takes the stack pointer from State::exit_sp of
//    RunContext::engine and returns from `enter`;
//  - after each call of a helper or kfunc that may_fault: if RunContext::fault is not null, end the run. If
//    State::fault_kind is 0 the fault is FaultKind::helper at this call. Otherwise a callback failed: its
//    fault stays, but fault_inst == no_inst becomes this call. Where the plan says may_tail_call and
//    RunContext::tail_target is not null: see tail call below;
//  - honour the Plan: count_depth (State::depth around local calls), indirect targets, access facts;
//  - list each native load or store that may fault by right (Access::probe, arena) in `fixups`.
//
// Tail call, with target = RunContext::tail_target: set tail_target to null; h = the Handle in
// target->native; null, or State::depth + h->max_depth above image::max_frames: FaultKind::call at the call,
// with the fault_values below. Otherwise give the frame back and jump to h->entry_keeping with r1 = the
// call's first argument; or, where nobody needs this function's caller's r6 to r9 any more, to h->entry.
// State::code becomes h, and RunContext::image target if it calls anything outside of it; a back end is free
// to do that, and to look at the depth, on either side of the jump. A local call of a function that
// may_tail_call is followed by setting RunContext::image and State::code back to this image's.
//
// Exceptions (bpf_throw) would be such a leave: the program's exception callback is called with
// State::exit_sp as its frame, cookie in r1, and its r0 becomes the run's. Nothing in the runtime throws yet.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "skep/jit/jit.h"
#include "skep/jit/plan.h"

namespace skep::jit {

// What Image::native points at.
struct Handle {
  // Where tail calls enter functions[0]: `entry` may change r6 to r9, `entry_keeping` keeps the caller's.
  const void *entry = nullptr, *entry_keeping = nullptr;
  const image::Image* image = nullptr;
  std::uint32_t max_depth = 1;
  const Code::Body* body = nullptr;
  // Code for this machine only, null otherwise: `enter`, and what it is given to run functions[0].
  std::uint64_t (*enter)(image::RunContext*, const std::uint64_t* arguments, const void* entry,
                         State*) = nullptr;
  const void* first = nullptr;
};

// fault_value of FaultKind::call where it is no address: what went wrong.
inline constexpr std::uint64_t fault_depth = ~std::uint64_t{0};  // too many frames
inline constexpr std::uint64_t fault_not_compiled =
    ~std::uint64_t{0} - 1;  // tail call into an image without code

// What RunContext::engine points at during a run. Native code uses the offsets of these members.
struct State {
  std::uint64_t exit_sp = 0;     // stack pointer of the innermost `enter`
  const Handle* code = nullptr;  // what runs now
  std::uint32_t depth = 0;       // frames above the first, where images count them
  std::uint32_t fault_inst = 0;  // the Inst in *code that ended the run
  std::uint64_t fault_value = 0;
  std::uint8_t fault_kind = 0;                // FaultKind; not 0: the run has failed
  const std::atomic<bool>* cancel = nullptr;  // never null while cancellable code runs

  // Not for native code.
  image::RunContext* ctx = nullptr;
  State* outer = nullptr;  // the thread's run that this one interrupted (a helper that runs a program)
  bool running = false;
  Fault fault;
};

// A native load or store that may meet memory which is not there: then `target` (a register by its number in
// the machine's encoding; no_target: none) becomes 0 and execution goes on at `resume`.
struct Fixup {
  std::uint32_t at = 0, resume = 0;  // native offsets; `at`: of the faulting instruction
  std::uint8_t target = 0;
  static constexpr std::uint8_t no_target = 255;
};

// Native bytes from `offset` to the next Place belong to `inst`.
struct Place {
  std::uint32_t offset = 0, inst = 0;
};

// What a back end hands over. Position-independent, except that helpers and maps are absolute addresses.
struct Native {
  std::vector<std::uint8_t> bytes;
  std::uint32_t enter = 0, leave = 0;
  // Where tail calls enter functions[0], if that differs from entries[0] (to load a register that this code
  // keeps and others do not); and where those that need their r6 to r9 kept do, if that differs again.
  std::optional<std::uint32_t> tail_entry, keeping_entry;
  std::vector<std::uint32_t> entries;    // by function
  std::vector<std::uint32_t> offset_of;  // by Inst
  std::vector<Place> places;             // ascending offsets; image::Image::no_inst: belongs to none
  std::vector<Fixup> fixups;             // ascending `at`
};

// `features`: those that may be used. Errors: EINVAL, ENOMEM.
Result<Native> compile_x86_64(const image::Image& image, const Plan& plan, const Options& options,
                              const Features& features);
Result<Native> compile_arm64(const image::Image& image, const Plan& plan, const Options& options,
                             const Features& features);

// --- what native code calls (machine.cpp) ---

// callx with a value that is not known when compiling. A function of the image: its native entry, *target
// untouched. A helper by its number: null, *target is set. Neither: null, *target null; the code ends with
// FaultKind::call and the value.
const void* resolve_callx(image::RunContext* ctx, std::uint64_t value, const image::CallTarget** target);

// The packet bytes of LD_ABS and LD_IND; null: the function exits with r0 = 0.
const std::uint8_t* find_packet_bytes(image::RunContext* ctx, std::int32_t offset, std::uint32_t count);

}  // namespace skep::jit
