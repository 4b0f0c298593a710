// skep: finds the command in the table and runs it.
#include <fmt/core.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"

namespace skep::cli {

namespace {

int wrong_usage(const Error& error) {
  say(stderr, "skep: {}\n", error.message);
  return Exit::usage;
}

}  // namespace

int run(std::span<char* const> words) {
  if (words.empty()) {
    say(stderr, "{}", print_help());
    return Exit::usage;
  }
  std::string_view first = words[0];
  if (first == "--help" || first == "-h") return run_help({});
  if (first == "--version" || first == "-V") return run_version({});
  auto found = find_command(words);
  if (!found) return wrong_usage(found.error());
  std::span<char* const> rest = words.subspan(found->words);
  for (std::string_view word : rest)
    if (word == "--help") {
      say("{}", print_help(*found->command));
      return Exit::ok;
    }
  auto arguments = parse_arguments(*found->command, rest);
  if (!arguments) return wrong_usage(arguments.error());
  int code = found->command->run(*arguments);
  if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && code == Exit::ok)
    return report({errno, "standard output: " + base::errno_text(errno)});
  return code;
}

}  // namespace skep::cli

int main(int count, char** words) {
  return skep::cli::run({words + 1, static_cast<std::size_t>(count > 0 ? count - 1 : 0)});
}
