// The rows that recognise the kernel's reason lines and say what they mean: pattern, category, words, and for
// what words in a row cannot say a function.
#pragma once

#include <span>
#include <string_view>

#include "skep/verify/story.h"

namespace skep::verify {

// Which value made it fail.
enum class Culprit : std::uint8_t {
  none,
  reg,       // the pattern's first {reg}
  scalar,    // of the failing arithmetic instruction: its operand that is a number
  pointer,   // of the failing arithmetic instruction: its operand that is a pointer
  argument,  // R<n>: the pattern's {arg}, from 1
  arg0,      // likewise, from 0
  result,    // r0
};

struct Rule {
  // Captures: {reg} R and a number; {num} a number; {name} no space, quote or comma; {arg} a number; * any
  // text.
  std::string_view pattern;
  std::string_view category;
  Culprit culprit = Culprit::none;
  // Templates over Story::words: {v} the culprit, {state} what is known of it, {1} to {9} the captures,
  // {callee} the function that is called.
  std::string_view headline, needed = {}, advice = {}, snippet = {};
  // Looks closer, before the templates are filled: may set words, or fields of the explanation, which then
  // stay.
  void (*refine)(Story&) = nullptr;
};

std::span<const Rule> memory_rules();   // loads, stores, offsets, null, uninitialised
std::span<const Rule> call_rules();     // helpers, kfuncs, their arguments, references, locks
std::span<const Rule> program_rules();  // loops, limits, return values, instructions, BTF

// Does a call of this helper or kfunc give something back?
bool releases(std::string_view callee);

// Does the whole line fit? `captured` gets the captures in order.
bool matches(std::string_view pattern, std::string_view line, std::vector<std::string>& captured);

// Sets the field unless something stands there.
void suggest(std::string& field, std::string text);
void set_category(Story& story, std::string_view id);

// What the kernel's own report says, where the rules say nothing: explain_report.cpp.
void use_report(const LogReport& report, Explanation& explanation);

}  // namespace skep::verify
