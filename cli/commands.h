// The command table: what skep can be told, its arguments, options and help. Parsing, `skep help` and usage
// errors are derived from it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/result.h"

namespace skep::cli {

// What the process returns.
enum Exit : int { ok = 0, failed = 1, usage = 2 };

struct Option {
  std::string_view name;      // long name, without dashes
  std::string_view argument;  // what the help calls it; empty: a flag
  std::string_view help;
  char letter = 0;  // its short form; 0: there is none
};

// The words after the command, sorted.
class Arguments {
 public:
  std::vector<std::string> positional;
  std::multimap<std::string, std::string, std::less<>> options;  // a flag has an empty value

  bool has(std::string_view name) const { return options.contains(name); }
  // The last value given; null if the option was not.
  const std::string* find(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
};

struct Command {
  std::string_view words;      // "prog dump"
  std::string_view arguments;  // "OBJECT"; optional ones in brackets
  std::size_t min_positional, max_positional;
  std::string_view summary;  // one line, for the list
  std::string_view details;  // paragraphs, for `skep help COMMAND`
  std::span<const Option> options;
  int (*run)(const Arguments&);
};

// Every command, in the order of the help.
std::span<const Command> commands();

// The command that the first words name and how many they are; words may be abbreviated while they stay
// unique.
struct Found {
  const Command* command;
  std::size_t words;
};
Result<Found> find_command(std::span<char* const> words);

// Sorts what follows the command; options may stand anywhere, "--" ends them. EINVAL with the reason.
Result<Arguments> parse_arguments(const Command& command, std::span<char* const> words);

// The number that option --`option` was given. EINVAL unless all of `text` is a number from `least` to
// `most`.
Result<std::uint64_t> parse_number(std::string_view option, std::string_view text, std::uint64_t least,
                                   std::uint64_t most);

// The list of commands, and one command's page.
std::string print_help();
std::string print_help(const Command& command);

int run_run(const Arguments& arguments);
int run_generate(const Arguments& arguments);
int run_asm(const Arguments& arguments);
int run_disasm(const Arguments& arguments);
int run_prog_dump(const Arguments& arguments);
int run_map_show(const Arguments& arguments);
int run_btf_dump(const Arguments& arguments);
int run_verify(const Arguments& arguments);
int run_help(const Arguments& arguments);
int run_version(const Arguments& arguments);

// Prints "skep: message" to standard error and returns Exit::failed.
int report(const Error& error);

}  // namespace skep::cli
