// The report that Linux writes under its log since 7.3, whole and damaged; and logs of old kernels, as
// loaders show them.
#include <gtest/gtest.h>

#include "skep/verify/explain.h"
#include "skep/verify/log.h"

namespace skep::verify {
namespace {

// The log of cilium/ebpf's pull request 2111.
constexpr std::string_view short_report = R"(0: R1=ctx() R10=fp0
0: (95) exit
R0 !read_ok

Verification failed: Register Type Safety: Unreadable register

Reason:
  R0 has never been initialized on this path, so the verifier cannot use it as an input.

At:
  insn 0
      | ^-- error: R0 is not readable
  Instruction context:
  >>> 0 | (95) exit

Causal path:
  no retained diagnostic events on this path

Suggestion:
  Initialize R0 on every path before this instruction.

processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
)";

TEST(LogReport, is_read_and_ends) {
  const Log log = parse_log(short_report);
  ASSERT_EQ(log.steps.size(), 1u);
  ASSERT_EQ(log.messages.size(), 1u);
  EXPECT_EQ(log.messages[0].text, "R0 !read_ok");
  ASSERT_TRUE(log.stats);
  EXPECT_EQ(log.stats->insns_processed, 1u);
  ASSERT_TRUE(log.report);
  const LogReport& report = *log.report;
  EXPECT_EQ(report.line, 5u);
  EXPECT_EQ(report.category, "Register Type Safety");
  EXPECT_EQ(report.problem, "Unreadable register");
  EXPECT_EQ(report.reason,
            "R0 has never been initialized on this path, so the verifier cannot use it as an input.");
  EXPECT_EQ(report.suggestion, "Initialize R0 on every path before this instruction.");
  EXPECT_EQ(report.at.slot, 0u);
  EXPECT_EQ(report.at.insn, "(95) exit");
  EXPECT_EQ(report.at.label, "error");
  EXPECT_EQ(report.at.text, "R0 is not readable");
  EXPECT_TRUE(report.path.empty());
  EXPECT_TRUE(report.notes.empty());
}

// With source lines, wrapped text, events of several kinds.
constexpr std::string_view long_report = R"(12: (69) r0 = *(u16 *)(r6 +0)
a line that no rule knows

Verification failed: Memory Safety: Access outside bounds

Reason:
  The verifier cannot prove offset + access_size <= object_size. Here, the value
  may be too large.

At:
  parse @ fw.c:21:9
  Source context:
      20 |   if (len > 4)
  >>> 21 |     return table[len];
         |     ^-- error: access may be outside object
         |         bounds
      22 |   return 0;
  Instruction context:
      11 | (bf) r6 = r0
  >>> 12 | (69) r0 = *(u16 *)(r6 +0)

Causal path:
  parse @ fw.c:20:7
  Source context:
  >>> 20 |   if (len > 4)
         |   ^-- branch: took the true branch of this conditional, goto followed
  Instruction context:
  >>> 9 | (25) if r1 > 0x4 goto pc+2

  2 intermediate causal-history events omitted

  insn 11
      | ^-- update: R6 changed from uninitialized value to map value at offset 0
  Instruction context:
  >>> 11 | (bf) r6 = r0

Suggestion:
  Add or adjust a bounds check.
)";

TEST(LogReport, places_and_events) {
  const Log log = parse_log(long_report);
  ASSERT_TRUE(log.report);
  const LogReport& report = *log.report;
  EXPECT_EQ(report.at.place.function, "parse");
  EXPECT_EQ(report.at.place.file, "fw.c");
  EXPECT_EQ(report.at.place.line, 21u);
  EXPECT_EQ(report.at.place.column, 9u);
  EXPECT_EQ(report.at.text, "access may be outside object bounds");
  EXPECT_EQ(report.at.slot, 12u);
  ASSERT_EQ(report.path.size(), 2u);
  EXPECT_EQ(report.path[0].label, "branch");
  EXPECT_EQ(report.path[0].slot, 9u);
  EXPECT_EQ(report.path[0].place.line, 20u);
  EXPECT_EQ(report.path[1].label, "update");
  EXPECT_EQ(report.path[1].slot, 11u);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_EQ(report.notes[0], "2 intermediate causal-history events omitted");
}

