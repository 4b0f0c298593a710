// Golden files of cases: programs as assembly, packet, maps' fill and what comes out.
//
//   # what went wrong once, or what the file is for
//   -- type           xdp, socket_filter or sched_cls; `wild` behind it where no verifier takes the program
//   -- asm            the first program in the kernel's dialect; map_fd(N) names map N of case.h
//   -- asm            the program in slot 1 of the program array …
//   -- packet         bytes in hexadecimal
//   -- fill           the number that fill_map() starts from
//   -- result         r0, elements of maps that changed, the packet if it did; or the fault
#pragma once

#include <string>
#include <string_view>

#include "compare.h"

namespace skep::oracle {

struct Golden {
  std::string note;  // lines of the comment, without '#'
  Case c;
  std::string result;
};

// The result section of an outcome.
std::string print_result(const Case& c, const Outcome& outcome);
std::string print_golden(const Golden& golden);
// EINVAL with the line.
Result<Golden> parse_golden(std::string_view text);

}  // namespace skep::oracle
