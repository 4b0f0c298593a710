// The report that Linux writes under its log since 7.3 when it refuses a program:
//
//   Verification failed: Register Type Safety: Unreadable register
//
//   Reason:
//     R0 has never been initialized ...
//
//   At:
//     prog @ prog.c:12:9
//     Source context:
//     >>> 12 | 	return x;
//            | ^-- error: R0 is not readable
//     Instruction context:
//     >>> 0 | (95) exit
//
//   Causal path:
//     (events, each like the one under At: branch, update, spilled, invalidated, acquired, released, context)
//
//   Suggestion:
//     Initialize R0 on every path before this instruction.
//
// Source of the format: what Linux's kernel/bpf/diagnostics.c prints, and the log in cilium/ebpf's pull
// request 2111.
#pragma once

#include <cstdint>
#include <string_view>

#include "skep/verify/log.h"

namespace skep::verify {

// Reads a report line by line. Sections and events that are not known are kept as notes.
class ReportReader {
 public:
  // "Verification failed: ...": a report begins here. False: the line is something else.
  static bool begins(std::string_view line);
  // Starts over with that first line; `number`: of the log, from 1.
  void begin(std::string_view line, std::uint32_t number);
  // A further line, without the blanks at its ends. False: the report is over, and the line is not part of
  // it.
  bool read(std::string_view line);
  LogReport finish();

 private:
  enum class Section : std::uint8_t { none, reason, at, path, lock, suggestion };
  enum class Part : std::uint8_t { place, source, insns };

  void read_event_line(std::string_view line);
  bool read_lane(std::string_view line);
  bool read_place(std::string_view line);
  ReportEvent& event();
  void note(std::string_view line);

  LogReport report_;
  Section section_ = Section::none;
  Part part_ = Part::place;
};

}  // namespace skep::verify
