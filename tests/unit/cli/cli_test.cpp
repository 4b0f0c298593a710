// The parts of the command that are functions: words to commands, batch files, numbers.
#include <gtest/gtest.h>

#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/compile.h"
#include "cli/text.h"
#include "cli/verdicts.h"

namespace skep::cli {
namespace {

Result<Found> find(std::vector<std::string> words) {
  static std::vector<std::string> keep;
  keep = std::move(words);
  std::vector<char*> pointers;
  for (std::string& word : keep) pointers.push_back(word.data());
  return find_command(pointers);
}

TEST(Commands, words_may_be_abbreviated_while_unique) {
  EXPECT_EQ(find({"run", "x.o"})->command->words, "run");
  EXPECT_EQ(find({"p", "d", "x.o"})->command->words, "prog dump");
  auto btf = find({"btf", "dump", "file", "x.o"});
  EXPECT_EQ(btf->command->words, "btf dump file");
  EXPECT_EQ(btf->words, 3u);
  EXPECT_EQ(find({"fly"}).error().message, "unknown command 'fly'; see 'skep help'");
  EXPECT_EQ(find({"prog"}).error().message, "which command? 'skep prog dump'");
}

Result<Arguments> parse(const Command& command, std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  return parse_arguments(command, pointers);
}

TEST(Commands, options_stand_anywhere) {
  const Command& run = *find({"run"})->command;
  auto arguments = parse(run, {"--pcap", "-", "x.o", "--json", "--event=a=b", "--event", "c=d"});
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_EQ(arguments->positional, std::vector<std::string>{"x.o"});
  EXPECT_EQ(*arguments->find("pcap"), "-");
  EXPECT_TRUE(arguments->has("json"));
  EXPECT_EQ(arguments->all("event"), (std::vector<std::string>{"a=b", "c=d"}));
  EXPECT_EQ(parse(run, {"--", "--odd.o"})->positional[0], "--odd.o");
}

TEST(Commands, wrong_words_are_named) {
  const Command& run = *find({"run"})->command;
  EXPECT_EQ(parse(run, {"x.o", "--fast"}).error().message, "unknown option '--fast'; see 'skep help run'");
  EXPECT_EQ(parse(run, {"x.o", "-v"}).error().message, "unknown option '-v'; see 'skep help run'");
  EXPECT_EQ(parse(run, {"x.o", "--pcap"}).error().message, "--pcap needs FILE");
  EXPECT_EQ(parse(run, {"x.o", "--json=1"}).error().message, "--json takes no value");
  EXPECT_EQ(parse(run, {}).error().message, "'skep run' needs OBJECT|SOURCE.c");
  EXPECT_EQ(parse(run, {"a", "b"}).error().message, "'skep run' takes OBJECT|SOURCE.c, not also 'b'");
}

TEST(Commands, numbers_are_whole_and_in_range) {
  EXPECT_EQ(parse_number("n", "7", 1, 9).value_or(0), 7u);
  EXPECT_EQ(parse_number("n", "18446744073709551615", 0, ~std::uint64_t{0}).value_or(0), ~std::uint64_t{0});
  for (const char* bad : {"", "0", "10", "7x", "-7", "+7", " 7", "18446744073709551616"})
    EXPECT_EQ(parse_number("n", bad, 1, 9).error().message,
              std::string("--n is '") + bad + "', must be a number from 1 to 9");
}

TEST(Commands, every_command_has_a_page) {
  for (const Command& command : commands()) {
    EXPECT_FALSE(command.summary.empty()) << command.words;
    EXPECT_NE(print_help().find(command.words), std::string::npos);
    for (const Option& option : command.options)
      EXPECT_NE(print_help(command).find(fmt::format("--{}", option.name)), std::string::npos);
  }
}

TEST(Batch, updates) {
  Diagnostics problems;
  auto updates = parse_batch(
      "# comment\n\nmap update name m key 1 0x02 value hex 0a ff noexist # why\r\n"
      "map update name other key hex ff value 255",
      "b", problems);
  EXPECT_EQ(problems.print(), "");
  ASSERT_EQ(updates.size(), 2u);
  EXPECT_EQ(updates[0].map, "m");
  EXPECT_EQ(updates[0].key, (Buffer{1, 2}));
  EXPECT_EQ(updates[0].value, (Buffer{10, 255}));
  EXPECT_EQ(updates[0].flags, 1u);
  EXPECT_EQ(updates[0].line, 3u);
  EXPECT_EQ(updates[1].value, Buffer{255});
}

TEST(Batch, mistakes_have_carets) {
  Diagnostics problems;
  parse_batch(
      "map update name m key 1 256 value 1\nmap delete name m\nmap update name m key 1 value 1 often\n", "b",
      problems);
  EXPECT_EQ(problems.print(),
            "b:1:25: error: '256' is not a byte\n"
            "     1 | map update name m key 1 256 value 1\n"
            "       |                         ^~~\n"
            "b:2:5: error: expected 'update'\n"
            "     2 | map delete name m\n"
            "       |     ^~~~~~\n"
            "b:3:33: error: 'often' is not a byte\n"
            "     3 | map update name m key 1 value 1 often\n"
            "       |                                 ^~~~~\n");
}

TEST(Text, numbers_and_tables) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  Table table({"name", "packets"});
  table.row({"PASS", "1,000"});
  table.row({"DROP", "7"});
  EXPECT_EQ(table.print(), "  name  packets\n  PASS    1,000\n  DROP        7\n");
}

TEST(Verdicts, names) {
  EXPECT_EQ(verdict_name(uapi::ProgType::xdp, 1), "DROP");
  EXPECT_EQ(verdict_name(uapi::ProgType::xdp, 99), "99");
  EXPECT_EQ(verdict_name(uapi::ProgType::sched_cls, 0xffffffff), "UNSPEC");
  EXPECT_TRUE(lets_through(uapi::ProgType::socket_filter, 60));
  EXPECT_FALSE(takes_packets(uapi::ProgType::kprobe));
}

TEST(Compile, object_names) {
  EXPECT_EQ(object_name("/a/b/firewall.bpf.c"), "firewall");
  EXPECT_EQ(object_name("x.o"), "x");
  EXPECT_EQ(object_name(".c"), ".c");
}

TEST(Compile, missing_compiler_says_what_to_install) {
  ASSERT_EQ(::setenv("SKEP_CLANG", "/nowhere/clang", 1), 0);
  auto object = read_object("any.c");
  ::unsetenv("SKEP_CLANG");
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().message, "$SKEP_CLANG is '/nowhere/clang', which cannot be executed");
}

}  // namespace
}  // namespace skep::cli
