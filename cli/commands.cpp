// The rows, and what is derived from them.
#include "cli/commands.h"
#include "cli/text.h"

#include <fmt/format.h>
#include <getopt.h>

#include <algorithm>
#include <charconv>

namespace skep::cli {

namespace {

constexpr Option json_option = {"json", "", "print one JSON document instead of text"};
constexpr Option strict_option = {"strict", "",
                                  "refuse what libbpf 1.x refuses (legacy SEC(\"maps\") definitions)"};

constexpr Option run_options[] = {
    {"prog", "NAME", "the program to run; needed when the object has several that take packets"},
    {"pcap", "FILE", "the capture (pcap, pcapng); - reads it from standard input"},
    {"write", "FILE", "write the packets that got through, as the program left them (.pcapng or .pcap)"},
    {"batch", "FILE", "fill maps first: lines like `map update name M key 1 0 0 0 value 2`"},
    {"event", "MAP=STRUCT", "decode the records of ring buffer MAP as STRUCT of the object's BTF"},
    {"sort", "MAP=FIELD", "list the elements of MAP by this field of their values, the highest first"},
    {"repeat", "N", "run the program N times on each packet"},
    {"count", "N", "stop after N packets"},
    {"packets", "", "print a line for each packet with its verdict"},
    {"time-limit", "MS", "milliseconds that one run may take before it is stopped (1000)"},
    {"interpret", "", "run in the interpreter instead of compiling to machine code"},
    {"no-verify", "",
     "for experiments: load what the verifier refuses too, and check each access while it runs"},
    {"budget", "N", "with --no-verify: instructions that one run may execute before it faults (16,000,000)"},
    {"kernel", "", "run in the Linux kernel instead (needs its privileges); printk goes to its trace pipe"},
    strict_option,
    json_option,
};
constexpr Option generate_options[] = {
    {"count", "N", "packets to write, 1000 if not given"},
    {"seed", "S", "where the generator begins, 1 if not given; the same seed gives the same packets"},
    {"odd", "", "wrong and rare packets instead: cut headers, lengths that lie, fragments, tunnels"},
};
constexpr Option dialect_option = {"dialect", "NAME",
                                   "kernel (clang's syntax; if not given) or gnu (binutils')"};
constexpr Option asm_options[] = {
    {"output", "OBJECT", "where the object goes; - writes to standard output", 'o'},
    dialect_option,
    {"big-endian", "", "an object for big-endian machines"},
};
constexpr Option disasm_options[] = {
    {"relocations", "", "show relocations and CO-RE records below their instructions", 'r'},
    {"source", "", "show source lines (of .BTF.ext) above their instructions", 'S'},
    {"raw", "", "show the bytes of each instruction"},
    {"exact", "", "write source that 'skep asm' makes the same object of"},
    {"section", "NAME", "only this section; may be given several times", 'j'},
    {"function", "NAME", "only this function; may be given several times"},
    {"cfg", "", "draw the control-flow graph instead, in Graphviz' DOT language"},
    dialect_option,
    json_option,
};
constexpr Option object_options[] = {strict_option, json_option};
constexpr Option prog_dump_options[] = {{"prog", "NAME", "only this program"},
                                        {"opcodes", "", "print the bytes of each instruction too"},
                                        strict_option};
constexpr Option btf_dump_options[] = {
    {"c", "", "print C that declares the types (what is called vmlinux.h for a kernel's BTF)"}, json_option};

constexpr Option verify_options[] = {
    {"prog", "NAME", "only this program; may be given again"},
    {"kernel", "VERSION[,...]",
     "whose rules count: 6.18 (if not given), or 5.0 to 6.18; several: a table of programs and versions"},
    {"btf", "[VERSION=]FILE",
     "the kernel's types (of that version), or a directory of such files; if not given the running kernel's"},
    {"unprivileged", "", "judge as for a task without CAP_BPF and CAP_PERFMON"},
    {"log", "LEVEL|FILE",
     "print the verifier's log: 1 the path to a rejection, 2 every state, 4 the figures (added up); or "
     "explain the "
     "log of a kernel (-: standard input)"},
    {"object", "FILE", "with --log FILE: the object or source of the program that the log is of"},
    {"cost", "", "show on which lines the verifier spent its instructions"},
    {"budget", "N", "fail when a program takes more than N instructions to verify"},
    strict_option,
    json_option,
};

constexpr Command table[] = {
    {"run", "OBJECT|SOURCE.c", 1, 1, "run a program on each packet of a capture",
     "Compiles SOURCE.c (with $SKEP_CLANG, clang, or clang-19 ... clang-14), loads the object into the "
     "user-space\n"
     "runtime, which needs no privileges, and runs one program on each packet. Shows verdicts, decoded maps, "
     "the\n"
     "program's output and the packets per second.\n"
     "\n"
     "The program is verified as the kernel would do it, and refused where the kernel would refuse it; then "
     "it is\n"
     "compiled to machine code, and each run goes through BPF_PROG_TEST_RUN. With --no-verify nothing is "
     "refused: the\n"
     "checked interpreter runs the program, and an access outside of the memory that it may touch ends that "
     "run with a\n"
     "fault that names instruction, source line and address; the run of the other packets goes on and skep "
     "exits with 1.",
     run_options, run_run},
    {"generate", "FILE", 1, 1, "write a capture of made-up traffic",
     "Plausible Ethernet traffic: TCP connections from handshake to FIN, DNS, other UDP, ICMP echoes, ARP; a "
     "tenth over\n"
     "IPv6, a tenth with VLAN tags; about 580 bytes a packet in the mean; all lengths and checksums are "
     "right. "
     "FILE is\n"
     "pcap, or pcapng by its name; - writes to standard output.",
     generate_options, run_generate},
    {"asm", "FILE.s", 1, 1, "assemble eBPF source into an object",
     "Reads what clang -S and skep disasm --exact write, or the GNU dialect of bpf-as: labels, sections, "
     "symbols, data,\n"
     "maps and functions by name. The object has sections, symbols and relocations as clang -c writes them "
     "and can be\n"
     "loaded. FILE.s may be - for standard input.",
     asm_options, run_asm},
    {"disasm", "OBJECT|SOURCE.c", 1, 1, "print the instructions of an object's sections",
     "Prints like llvm-objdump -d --no-show-raw-insn --mcpu=v4, with --dialect gnu like bpf-objdump -d. "
     "Unlike 'prog\n"
     "dump' it shows sections as they are in the file, whether or not the object can be loaded.",
     disasm_options, run_disasm},
    {"verify", "[OBJECT|SOURCE.c]", 0, 1, "say whether the kernel would take each program, and why not",
     "Loads each program alone into a verifier that runs in this process, needs no privileges and follows "
     "the\n"
     "kernel's. A program is accepted, rejected (with the kernel's line, the instruction and the source "
     "line), or\n"
     "undecided: it does something that this verifier does not judge yet, which is named. An accept is "
     "always a\n"
     "statement. Exits with 0 when all programs are accepted, else with 1.\n"
     "\n"
     "With several versions (--kernel 5.4,6.1,6.18) it prints a table of programs and versions: loads, or "
     "what "
     "the\n"
     "version lacks, with the reasons below. Versions other than 6.1, 6.12 and 6.18 are judged by table "
     "only. "
     "--btf may\n"
     "be given for each version: --btf 6.1=FILE, or a directory of files that are named like the versions.",
     verify_options, run_verify},
    {"prog dump", "OBJECT|SOURCE.c", 1, 1, "print the instructions of the programs of an object", "",
     prog_dump_options, run_prog_dump},
    {"map show", "OBJECT|SOURCE.c", 1, 1, "list the maps that an object defines", "", object_options,
     run_map_show},
    {"btf dump file", "OBJECT|BTF", 1, 1, "print the types of an object or of a raw BTF file", "",
     btf_dump_options, run_btf_dump},
    {"help", "[COMMAND]", 0, 4, "this list, or one command's page", "", {}, run_help},
    {"version", "", 0, 0, "print the version", "", {}, run_version},
};

std::vector<std::string_view> split_words(std::string_view words) {
  std::vector<std::string_view> out;
  while (!words.empty()) {
    std::size_t space = words.find(' ');
    out.push_back(words.substr(0, space));
    words = space == words.npos ? "" : words.substr(space + 1);
  }
  return out;
}

std::string list_of(const std::vector<const Command*>& commands) {
  std::string out;
  for (const Command* c : commands) out += fmt::format("{}'skep {}'", out.empty() ? "" : ", ", c->words);
  return out;
}

}  // namespace

std::span<const Command> commands() { return table; }

const std::string* Arguments::find(std::string_view name) const {
  auto [first, last] = options.equal_range(name);
  return first == last ? nullptr : &std::prev(last)->second;
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  std::vector<std::string> out;
  auto [first, last] = options.equal_range(name);
  for (auto at = first; at != last; ++at) out.push_back(at->second);
  return out;
}

Result<Found> find_command(std::span<char* const> words) {
  std::vector<const Command*> candidates;
  for (const Command& c : table) candidates.push_back(&c);
  for (std::size_t n = 0; n < words.size(); n++) {
    std::string_view word = words[n];
    std::vector<const Command*> exact, prefix;
    for (const Command* c : candidates) {
      auto parts = split_words(c->words);
      if (n >= parts.size()) continue;
      if (parts[n] == word)
        exact.push_back(c);
      else if (!word.empty() && parts[n].starts_with(word))
        prefix.push_back(c);
    }
    std::vector<const Command*> before = std::move(candidates);
    candidates = exact.empty() ? prefix : exact;
    if (candidates.empty() && n > 0 && !before.empty())
      return fail(EINVAL, "which command? {}", list_of(before));
    if (candidates.empty()) return fail(EINVAL, "unknown command '{}'; see 'skep help'", word);
    // All that are left share their first n + 1 words; done when one is complete.
    if (candidates.size() == 1 && split_words(candidates[0]->words).size() == n + 1)
      return Found{candidates[0], n + 1};
  }
  return fail(EINVAL, "which command? {}", list_of(candidates));
}

Result<Arguments> parse_arguments(const Command& command, std::span<char* const> words) {
  constexpr int first_option = 256;  // above every short option, so that getopt's answers cannot be mistaken
  std::vector<std::string> names;
  for (const Option& option : command.options) names.emplace_back(option.name);
  std::vector<::option> options;
  for (std::size_t i = 0; i < names.size(); i++)
    options.push_back({names[i].c_str(),
                       command.options[i].argument.empty() ? no_argument : required_argument, nullptr,
                       first_option + static_cast<int>(i)});
  options.push_back({});
  std::string letters = ":";
  for (const Option& option : command.options)
    if (option.letter != 0)
      letters += option.argument.empty() ? std::string{option.letter} : std::string{option.letter, ':'};
  std::string program = "skep";
  std::vector<char*> argv = {program.data()};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.push_back(nullptr);
  int argc = static_cast<int>(argv.size()) - 1;

  Arguments out;
  ::optind = 0;  // begins anew, also GNU's permutation
  ::opterr = 0;
  auto option_of = [&](int code) -> const Option& {
    if (code >= first_option) return command.options[static_cast<std::size_t>(code - first_option)];
    return *std::find_if(command.options.begin(), command.options.end(),
                         [&](const Option& option) { return option.letter == code; });
  };
  for (;;) {
    int code = ::getopt_long(argc, argv.data(), letters.c_str(), options.data(), nullptr);
    if (code == -1) break;
    if (code == ':')
      return fail(EINVAL, "--{} needs {}", option_of(::optopt).name, option_of(::optopt).argument);
    if (code == '?' && ::optopt >= first_option)
      return fail(EINVAL, "--{} takes no value", option_of(::optopt).name);
    if (code == '?')
      return fail(EINVAL, "unknown option '{}'; see 'skep help {}'",
                  ::optopt ? fmt::format("-{}", static_cast<char>(::optopt))
                           : argv[static_cast<std::size_t>(::optind) - 1],
                  command.words);
    out.options.emplace(option_of(code).name, ::optarg ? ::optarg : "");
  }
  for (int i = ::optind; i < argc; i++) out.positional.emplace_back(argv[static_cast<std::size_t>(i)]);
  if (out.positional.size() < command.min_positional)
    return fail(EINVAL, "'skep {}' needs {}", command.words, command.arguments);
  if (out.positional.size() > command.max_positional)
    return fail(EINVAL, "'skep {}' takes {}, not also '{}'", command.words,
                command.arguments.empty() ? "no arguments" : command.arguments,
                out.positional[command.max_positional]);
  return out;
}

Result<std::uint64_t> parse_number(std::string_view option, std::string_view text, std::uint64_t least,
                                   std::uint64_t most) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return fail(EINVAL, "--{} is '{}', must be a number from {} to {}", option, text, least, most);
  return value;
}

