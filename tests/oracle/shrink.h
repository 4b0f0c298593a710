// Making a case smaller while something about it stays true.
#pragma once

#include "case.h"

namespace skep::oracle {

// Whether a smaller case still shows what the first one showed.
class Question {
 public:
  virtual ~Question() = default;
  virtual bool still(const Case& c) = 0;
};

// Drops programs, ranges of instructions from large to single, then makes constants, offsets and the packet
// simpler, until nothing more can go. Deterministic.
Case shrink(const Case& c, Question& question);

}  // namespace skep::oracle