TEST(LogReport, explains_what_no_rule_knows) {
  const Explanation e = explain(parse_log(long_report));
  EXPECT_EQ(e.category->id, "memory-out-of-bounds");
  EXPECT_EQ(
      e.headline,
      "The verifier cannot prove offset + access_size <= object_size. Here, the value may be too large");
  EXPECT_EQ(e.reason, "a line that no rule knows");
  EXPECT_EQ(e.advice, "Add or adjust a bounds check.");
  EXPECT_EQ(e.place.line, 21u);
  ASSERT_EQ(e.path.size(), 2u);
  EXPECT_EQ(e.path[0].slot, 9u);
  EXPECT_TRUE(e.path[0].sentence.starts_with("branch: took the true branch")) << e.path[0].sentence;
}

TEST(LogReport, our_words_stay_where_a_rule_knows) {
  const Explanation e = explain(parse_log(short_report));
  EXPECT_EQ(e.category->id, "uninitialised-read");
  EXPECT_EQ(e.reason, "R0 !read_ok");
  EXPECT_FALSE(e.advice.empty());
}

// What was cut from the log, or pasted twice, is no crash and no nonsense.
TEST(LogReport, damaged) {
  for (std::size_t size = 0; size < long_report.size(); size++) {
    const Log log = parse_log(long_report.substr(0, size));
    const Explanation e = explain(log);
    EXPECT_NE(e.category, nullptr);
  }
  const Log twice = parse_log(std::string(short_report) + std::string(long_report));
  ASSERT_TRUE(twice.report);
  EXPECT_EQ(twice.report->category, "Memory Safety");
  EXPECT_TRUE(parse_log("Verification failed: \nAt:\n :1:2\n |\n^-- \n@ x:1\n").report);
}

TEST(LogReport, locks) {
  const Log log = parse_log(
      "Verification failed: Resource Lifetime Safety: Lock is already held\nAt:\n  insn 7\nActive lock:\n"
      "  insn 3\n      | ^-- acquired: active bpf_spin_lock has verifier identity 2\nSuggestion:\n  Unlock "
      "it.\n");
  ASSERT_TRUE(log.report);
  ASSERT_EQ(log.report->locks.size(), 1u);
  EXPECT_EQ(log.report->locks[0].label, "acquired");
  const Explanation e = explain(log);
  EXPECT_EQ(e.advice, "Unlock it.");
  EXPECT_EQ(e.reason, "Resource Lifetime Safety: Lock is already held");
  ASSERT_EQ(e.path.size(), 1u);
  EXPECT_EQ(e.path[0].slot, 3u);
}

// --- Old kernels: the same facts from the notations of their times ---

struct OldLog {
  std::string_view kernel, text, category;
  isa::Slot slot;
};
constexpr OldLog old_logs[] = {
    {"4.4", R"(0: (79) r1 = *(u64 *)(r1 +112)
1: (7b) *(u64 *)(r10 -8) = r1
2: (18) r1 = 0xffff880feb004700
4: (bf) r2 = r10
5: (07) r2 += -8
6: (85) call 1
7: (bf) r7 = r0
8: (15) if r0 == 0x0 goto pc+118
 R0=map_value(ks=8,vs=8) R7=map_value_or_null(ks=8,vs=8) R10=fp
9: (85) call 5
10: (bf) r6 = r0
11: (79) r9 = *(u64 *)(r7 +0)
R7 invalid mem access 'map_value_or_null'
)",
     "missing-null-check", 11},
    {"4.14", R"(0: (b7) r1 = 0
1: (95) exit
R0 !read_ok
)",
     "uninitialised-read", 1},
    {"5.4, libbpf", R"(libbpf: load bpf program failed: Permission denied
libbpf: -- BEGIN DUMP LOG ---
libbpf:
; int count(struct xdp_md *ctx)
0: (61) r2 = *(u32 *)(r1 +4)
1: (61) r1 = *(u32 *)(r1 +0)
; return data[0];
2: (71) r0 = *(u8 *)(r1 +0)
invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)
R1 offset is outside of the packet
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0

libbpf: -- END LOG --
libbpf: failed to load program 'xdp'
libbpf: failed to load object 'count.o'
)",
     "packet-out-of-bounds", 2},
    {"5.8", R"(; if (*p)
5: (85) call bpf_map_lookup_elem#1
6: (61) r1 = *(u32 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
)",
     "missing-null-check", 6},
};

TEST(OldLogs, are_explained) {
  for (const OldLog& old : old_logs) {
    const Explanation e = explain(parse_log(old.text));
    EXPECT_EQ(e.category->id, old.category) << old.kernel << ": " << e.reason;
    EXPECT_EQ(e.slot, old.slot) << old.kernel;
    EXPECT_FALSE(e.advice.empty()) << old.kernel;
  }
}

}  // namespace
}  // namespace skep::verify
