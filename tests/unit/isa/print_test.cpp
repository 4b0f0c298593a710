// Printing, held against recorded output of llvm-objdump and bpf-objdump (tests/golden/isa/record.py).
#include "skep/isa/print.h"

#include <gtest/gtest.h>

#include <set>

#include "golden.h"

namespace skep::isa {
namespace {

void compare(const std::string& file, const PrintOptions& options) {
  std::set<OpId> seen;
  for (const GoldenLine& line : read_golden(file)) {
    auto insns = parse_insns(line.bytes).value();
    auto decoded = decode(insns, 0);
    ASSERT_TRUE(decoded.has_value()) << file << ':' << line.number << ": " << decoded.error().message;
    EXPECT_EQ(print(*decoded, options), line.text) << file << ':' << line.number;
    seen.insert(decoded->op);
  }
  EXPECT_EQ(seen.size(), op_count) << file << " must have every row of the table";
}

TEST(print, kernel_as_llvm_objdump) { compare("print_kernel.txt", {.dialect = Dialect::kernel}); }
TEST(print, gnu_as_bpf_objdump) { compare("print_gnu.txt", {.dialect = Dialect::gnu}); }
TEST(print, log) { compare("print_log.txt", {.dialect = Dialect::log}); }

TEST(print, log_names_helpers) {
  Decoded call{.op = op("call_helper"), .imm = 1};
  PrintOptions options{.dialect = Dialect::log, .helper_name = [](std::uint32_t id) {
                         return id == 1 ? std::string_view("bpf_map_lookup_elem") : std::string_view();
                       }};
  EXPECT_EQ(print(call, options), "call bpf_map_lookup_elem#1");
  call.imm = 9999;
  EXPECT_EQ(print(call, options), "call unknown#9999");
}

TEST(print, exact_says_what_src_is) {
  const PrintOptions kernel{.exact = true}, gnu{.dialect = Dialect::gnu, .exact = true};
  Decoded map{.op = op("lddw_map_value"), .slots = 2, .dst = 1, .imm = 8LL << 32 | 5};
  EXPECT_EQ(print(map, kernel), "r1 = map_value(0x5, 0x8) ll");
  EXPECT_EQ(print(map, gnu), "lddw %r1,map_value(5,8)");
  EXPECT_EQ(print({.op = op("call_local"), .imm = 3}, kernel), "call local +0x3");
  EXPECT_EQ(print({.op = op("call_kfunc"), .off = 1, .imm = 300}, kernel), "call kfunc(0x12c, 0x1)");
  EXPECT_EQ(print({.op = op("call_helper"), .imm = 3}, kernel), "call 0x3");
}

}  // namespace
}  // namespace skep::isa
