// Reading a verifier log, ours or a kernel's (4.14 to 7.x, any log_level, as loaders and dmesg show it): the
// path from the program's start to the rejection as data.
//
//   0: R1=ctx() R10=fp0
//   ; int prog(struct xdp_md *ctx) @ prog.c:12
//   0: (b7) r0 = 0                        ; R0=0
//   from 4 to 7: R0=map_value_or_null(...) R10=fp0
//   R0 invalid mem access 'map_value_or_null'
//   processed 5 insns (limit 1000000) ...
//
// Any text is read: what is no line of a log is kept as a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skep/isa/decode.h"

namespace skep::verify {

// A place in the program's source. Unknown: line 0, and the texts are empty.
struct SourcePlace {
  std::string function, file;
  std::uint32_t line = 0, column = 0;  // from 1; column 0: not known
  std::string text;                    // the line itself
  bool operator==(const SourcePlace&) const = default;
};

// What a log says about one register or stack slot: "map_value_or_null(id=1,map=table,ks=4,vs=64,umax=3)".
// Values of both notations ("inv(id=0,umax_value=255)", "inv7", "7") come out the same.
struct LogValue {
  std::string text;  // as it is printed, behind the '='
  std::string kind;  // "scalar", "ctx", "fp", "pkt", "pkt_end", "map_value", "ptr_or_null_task_struct" ...;
                     // "bytes" for a stack slot that holds no whole register ("mmmm0000")
  std::optional<std::int64_t> constant;     // a scalar that is known
  std::optional<std::int64_t> smin, smax;   // of a scalar, or of the variable part of an offset
  std::optional<std::uint64_t> umin, umax;  // without: the whole range
  std::int64_t off = 0;                     // the fixed part of an offset; fp-8: -8
  std::optional<std::int64_t> range;        // r=: bytes of a packet proven to be there
  std::uint64_t size = 0;                   // sz= or vs=: bytes that may be accessed; 0: not said
  std::uint64_t id = 0, ref_id = 0;         // id=, ref_obj_id=
  std::string map;                          // map=
  bool variable = false;                    // a pointer with a variable part, a scalar not constant
  bool is_scalar() const { return kind == "scalar"; }
  bool is_pointer() const { return !is_scalar() && kind != "bytes"; }
  bool may_be_null() const { return kind.find("_or_null") != std::string::npos; }
};

// Where a value lies: R0 to R10 as 0 to 10, the stack slot fp-8 as -8.
using LogPlace = std::int32_t;

struct LogRegister {
  std::uint32_t frame = 0;
  LogPlace place = 0;
  LogValue value;
};

// One instruction of the path that ended in the rejection.
struct LogStep {
  isa::Slot slot = 0;
  std::uint8_t opcode = 0;
  std::string text;  // "r0 += r1"
  std::optional<isa::Decoded>
      insn;                     // from the text; nothing if it cannot be read. Names of helpers: see callee
  std::string callee;           // of calls: "bpf_map_lookup_elem", "pc+5"
  std::uint32_t callee_id = 0;  // the number behind its '#'
  std::uint32_t frame = 0;      // depth of calls
  std::int32_t source = -1;     // index into Log::sources; -1: none said
  std::uint32_t line = 0;       // of the log, from 1
  std::vector<LogRegister> before;  // printed ahead of it: "12: frame1: R1=..." and "from 4 to 7: R0=..."
  std::vector<LogRegister> after;   // printed behind it: "; R0=0", and of calls what callee and caller see
};

struct LogMessage {
  std::uint32_t line = 0;  // of the log, from 1
  std::string text;
};

struct LogStats {
  std::uint64_t insns_processed = 0, insn_limit = 0;
  std::uint32_t max_states_per_insn = 0, total_states = 0, peak_states = 0, mark_read = 0;
};

// The report that Linux writes under the log since 7.3 (log_report.h shows one).
// One place in it, and what it says of it.
struct ReportEvent {
  std::optional<isa::Slot> slot;
  SourcePlace place;
  std::string insn;   // "(95) exit"
  std::string label;  // "error", "branch", "update", "acquired" ...
  std::string text;   // "R0 is not readable"
};

struct LogReport {
  std::uint32_t line = 0;          // of the log, from 1: where it begins
  std::string category, problem;   // "Register Type Safety", "Unreadable register"
  std::string reason, suggestion;  // one paragraph each
  ReportEvent at;
  std::vector<ReportEvent> path;   // "Causal path", as far as the kernel kept it
  std::vector<ReportEvent> locks;  // "Active lock": where it was taken
  std::vector<std::string> notes;  // "3 intermediate causal-history events omitted"
};

struct Log {
  std::vector<SourcePlace> sources;  // from the comments; no function and no column
  std::vector<LogStep> steps;        // the path; in a log of all paths what was explored before is left out
  // Lines after the last step that are nothing else: the reason is the last of them, or near. Also what comes
  // before any step.
  std::vector<LogMessage> messages;
  std::optional<LogStats> stats;
  std::optional<LogReport> report;
  std::uint64_t steps_read = 0;  // with those of other paths
  bool cut = false;              // begins in the middle of a path, or holds more than limits allow
  std::string validating;        // the global function that was being checked on its own
};

struct LogLimits {
  std::uint32_t steps = 1'000'000;  // of more the last are kept
  std::uint32_t messages = 10'000;
};

// Reads any text; never fails. Memory is a small multiple of the text.
Log parse_log(std::string_view text, const LogLimits& limits = {});

// One value as a log prints it behind "R1=". Any text gives a value.
LogValue parse_log_value(std::string_view text);

}  // namespace skep::verify
