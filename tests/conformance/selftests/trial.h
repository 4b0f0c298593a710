// One selftest program on our side: opened, loaded alone through the loader into a VerifySys, its verdict.
// The work is done in child processes, so that a crash or a hang costs one program.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skep/base/result.h"
#include "skep/object/spec.h"
#include "skep/runtime/verify_sys.h"
#include "tests/conformance/selftests/record.h"

namespace skep::selftests {

enum class Answer : std::uint8_t {
  accept,
  reject,
  before_verifier,  // BPF_PROG_LOAD refused it without verifying
  not_reached,      // the loader stopped earlier
  open_error,       // the object could not be opened
  crash,
  timeout,
};
std::string_view answer_name(Answer answer);

struct Outcome {
  std::string file, prog;
  Answer answer{};
  bool unsupported = false;
  std::string reason;
  std::uint32_t insn = 0;
  std::uint64_t insns = 0, verify_ns = 0, peak_bytes = 0;
  std::uint32_t messages = 0;  // of the record's, found in our log
  // With `live`: what the running kernel said.
  Answer live = Answer::not_reached;
  int live_error = 0;  // errno of what is not accepted
  std::string live_reason;

  bool live_judged() const { return live != Answer::not_reached; }
};

struct TrialOptions {
  std::string objects;              // folder of the .o files
  runtime::VerifyOptions verify{};  // log_level is set per program
  bool live = false;                // ask the running kernel
  bool ours = true;                 // ask our verifier
  // As the other kernels' records were made: what a kernel lacks is poisoned, not an error of the loader.
  bool weak_externs = false;
  bool every_message = true;    // ask for the log that the record's messages stand in
  std::uint32_t log_level = 0;  // above 0: print each log
  unsigned jobs = 2;
  unsigned seconds = 60;  // that a program may take
};

// The outcome of every record that names a program, in their order.
Result<std::vector<Outcome>> run_trials(std::span<const Record> records, const TrialOptions& options);

// The object of a record's file, with the flags that its tests ask for. The errors of reading and parsing it.
Result<object::ObjectSpec> open_object(std::string_view file, const TrialOptions& options);

// The record's program of that object, loaded alone into a VerifySys, in this process: the verdict and the
// model. ENOENT with the loader's words when it did not come as far as the verifier.
Result<runtime::Judged> judge(const object::ObjectSpec& spec, const Record& record,
                              const TrialOptions& options, std::uint32_t log_level);

// What the running kernel's verifier, whose types are `types`, says of itself (log_level 4) after it accepted
// the record's program. The loader's errors when it does not.
struct KernelFigures {
  std::uint64_t insns = 0, microseconds = 0;
};
Result<KernelFigures> load_timed(const object::ObjectSpec& spec, const Record& record,
                                 const TrialOptions& options, const btf::Btf& types);

}  // namespace skep::selftests
