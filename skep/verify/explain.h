// Why the verifier refused, for people: what is wrong, which value, where it came from, what to change. The
// input is the log in the kernel's format, so that our own rejections and pasted logs of any kernel are
// explained by the same code. Pure; printing stands in cli/explain_text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/isa/insn.h"
#include "skep/uapi/numbers.h"
#include "skep/verify/log.h"

namespace skep::verify {

// What kind of mistake it is. Ids are interface: tools and tests name them.
struct Category {
  std::string_view id;       // kebab-case
  std::string_view title;    // "missing null check"
  std::string_view meaning;  // one sentence
};
std::span<const Category> categories();              // in the order of the docs; the last is "other"
const Category* find_category(std::string_view id);  // null: none

// What is known about the program besides its log. Everything may be empty.
struct ProgramText {
  struct Line {
    isa::Slot slot = 0;
    SourcePlace place;  // function left empty
  };
  struct Function {
    isa::Slot first = 0, end = 0;
    std::string name;
  };
  std::string name;  // of the program
  uapi::ProgType type = uapi::ProgType::unspec;
  uapi::AttachType attach_type{};    // counts only where `type` is known
  std::span<const isa::Insn> insns;  // after the loader's relocation
  std::vector<Line> lines;           // sorted by slot
  std::vector<Function> functions;
  std::string licence;
};

// One step of how it came to it.
struct Cause {
  isa::Slot slot = 0;
  SourcePlace place;
  std::string insn;      // the instruction
  std::string sentence;  // "`idx` is read from the packet here: any value from 0 to 255"
};

struct Explanation {
  const Category* category = nullptr;  // never null
  std::string headline;                // in plain words
  std::string reason;                  // the kernel's line
  std::uint32_t reason_line = 0;       // in the log, from 1; 0: there was none
  std::vector<std::string> details;    // the kernel's lines that stood around it
  bool has_insn = false;               // slot, insn and place hold something
  isa::Slot slot = 0;
  std::string insn;
  SourcePlace place;
  // The value that made it fail.
  std::string culprit;     // "R1", "fp-8"; empty if it is no value
  std::string expression;  // its source expression; empty if not known
  std::string state;       // what is known about it, in words
  std::string raw_state;   // as the log prints it
  std::string needed;      // what would have been accepted
  std::vector<Cause> path;
  std::string advice;   // what to change
  std::string snippet;  // C that works; lines separated by newlines
};

// Explains the rejection in the log. A reason that nothing here knows gives the category "other", with
// reason, path and values and without advice. A log without a rejection gives "other" and an empty reason.
Explanation explain(const Log& log, const ProgramText& program = {});

}  // namespace skep::verify
