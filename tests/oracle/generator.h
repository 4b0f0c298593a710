// Random programs that are valid by construction: registers hold values before they are read, memory is
// reached only where the program proved that it is there, everything ends, and numbers never depend on
// addresses. What the kernel's verifier demands (Documentation/bpf/verifier.rst) holds too, so that most of
// them load there.
#pragma once

#include <string>

#include "case.h"

namespace skep::oracle {

struct GeneratorOptions {
  // For the kernel too: no bpf_get_prandom_u32, whose numbers only engines of ours share; LD_ABS, LD_IND and
  // tail calls in the first function alone, because 6.18's verifier writes outside of its own memory when it
  // traces the precision of a number back over a function that one of them may have left.
  bool for_kernel = false;
};

// The case of a seed.
Case generate(std::uint64_t seed, const GeneratorOptions& options = {});

// The same, then damaged: registers, constants, offsets, operations and jumps changed at random, instructions
// doubled, moved and dropped. Control still stays inside of functions.
Case generate_wild(std::uint64_t seed, const GeneratorOptions& options = {});

// A number that is likely to sit on an edge: of a width, of a sign, of a bit.
std::int32_t edge_number(Random& random);

// The same with jump distances that follow when instructions come and go: `target[i]` is the index of the
// instruction that i jumps to, calls or names as a function; -1 if it does none of that.
struct Labelled {
  Code code;
  std::vector<int> target;
};
Labelled label(const Code& code);
// False: a distance does not fit, or a target is gone.
bool unlabel(const Labelled& labelled, Code& code);
// Drops the instructions [first, first + count): jumps to them go to what follows. False if nothing follows.
bool drop(Labelled& labelled, std::size_t first, std::size_t count);

}  // namespace skep::oracle
