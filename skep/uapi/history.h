// What Linux learnt when, as far as no other table's `since` says it: flags, what may sleep, and the rules of
// the verifier; and the words for what a version lacks that a program needs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

// Of which kind is the thing that a kernel version lacks?
enum class Lack : std::uint8_t {
  none,
  limit,         // size of the program, instructions processed, pending branches
  instruction,   //
  helper,        //
  kfunc,         //
  map_type,      //
  map_flag,      // a bit of map_flags
  program_type,  //
  program_flag,  // a bit of prog_flags, or that the type may sleep
  attach_type,   //
  btf,           // a type, member, function or variable that the kernel's BTF does not have
  rule,          // something that the verifier learnt to follow
};
// "map type"
std::string_view lack_name(Lack lack);

// What was missing. `since` is 0 where no version has it or none is known.
struct Missing {
  Lack lack = Lack::none;
  std::string name{};
  std::uint16_t since = 0;

  explicit operator bool() const { return lack != Lack::none; }
};
// In few words: "helper loop", "bounded loops" (a rule goes without its kind). Empty for nothing.
std::string few_words(const Missing& missing);
// "5.17"; of since().
std::string version_text(std::uint16_t version);

struct FlagRow {
  std::uint32_t bit;
  std::string_view name;  // BPF_F_MMAPABLE
  std::uint16_t since;
};
// map_flags of BPF_MAP_CREATE and prog_flags of BPF_PROG_LOAD, by bit.
std::span<const FlagRow> map_flag_rows();
std::span<const FlagRow> program_flag_rows();
// The first bit of `flags` that `version` does not know; null if it knows them all.
const FlagRow* unknown_flag(std::span<const FlagRow> rows, std::uint32_t flags, std::uint16_t version);
// First version in which programs of this type may be loaded with BPF_F_SLEEPABLE; 0: none, or not known.
std::uint16_t sleepable_since(ProgType type);

// What the verifier learnt to follow or to allow.
enum class Rule : std::uint8_t {
  million,           // a million instructions, in the program and processed; before: 4096 and 131,072
  long_jumps,        // 8192 branches pending; before: 1024
  bounded_loops,     // loops that end; before: no jump backwards
  constant_maps,     // values of frozen read-only maps are known
  global_functions,  // verified once, apart from their callers; before: as static ones
  bounded_spills,    // numbers that are not constant keep their bounds on the stack
  mixed_tail_calls,  // tail calls in programs with functions
  memory_arguments,  // pointers to memory as arguments of global functions
  variable_stack,    // loads and stores at an offset into the stack that is not constant
  narrow_spills,     // numbers of less than 8 bytes keep their bounds on the stack
};
inline constexpr std::size_t rule_count = 10;
struct RuleRow {
  Rule rule;
  Lack lack;              // limit or rule
  std::string_view name;  // as few_words() says it
  std::uint16_t since;
  std::string_view source;  // the commit that brought it
};
const RuleRow& rule_row(Rule rule);
Missing missing(Rule rule);

}  // namespace skep::uapi
