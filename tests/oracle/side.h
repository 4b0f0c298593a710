// One side of bpf(2) with the maps and programs of a case: written once for the kernel and the runtime.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "case.h"
#include "skep/base/result.h"
#include "skep/uapi/calls.h"
#include "skep/uapi/handle.h"

namespace skep::oracle {

enum class End : std::uint8_t {
  exited,
  faulted,  // an engine of ours ended the run
  failed,   // BPF_PROG_TEST_RUN refused
};

// All that a run leaves behind.
struct Outcome {
  End end = End::failed;
  std::uint64_t r0 = 0;
  bool r0_is_whole = true;  // the kernel gives 32 bits
  std::string message;      // of a fault or refusal
  // Where it faulted: the program's number and the slot, and whether it was memory.
  unsigned fault_program = 0;
  isa::Slot fault_slot = 0;
  std::uint64_t fault_address = 0;
  bool fault_in_memory = false, out_of_budget = false;
  std::vector<std::uint8_t> packet, context;
  // Elements of each map that the case uses: key, value, key, value …; hashes in order of their keys, per-CPU
  // maps with the value of the CPU that ran.
  std::array<std::vector<std::uint8_t>, map_count> maps;
};

// Empty if two runs left the same; otherwise what differs first. A faulted run has no packet to compare.
std::string difference(const Outcome& a, const Outcome& b);

// BTF with `int`, a function that gives one, global and static: callbacks need a type in the kernel.
inline constexpr std::uint32_t global_function = 3, static_function = 4;
std::vector<std::uint8_t> function_types();
// Slots where functions begin, in order.
std::vector<std::uint32_t> function_slots(const Code& code);

class Side {
 public:
  // Makes the maps. `sys` outlives it. EPERM where bpf(2) is not allowed.
  static Result<std::unique_ptr<Side>> create(uapi::Sys& sys);

  // Loads the programs of a case in place of those before; `log`: why it was refused.
  Result<void> load(const Case& c, std::string* log = nullptr);
  // Descriptors of the loaded programs.
  const std::vector<uapi::Handle>& programs() const { return programs_; }
  // Fills the maps anew, runs the first program on the packet, collects what it left.
  void run(const Case& c, Outcome& out);
  uapi::Sys& sys() { return sys_; }

 private:
  explicit Side(uapi::Sys& sys) : sys_(sys) {}
  Result<void> make_maps();
  Result<void> load_types();
  long dump(unsigned map);  // into keys_, values_, count_
  long reset(unsigned map, std::uint64_t fill);
  long collect(unsigned map, std::vector<std::uint8_t>& into);
  std::size_t user_value_size(unsigned map) const;

  uapi::Sys& sys_;
  std::uint32_t cpus_ = 1;
  uapi::Handle btf_;
  std::array<uapi::Handle, map_count> maps_;
  std::vector<uapi::Handle> programs_;
  std::vector<isa::Insn> insns_;
  std::vector<std::uint8_t> keys_, values_;
  std::uint32_t count_ = 0;
};

}  // namespace skep::oracle
