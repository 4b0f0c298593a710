// What a kernel answered: the records of SKEP_DATA_DIR/kernel-verdicts (one JSON object a line), the classes
// of rejection lines, and looking for a test's expected messages in a log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/result.h"

namespace skep::selftests {

struct Record {
  std::string file, prog, section;  // "verifier_and.c", …
  std::string verdict;              // accept, reject, blocked_eperm, not_reached, open_error …
  std::string reason;               // the kernel's rejection line
  bool artifact = false;            // the reason lies in how that kernel was configured
  std::vector<std::string> messages;
  std::uint64_t insns = 0;  // processed
  int error = 0;

  bool judged() const { return verdict == "accept" || verdict == "reject"; }
  bool accepted() const { return verdict == "accept"; }
  bool of_verifier() const { return file.starts_with("verifier_"); }
};

// In the order of the file. EINVAL with the line for what is no such record.
Result<std::vector<Record>> read_records(const std::string& path);

// A rejection line with its numbers replaced by N: what is said, not of which register.
std::string normalise(std::string_view reason);

// What a rejection protects (classes.txt).
enum class Class : std::uint8_t { memory, resource, types, policy, limits, unclassed };
std::string_view class_name(Class of);

class Classes {
 public:
  // Lines "CLASS PATTERN"; in a pattern * stands for any text. The first that matches counts.
  static Result<Classes> read(const std::string& path);
  Class of(std::string_view reason) const;

 private:
  struct Row {
    Class of;
    std::string pattern;
  };
  std::vector<Row> rows_;
};

// The programs whose accept is no fault of ours (exceptions.txt): lines "FILE PROG REASON".
struct Exception {
  std::string file, prog, why;
};
Result<std::vector<Exception>> read_exceptions(const std::string& path);

// How many of the expected messages stand in the log, in their order. {{…}} holds a regular expression.
std::size_t count_messages(std::string_view log, const std::vector<std::string>& messages);

}  // namespace skep::selftests
