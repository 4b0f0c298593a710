// One program on every engine: loaded, filled with the same input, ready to be run any number of times.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/jit/input.h"
#include "skep/base/result.h"
#include "skep/jit/jit.h"
#include "skep/object/load.h"
#include "skep/runtime/cpu.h"
#include "skep/runtime/runtime.h"
#include "skep/runtime/state.h"
#include "skep/uapi/sys.h"

namespace skep::bench {

// cancellable: the JIT with Options::cancellable, for what that costs.
enum class EngineId : std::uint8_t { checked, unchecked, jit, kernel, native, cancellable };
inline constexpr std::size_t engine_count = 6;
inline constexpr std::array<const char*, engine_count> engine_names = {"checked", "unchecked", "jit",
                                                                       "kernel",  "gcc",       "cancellable"};

// One engine with one program.
class Engine {
 public:
  virtual ~Engine() = default;
  // Runs it `count` times; *r0 is the last result. Returns the time of one run in ns.
  virtual Result<double> run(std::uint32_t count, std::uint32_t* r0) = 0;
};

// What the program itself is like.
struct Traits {
  bool calls_helpers = false;
  bool calls = false;                   // helpers, callbacks, subprograms
  std::uint32_t insns = 0;              // as loaded
  std::uint64_t executed = 0;           // by one run
  std::size_t code_bytes = 0;           // of our JIT
  std::uint32_t kernel_code_bytes = 0;  // 0: unknown
};

// The machinery that all programs share. The packet and the CPU of the runtime are taken once.
class Bench {
 public:
  static Result<std::unique_ptr<Bench>> create(bool with_kernel);

  struct Subject {
    std::string name;
    Traits traits;
    std::array<std::unique_ptr<Engine>, engine_count> engines;  // null: not on this machine
    // Owners; the engines look into them.
    std::vector<object::Object> objects;
    std::vector<std::shared_ptr<runtime::ProgObject>> programs;
    std::vector<jit::Code> codes, cancellable;  // of the programs
  };
  // Compiles the program of this name, loads it everywhere. Errors name program and engine; ENOENT: no clang.
  Result<std::unique_ptr<Subject>> open(const std::string& name);
  // Makes the subject's maps the memory of checked runs. Before each use after another subject was used.
  void enter(const Subject& subject);

  runtime::Cpu& cpu() { return **lease_; }
  runtime::Runtime& runtime() { return *runtime_; }
  uapi::Sys& sys() { return *sys_; }
  uapi::Sys* kernel() { return kernel_.get(); }  // null: absent
  const Buffer& packet() const { return packet_; }
  const std::string& kernel_absent() const { return kernel_absent_; }  // why; empty: it is there

 private:
  Bench() = default;
  Buffer packet_ = make_packet();
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<runtime::RuntimeSys> sys_;
  std::unique_ptr<uapi::Sys> kernel_;
  std::unique_ptr<runtime::Lease> lease_;
  std::string kernel_absent_;
};

// native.cpp: the function that gcc made of the program; null if there is none.
using NativeFn = std::uint32_t (*)(void* xdp_md);
NativeFn find_native(const std::string& program);
// The maps that the native program names are those of the object. EINVAL: one is missing.
Result<void> connect_native(const std::string& program, const object::Object& object,
                            runtime::Runtime& runtime);
// What the helpers of native programs run with.
void set_native_context(image::RunContext* ctx);

}  // namespace skep::bench
