// Compiling an Image to machine code, and running it: compile() gives Code, Machine runs it as vm::Machine
// runs the Image. Only images with an accepting verdict, or marked trusted, are compiled: native code checks
// nothing that a verdict already guarantees.
//
//   jit::Code code = TRY(jit::compile(image, {}));
//   jit::Machine machine;                       // one per thread
//   if (!machine.run(code, ctx, &r0)) ... machine.fault().message() ...
//
// The module touches no files and no signals. Who wants faulting probe loads to read 0 (and a wrong access to
// end the run instead of the process) calls recover() from the owner of SIGSEGV and SIGBUS; see there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/image/image.h"
#include "skep/image/run.h"

namespace skep::jit {

enum class Target : std::uint8_t { host, x86_64, arm64 };

// What a processor has beyond its baseline. Code uses only what stands here.
struct Features {
  bool bmi2 = false, movbe = false;  // x86-64
  bool lse = false;                  // AArch64: the atomic instructions of Armv8.1
};
Features host_features();

struct Options {
  Target target = Target::host;  // another machine's code can be looked at, but not run
  // Looks at RunContext::cancel on every back edge.
  bool cancellable = false;
  // No constant of the program appears in the code as it is: all are combined with numbers drawn from the
  // seed.
  bool blind_constants = false;
  std::uint64_t blind_seed = 0;
  // Helpers that the Image's descriptors say everything about (array lookups, bpf_loop,
  // bpf_get_smp_processor_id) become instructions, map operations direct calls. False for runs whose helpers
  // are replaced: every CallTarget's function is called.
  bool inline_helpers = true;
  // Several instructions may become one. False: one to one, for the comparison.
  bool combine = true;
  std::optional<Features> features;  // none: this machine's (a cross compilation: the baseline)
};

// A piece of code with a name, as profilers want it.
struct Symbol {
  std::string name;  // "bpf_prog_<image>" for the program, "bpf_prog_<image>_<function>" for the others
  const void* at = nullptr;
  std::size_t size = 0;
};

struct Native;  // what a back end hands over: skep/jit/native.h

// Executable memory and what is known about it. Move-only; must outlive every run of it and every Image whose
// `native` is its handle(). The Image must outlive it.
class Code {
 public:
  Code();
  ~Code();
  Code(Code&&) noexcept;
  Code& operator=(Code&&) noexcept;

  const image::Image& image() const;
  Target target() const;  // never `host`
  // The machine code, with its constants and jump tables.
  Bytes bytes() const;
  // Where function `index` of the image begins, from the first byte.
  std::uint32_t entry(std::size_t index) const;
  // The native offset where Inst `inst` begins. Insts that became part of another one's code share its
  // offset.
  std::uint32_t native_of(std::uint32_t inst) const;
  // The Inst that the byte at `offset` belongs to; no_inst for what belongs to none (entry and exit code).
  std::uint32_t inst_of(std::uint32_t offset) const;
  // The same as a slot of the program.
  std::optional<isa::Slot> slot_of(std::uint32_t offset) const;
  std::vector<Symbol> symbols() const;
  // For Image::native.
  const void* handle() const;

  struct Body;  // private to the module
  const Body& body() const { return *body_; }
  explicit Code(std::unique_ptr<Body> body);

 private:
  std::unique_ptr<Body> body_;
};

// EACCES: the image carries no verdict and is not trusted. EOPNOTSUPP: no back end for the target. EINVAL:
// the image breaks image.h's promises. ENOMEM: no executable memory. A kfunc, helper or map that is not there
// is the loader's affair, not ours.
Result<Code> compile(const image::Image& image, const Options& options = {});

enum class FaultKind : std::uint8_t {
  none,
  memory,       // an access to memory that is not there (needs recover())
  call,         // callx or gotox to something that is not code of this program; too many frames
  helper,       // a helper found the program at fault
  instruction,  // an instruction that cannot run here: addr_space_cast without an arena
  cancelled,    // RunContext::cancel
};

// Why a run ended early. Place and message are as vm::Fault's.
struct Fault {
  FaultKind kind = FaultKind::none;
  const image::Image* image = nullptr;  // which program; valid as long as that Image
  std::uint32_t inst = 0;               // index in Image::insts
  isa::Slot slot = 0;
  std::uint64_t value = 0;  // memory: the address; call: the target
  std::string detail;
  std::string message() const;  // "insn 12 (xdp.c:17): ..."
};

using Arguments = std::array<std::uint64_t, 5>;

struct State;  // what native code sees of a Machine: skep/jit/native.h

// One per thread; reusable for any number of runs. A run allocates nothing (a fault's text does).
class Machine {
 public:
  Machine();
  ~Machine();
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;

  // Runs the program with r1 = ctx.context. True: it ended with `exit`, *r0 is its result. False: fault()
  // says why, *r0 is untouched. Of `ctx` it uses context, packet, cpu, cancel and tail_target; it sets image,
  // engine and call_function for the time of the run. Runs on the caller's stack: up to 8 frames of at most
  // 640 bytes between calls of helpers. A tail call into an image without `native` is a fault.
  bool run(const Code& code, image::RunContext& ctx, std::uint64_t* r0);

  // One function of the image with all arguments given. `function` must be the address of one of
  // image.functions.
  bool call(const Code& code, image::RunContext& ctx, image::FunctionValue function,
            const Arguments& arguments, std::uint64_t* r0);

  const Fault& fault() const;

 private:
  std::unique_ptr<State> state_;
};

// To be called by the handler of SIGSEGV and SIGBUS with what it got (`context` is its ucontext_t). True: the
// fault happened in code that this thread's Machine runs; the context is changed so that returning from the
// handler goes on behind a probe load, or ends the run with FaultKind::memory. False: not ours.
bool recover(const void* address, void* context);

}  // namespace skep::jit