std::string print_help() {
  std::string out =
      "usage: skep COMMAND [ARGUMENTS] [OPTIONS]\n\n"
      "skep compiles, inspects and runs eBPF programs, in this process and without privileges.\n\n";
  for (const Command& c : table) {
    std::string left = fmt::format("{} {}", c.words, c.arguments);
    out += fmt::format("  skep {:<34} {}\n", left, c.summary);
  }
  out += "\nexit codes: 0 done, 1 the operation failed, 2 it was called wrongly\n";
  return out;
}

std::string print_help(const Command& command) {
  std::string out =
      fmt::format("usage: skep {}{}{}{}\n\n{}\n", command.words, command.arguments.empty() ? "" : " ",
                  command.arguments, command.options.empty() ? "" : " [OPTIONS]", command.summary);
  if (!command.details.empty()) out += fmt::format("\n{}\n", command.details);
  if (!command.options.empty()) out += "\noptions:\n";
  for (const Option& o : command.options)
    out += fmt::format("  {:<20} {}\n",
                       fmt::format("{}--{}{}{}", o.letter == 0 ? "" : fmt::format("-{}, ", o.letter), o.name,
                                   o.argument.empty() ? "" : " ", o.argument),
                       o.help);
  return out;
}

int run_help(const Arguments& arguments) {
  if (arguments.positional.empty()) {
    say("{}", print_help());
    return Exit::ok;
  }
  std::vector<std::string> copy = arguments.positional;
  std::vector<char*> words;
  for (std::string& word : copy) words.push_back(word.data());
  std::string group = fmt::format("{} ", fmt::join(copy, " "));
  bool is_group = false;
  for (const Command& c : table)
    if (c.words.starts_with(group)) {
      is_group = true;
      say("  skep {:<34} {}\n", fmt::format("{} {}", c.words, c.arguments), c.summary);
    }
  if (is_group) return Exit::ok;
  auto found = find_command(words);
  if (!found) {
    report(found.error());
    return Exit::usage;
  }
  say("{}", print_help(*found->command));
  return Exit::ok;
}

int run_version(const Arguments&) {
  say("skep {}\n", SKEP_VERSION);
  return Exit::ok;
}

int report(const Error& error) {
  say(stderr, "skep: {}\n", printable(error.message));
  return Exit::failed;
}

}  // namespace skep::cli
