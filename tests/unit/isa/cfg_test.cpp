// Control-flow graphs of small programs.
#include "skep/isa/cfg.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "skep/base/file.h"
#include "skep/isa/assemble.h"

namespace skep::isa {
namespace {

std::string edges(const Cfg& cfg) {
  std::string text;
  for (const BlockEdge& e : cfg.edges)
    text += fmt::format("{}{}{} ", e.from,
                        e.kind == EdgeKind::next    ? ">"
                        : e.kind == EdgeKind::taken ? "!"
                                                    : "~",
                        e.to);
  return text;
}

TEST(cfg, straight_line_is_one_block) {
  auto insns = assemble_insns("r0 = 5 ll; call 5; exit").value();
  Cfg cfg = build_cfg(insns).value();
  ASSERT_EQ(cfg.blocks.size(), 1u);
  EXPECT_EQ(cfg.blocks[0].end, 4u);
  EXPECT_EQ(cfg.blocks[0].last, 3u);
  EXPECT_TRUE(cfg.edges.empty());
}

constexpr std::string_view loop_and_calls = R"(
        r1 = 10
  loop: if r1 == 0 goto done
        r1 += -1
        may_goto loop
        goto loop
  done: call f
        r2 = map_fd(3) ll
        r3 = func((1f - . - 8) / 8) ll
        exit
  f:    r0 = 0
        exit
  1:    r0 = 1
        exit)";

// func's imm counts slots.
std::vector<Insn> program() { return assemble_insns(loop_and_calls).value(); }

TEST(cfg, loops_and_functions) {
  auto insns = program();
  Cfg cfg = build_cfg(insns).value();
  EXPECT_EQ(cfg.entries, (std::vector<Slot>{0, 11, 13}));
  EXPECT_EQ(edges(cfg), "0>1 1>2 1!4 2>3 2!1 3!1 ");
  EXPECT_EQ(cfg.back_to, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(cfg.blocks.back().function, 2u);
  EXPECT_EQ(cfg.block_at(7), 4u);
}

TEST(cfg, jump_tables) {
  auto insns = assemble_insns("gotox r1; r0 = 0; exit; r0 = 1; exit").value();
  const Slot targets[] = {1, 3};
  EXPECT_EQ(edges(build_cfg(insns, targets).value()), "0~1 0~2 ");
  const Slot bad[] = {5};
  EXPECT_EQ(build_cfg(insns, bad).error().message,
            "jump table: slot 5 is not the start of an instruction (5 slots)");
}

TEST(cfg, refuses_what_is_no_program) {
  auto insns = assemble_insns("goto +5; exit").value();
  EXPECT_EQ(build_cfg(insns).error().message, "slot 0: ja: goes to slot 6, outside the program (2 slots)");
}

TEST(cfg, dot) {
  auto insns = program();
  const FunctionName names[] = {{0, "main"}, {11, "say \"f\""}};
  std::string dot = print_dot(build_cfg(insns).value(), insns, "prog", names);
  const std::string path = std::string(SKEP_SOURCE_DIR) + "/tests/golden/isa/cfg.dot";
  if (std::getenv("BLESS") != nullptr) {
    ASSERT_TRUE(base::write_file(path, base::as_bytes(dot)).has_value());
  }
  auto golden = base::read_file(path);
  ASSERT_TRUE(golden.has_value()) << golden.error().message;
  EXPECT_EQ(dot, base::as_text(*golden));
}

}  // namespace
}  // namespace skep::isa
