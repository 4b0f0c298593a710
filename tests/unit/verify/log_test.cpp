// Reading logs: both notations of values, paths of branches, frames, prefixes; and what hostile text does.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "skep/verify/explain.h"
#include "skep/verify/log.h"

namespace skep::verify {
namespace {

TEST(LogValue, scalars_of_old_and_new_kernels) {
  for (const char* text : {"7", "P7", "inv7", "invP7", "0x7", "inv(id=0,imm=7)"}) {
    const LogValue value = parse_log_value(text);
    EXPECT_TRUE(value.is_scalar()) << text;
    EXPECT_EQ(value.constant, 7) << text;
    EXPECT_FALSE(value.variable) << text;
  }
  EXPECT_EQ(parse_log_value("0xffffffffffffffff").constant, -1);
  for (const char* text :
       {"scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))",
        "inv(id=0,umax_value=255,var_off=(0x0; 0xff))", "Pscalar(id=3,umax=255,var_off=(0x0; 0xff))"}) {
    const LogValue value = parse_log_value(text);
    EXPECT_EQ(value.kind, "scalar") << text;
    EXPECT_EQ(value.smin, 0) << text;
    EXPECT_EQ(value.smax, 255) << text;
    EXPECT_EQ(value.umax, 255u) << text;
    EXPECT_TRUE(value.variable) << text;
    EXPECT_FALSE(value.constant) << text;
  }
  EXPECT_EQ(parse_log_value("scalar(smin=-5,smax=10)").smin, -5);
  EXPECT_FALSE(parse_log_value("scalar()").smin);
}

TEST(LogValue, pointers_of_old_and_new_kernels) {
  LogValue value = parse_log_value("map_value_or_null(id=1,map=table,ks=4,vs=64)");
  EXPECT_EQ(value.kind, "map_value_or_null");
  EXPECT_TRUE(value.may_be_null());
  EXPECT_EQ(value.map, "table");
  EXPECT_EQ(value.size, 64u);
  EXPECT_EQ(value.id, 1u);
  value = parse_log_value("map_value(id=0,off=8,ks=4,vs=64,umax_value=255,var_off=(0x0; 0xff))");
  EXPECT_EQ(value.off, 8);
  EXPECT_TRUE(value.variable);
  EXPECT_EQ(parse_log_value("fp-8").off, -8);
  EXPECT_EQ(parse_log_value("fp[1]-16").off, -16);
  EXPECT_EQ(parse_log_value("fp0").kind, "fp");
  EXPECT_EQ(parse_log_value("pkt(id=2,off=14,r=34,imm=0)").range, 34);
  EXPECT_EQ(parse_log_value("mmmm0000").kind, "bytes");
  EXPECT_EQ(parse_log_value("????5").constant, 5);
  EXPECT_TRUE(parse_log_value("ptr_or_null_task_struct(id=3)").may_be_null());
}

TEST(Log, steps_carry_instructions_sources_and_registers) {
  const Log log = parse_log(
      "0: R1=ctx() R10=fp0\n"
      "; int prog(struct xdp_md *ctx) @ prog.c:12\n"
      "0: (bf) r6 = r1                       ; R1=ctx() R6=ctx()\n"
      "1: (18) r1 = 0xffff888100000000       ; R1=map_ptr(map=m,ks=4,vs=8)\n"
      "3: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=m,ks=4,vs=8)\n"
      ";  @ prog.c:0\n"
      "4: (79) r1 = *(u64 *)(r0 +8)\n"
      "R0 invalid mem access 'map_value_or_null'\n"
      "processed 4 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 3 mark_read 4\n");
  ASSERT_EQ(log.steps.size(), 4u);
  EXPECT_FALSE(log.cut);
  ASSERT_EQ(log.sources.size(), 1u);
  EXPECT_EQ(log.sources[0].file, "prog.c");
  EXPECT_EQ(log.sources[0].line, 12u);
  EXPECT_EQ(log.steps[0].before.size(), 2u);
  EXPECT_EQ(log.steps[0].after.size(), 2u);
  ASSERT_TRUE(log.steps[1].insn);
  EXPECT_EQ(log.steps[1].insn->op, isa::op("lddw"));
  ASSERT_TRUE(log.steps[2].insn);
  EXPECT_EQ(log.steps[2].insn->op, isa::op("call_helper"));
  EXPECT_EQ(log.steps[2].callee, "bpf_map_lookup_elem");
  EXPECT_EQ(log.steps[2].callee_id, 1u);
  ASSERT_TRUE(log.steps[3].insn);
  EXPECT_EQ(log.steps[3].insn->op, isa::op("ldxdw"));
  EXPECT_EQ(log.steps[3].insn->src, 0);
  EXPECT_EQ(log.steps[3].insn->off, 8);
  EXPECT_EQ(log.steps[3].source, 0);
  ASSERT_EQ(log.messages.size(), 1u);
  EXPECT_EQ(log.messages[0].line, 8u);
  ASSERT_TRUE(log.stats);
  EXPECT_EQ(log.stats->insns_processed, 4u);
  EXPECT_EQ(log.stats->mark_read, 4u);
}

// At level 2 all paths are printed: only the one that failed is kept. A branch in a loop is gone back to from
// its last visit first.
TEST(Log, other_paths_are_left_out) {
  const Log log = parse_log(
      "0: R1=ctx() R10=fp0\n"
      "0: (b7) r0 = 0\n"
      "1: (15) if r1 == 0x0 goto pc+3\n"
      "2: (05) goto pc-2\n"
      "1: (15) if r1 == 0x0 goto pc+3\n"
      "2: (95) exit\n"
      "\n"
      "from 1 to 5: R0=0 R1=0 R10=fp0\n"
      "5: (95) exit\n"
      "from 1 to 5: R0=0 R1=0 R10=fp0\n"
      "5: (71) r0 = *(u8 *)(r9 +0)\n"
      "R9 !read_ok\n");
  ASSERT_EQ(log.steps.size(), 3u);
  EXPECT_EQ(log.steps[0].slot, 0u);
  EXPECT_EQ(log.steps[1].slot, 1u);
  EXPECT_EQ(log.steps[2].slot, 5u);
  EXPECT_EQ(log.steps_read, 7u);
  EXPECT_FALSE(log.cut);
}

TEST(Log, prefixes_of_dmesg_loaders_and_windows) {
  const std::string plain =
      "0: (b7) r0 = 0\n; return x; @ a.c:3\n1: (79) r0 = *(u64 *)(r2 +0)\nR2 !read_ok\n";
  for (const char* prefix : {"libbpf: ", "[  812.441822] ", "Nov 22 10:00:01 host app[12]: ", "\t"}) {
    std::string text;
    std::istringstream lines(plain);
    for (std::string line; std::getline(lines, line);) text += prefix + line + "\r\n";
    const Log log = parse_log(text);
    ASSERT_EQ(log.steps.size(), 2u) << prefix;
    EXPECT_EQ(log.sources.size(), 1u) << prefix;
    ASSERT_EQ(log.messages.size(), 1u) << prefix;
    EXPECT_EQ(log.messages[0].text, "R2 !read_ok") << prefix;
  }
}

TEST(Log, frames_follow_calls) {
  const Log log = parse_log(
      "0: R1=ctx() R10=fp0\n"
      "0: (85) call pc+1\n"
      "caller:\n R10=fp0\ncallee:\n frame1: R1=ctx() R10=fp0\n"
      "2: frame1: R1=ctx() R10=fp0\n"
      "2: (b7) r0 = 5                        ; frame1: R0=5\n"
      "3: (95) exit\n"
      "returning from callee:\n frame1: R0=5 R10=fp0\nto caller at 1:\n R0=5 R10=fp0\n"
      "1: (0f) r0 += r3\n"
      "R3 !read_ok\n");
  ASSERT_EQ(log.steps.size(), 4u);
  EXPECT_EQ(log.steps[0].frame, 0u);
  EXPECT_EQ(log.steps[1].frame, 1u);
  EXPECT_EQ(log.steps[2].frame, 1u);
  EXPECT_EQ(log.steps[3].frame, 0u);
}

TEST(Log, limits_hold) {
  std::string text;
  for (int i = 0; i < 1000; i++) text += "0: (b7) r0 = 0\n1: (05) goto pc-2\n";
  for (int i = 0; i < 100; i++) text += "what is this?\n";
  const Log log = parse_log(text, {.steps = 64, .messages = 5});
  EXPECT_LE(log.steps.size(), 64u);
  EXPECT_EQ(log.messages.size(), 5u);
  EXPECT_TRUE(log.cut);
  EXPECT_EQ(log.steps_read, 2000u);
}

TEST(Explain, unknown_reasons_are_not_guessed) {
  const Explanation e = explain(parse_log("0: R1=ctx() R10=fp0\n0: (b7) r0 = 0\nthe moon is full\n"));
  EXPECT_EQ(e.category->id, "other");
  EXPECT_EQ(e.reason, "the moon is full");
  EXPECT_TRUE(e.advice.empty());
  EXPECT_TRUE(e.snippet.empty());
}

TEST(Explain, nothing_to_explain) {
  const Explanation e = explain(parse_log(""));
  EXPECT_EQ(e.category->id, "other");
  EXPECT_TRUE(e.reason.empty());
  EXPECT_FALSE(e.has_insn);
}

// The same mistake in the notation of 4.19 and of 6.x.
TEST(Explain, old_and_new_logs_alike) {
  const std::string head =
      "0: (bf) r6 = r1\n1: (18) r1 = 0xffff8881f0a3c000\n3: (85) call bpf_map_lookup_elem#1\n";
  const std::string tail = "4: (61) r1 = *(u32 *)(r0 +0)\nR0 invalid mem access 'map_value_or_null'\n";
  for (const char* value :
       {"4: R0=map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0) R6=ctx(id=0,off=0,imm=0) R10=fp0,call_-1\n",
        "4: R0=map_value_or_null(id=1,map=m,ks=4,vs=8) R6=ctx() R10=fp0\n", ""}) {
    const Explanation e = explain(parse_log(head + value + tail));
    EXPECT_EQ(e.category->id, "missing-null-check");
    EXPECT_EQ(e.slot, 4u);
    ASSERT_FALSE(e.path.empty());
    EXPECT_EQ(e.path[0].slot, 3u);
    EXPECT_NE(e.snippet.find("if (!"), std::string::npos);
  }
}

// docs/verify.md lists the table.
TEST(Explain, docs_list_every_category) {
  std::ifstream file(std::string(SKEP_SOURCE_DIR) + "/docs/verify.md");
  std::stringstream text;
  text << file.rdbuf();
  std::string rows = "| id | what it means |\n|---|---|\n";
  for (const Category& category : categories())
    rows += "| `" + std::string(category.id) + "` | " + std::string(category.meaning) + " |\n";
  EXPECT_NE(text.str().find(rows), std::string::npos) << "docs/verify.md should have:\n" << rows;
}

}  // namespace
}  // namespace skep::verify
