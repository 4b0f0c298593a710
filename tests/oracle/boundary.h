// Random programs at the edge of what a verifier can know: a good part is accepted, and then by a byte.
#pragma once

#include "case.h"
#include "skep/uapi/evidence.h"

namespace skep::oracle {

// The kernel whose rules judge the program of a seed: of ten one is 6.1's, one 6.12's, the others are 6.18's.
constexpr std::uint16_t judge_of(std::uint64_t seed) {
  return seed % 10 == 1 ? uapi::since(6, 1) : seed % 10 == 2 ? uapi::since(6, 12) : uapi::since(6, 18);
}

// The case of a seed: one program and its first input. Many are refused.
Case generate_boundary(std::uint64_t seed);

// Another packet and other contents of maps for the same program: numbers that it compares with, and their
// neighbours, come up often.
void refill(Case& c, std::uint64_t seed);

}  // namespace skep::oracle
