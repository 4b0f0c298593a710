// The engines that run a case: those of this process on a runtime of their own, and the kernel.
#pragma once

#include <memory>
#include <string>

#include "side.h"
#include "skep/base/result.h"
#include "skep/vm/probe.h"

namespace skep::vm {
struct State;
}

namespace skep::oracle {

enum class EngineKind : std::uint8_t { vm_checked, vm_unchecked, jit };

// Looks on while the checked interpreter runs.
class Watch {
 public:
  virtual ~Watch() = default;
  // Before an instruction. False ends the run.
  virtual bool on_insn(const image::Image& image, std::uint32_t inst, const vm::Registers& registers,
                       const vm::State& state, const image::RunContext& ctx) = 0;
  virtual void on_branch(const image::Image& image, std::uint32_t inst, bool taken) = 0;
};

// A runtime in this process. Two of them have all memory at different addresses.
class InProcess {
 public:
  static Result<std::unique_ptr<InProcess>> create();
  ~InProcess();

  // Loads the case; what was loaded before goes.
  Result<void> load(const Case& c);
  // Makes machine code of what is loaded, in one of the ways that jit::Options offers.
  static constexpr unsigned variants = 6;
  Result<void> compile(unsigned variant = 0);
  // Runs what is loaded. The unchecked engines trust it.
  void run(const Case& c, EngineKind kind, Outcome& out);
  // Runs it checked, with somebody who looks on.
  void run_watched(const Case& c, Watch& watch, Outcome& out);
  // Runs it checked and looks whether a number was made from an address (of memory, a map, a function) or
  // read from stack that was never written: then the result may differ between engines by right.
  // Says what was found; empty: nothing.
  std::string find_chance(const Case& c);

 private:
  struct Body;
  explicit InProcess(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

// Whether this build has a compiler for this machine.
bool have_jit();

// The kernel. EPERM without the right to load programs. The calling thread is bound to one CPU.
class KernelEngine {
 public:
  static Result<std::unique_ptr<KernelEngine>> create();
  ~KernelEngine();
  // Refused: `reason` is the last line of the verifier's log.
  bool load(const Case& c, std::string* reason);
  void run(const Case& c, Outcome& out);

 private:
  struct Body;
  explicit KernelEngine(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace skep::oracle
