// A program and what the verifier said of it.
#pragma once

#include <cstdint>
#include <memory>

#include "skep/runtime/model.h"
#include "skep/verify/verify.h"

namespace skep::runtime {

// One BPF_PROG_LOAD that came as far as the verifier, or was refused before.
struct Judged {
  std::shared_ptr<const KeptModel> model;  // null: refused before
  verify::Verdict verdict;                 // of what was refused before: code and reason alone
  bool before_verifier = false;
  std::uint64_t verify_ns = 0;  // that verify() took
};

}  // namespace skep::runtime
