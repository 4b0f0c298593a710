// verify(): the kernel's verdict on a program, without a kernel. Pure: everything comes in through the Model,
// everything goes out in the Verdict.
//
// Path-sensitive abstract interpretation in the kernel's own terms (Documentation/bpf/verifier.rst and the
// behaviour of Linux 6.1, 6.12 and 6.18). What this verifier does not know it refuses, with `unsupported`
// set: an accept is always a statement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skep/isa/insn.h"
#include "skep/uapi/history.h"
#include "skep/verify/model.h"

namespace skep::verify {

// Bits of log_level, as in BPF_PROG_LOAD.
namespace log_level {
inline constexpr std::uint32_t reasons = 1;  // the path to the rejection
inline constexpr std::uint32_t states = 2;   // every instruction on every path, with the registers
inline constexpr std::uint32_t stats = 4;    // the numbers at the end
}  // namespace log_level

struct State;  // state.h

// Sees what is believed on every path (speculative ones excepted) before an instruction is simulated there.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_state(isa::Slot slot, const State& state) = 0;
};

struct Options {
  std::uint32_t log_level = 1;
  std::uint64_t log_limit_bytes = std::uint64_t{16} << 20;    // of a log that grows further the end is kept
  std::uint64_t insn_limit = 1'000'000;                       // instructions processed, then E2BIG
  std::uint64_t memory_limit_bytes = std::uint64_t{2} << 30;  // states kept, then ENOMEM
  // Not null: paths then end only where an older state holds all of the current one, also what no longer
  // matters and numbers that decided nothing. Whatever a run has in a register or on the stack lies inside of
  // one of the states seen; that costs more instructions and may reach limits sooner.
  Observer* observer = nullptr;
};

struct Stats {
  std::uint64_t insns_processed = 0;
  std::uint32_t max_states_per_insn = 0, total_states = 0, peak_states = 0;
  std::uint64_t peak_memory_bytes = 0;      // of states
  std::vector<std::uint32_t> stack_depths;  // bytes, by subprogram
  std::uint32_t total_stack_depth = 0;      // bytes, of the deepest chain of calls
};

// What a load, store or call was proven to be, for those who execute the program.
enum class Access : std::uint8_t {
  none,
  stack,
  context,
  packet,
  map_value,
  memory,
  btf,  // a kernel object or socket
  arena,
  mixed,  // different paths bring pointers of different kinds; engines check nothing, the verifier has
};

struct InsnFacts {
  bool reachable = false;  // on some explored path
  Access access = Access::none;
  // A load that gives 0 where there is no memory (the kernel's PROBE_MEM); an access to an arena.
  bool may_fault = false;
  std::uint8_t dead_branch = 0;  // 1: never taken, 2: always taken (conditional jumps only)
  std::int32_t map = -1;         // helper calls: the one map that reaches it; -1: several or none
  // kfunc calls, what their hidden arguments say: bpf_obj_new and its kind, the object's size in bytes; what
  // puts objects into lists and trees, the offset of the node in them.
  std::int64_t constant = 0;
  std::uint32_t hidden_btf_id = 0;  // the object's type, in the program's BTF
  std::uint32_t processed = 0;      // how often it was simulated: where the million goes
};

struct SubprogFacts {
  isa::Slot first = 0, end = 0;
  std::string name;
  std::uint32_t stack_depth_bytes = 0;
  bool global = false, callback = false, async_callback = false, exception_callback = false;
  bool reachable = false, changes_packet = false, might_sleep = false, has_tail_call = false;
};

struct Verdict {
  bool accepted = false;
  // Refused because this verifier lacks something, not because the kernel would: judged separately.
  bool unsupported = false;
  int code = 0;        // errno that BPF_PROG_LOAD fails with, positive; 0 when accepted
  std::string reason;  // the line that states it, in the kernel's wording
  isa::Slot insn = 0;  // where
  // What Model::kernel lacks and a later version may have, if that is why; else nothing.
  uapi::Missing missing;
  std::string log;  // by Options::log_level
  // The most bytes that the log would have had at a time: paths that end well are taken out of it again at
  // level 1. What BPF_PROG_LOAD asks of the caller's buffer.
  std::uint64_t log_peak_bytes = 0;
  Stats stats;
  std::vector<InsnFacts> facts;  // by slot
  std::vector<SubprogFacts> subprogs;
};

// The verdict on model.prog. Time is bounded by insn_limit, memory by memory_limit_bytes; never fails
// otherwise: bad input is a rejection.
Verdict verify(const Model& model, const Options& options = {});

}  // namespace skep::verify
