// One case on all engines that were asked for, and what came of it.
#pragma once

#include <memory>
#include <string>

#include "engines.h"

namespace skep::oracle {

struct Engines {
  std::unique_ptr<InProcess> here, there;  // the same runtime twice, at different addresses
  std::unique_ptr<KernelEngine> kernel;    // null: not asked for
  bool jit = false;
};
// Runtimes are always made; fails if an engine that was asked for is not to be had.
Result<Engines> make_engines(bool jit, bool kernel);

enum class Verdict : std::uint8_t {
  agreed,
  disagreed,
  refused,  // our own loader takes it not
  faulted,  // the checked interpreter ended it: there is nothing to compare
  endless,  // it ran out of its budget
  chance,   // its result depends on addresses or on memory that nobody wrote
};

struct Judged {
  Verdict verdict = Verdict::agreed;
  bool kernel_accepted = false, fault_compared = false;
  std::string text;            // who disagrees, and how; or the refusal
  std::string kernel_refusal;  // filled if `explain`
  Outcome checked;             // what the interpreter says
};
struct JudgeOptions {
  bool explain_refusals = false;
  bool suspect = false;  // of valid cases too: the result may depend on chance
};
Judged judge(Engines& engines, const Case& c, const JudgeOptions& options = {});

// What runs now, for who catches signals: an engine's name.
extern const char* volatile engine_at_work;

}  // namespace skep::oracle
