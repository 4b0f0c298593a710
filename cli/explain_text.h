// How an explanation looks on a terminal, and as JSON.
#pragma once

#include <string>

#include "skep/base/json.h"
#include "skep/isa/insn.h"
#include "skep/verify/explain.h"
#include "skep/verify/verify.h"

namespace skep::cli {

// The lesson: headline with place and caret, the path over the source lines, what was needed, what to change,
// and the kernel's line. `indent` stands before all but the headline. Ends with a newline.
std::string explain_text(const verify::Explanation& explanation, std::size_t width = 100);

// Members of the object that is being written: category, headline, at, value, needed, path, advice, snippet,
// reason, details.
void put_explanation(base::JsonWriter& json, const verify::Explanation& explanation);

// What the explainer needs of a program that was verified here. The model must outlive it.
verify::ProgramText program_text(const verify::ProgModel& program, const verify::Verdict& verdict);

}  // namespace skep::cli
