// skep verify --log FILE: explaining a log that some kernel wrote.
#pragma once

#include <string>

#include "skep/base/result.h"

namespace skep::cli {

struct LogCommand {
  std::string file;     // "-": standard input
  std::string object;   // the program's object or source, for its lines; may be empty
  std::string program;  // which of the object's programs; empty: the one whose instructions the log shows
  std::string btf;      // the kernel's types for loading the object; empty: the running kernel's
  bool json = false, strict = false;
};

// Prints the explanation. -> exit code: 1 when the log holds no rejection.
Result<int> explain_log_file(const LogCommand& command);

}  // namespace skep::cli
