// Soundness of the verifier: what it accepts must run without a fault, and inside of what it believed.
#pragma once

#include <memory>
#include <string>

#include "engines.h"
#include "skep/verify/verify.h"

namespace skep::oracle {

struct SoundSettings {
  std::uint64_t programs = 1000, seed = 1;
  double seconds = 0;
  unsigned runs = 4;  // of an accepted program, each with another input
  bool kernel = false, refusals = false;
  std::string shrink_to;
};

// What the verifier says about a case's program, and what a run of it shows.
struct Sound {
  verify::Verdict verdict;
  bool recorded = false;      // the states were kept
  bool endless = false;       // a run was out of its budget
  std::uint64_t checked = 0;  // moments that were held against states
  // With all compared more paths are followed to their end, and one of these was refused: no finding, because
  // what is not compared is never read, or says less than what was found safe. Such a program runs without
  // states.
  std::string refused_unpruned;
  std::string wrong;  // empty: nothing
};

class SoundJudge {
 public:
  static Result<std::unique_ptr<SoundJudge>> create();
  ~SoundJudge();
  // Verifies; if accepted runs with the case's own input, then with `runs` - 1 others (made from the seed),
  // the last of which stays in `c`.
  Sound judge(Case& c, unsigned runs);

 private:
  struct Body;
  explicit SoundJudge(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

// Random programs; 0: nothing was wrong.
int run_sound(const SoundSettings& settings);
// Golden files: the verdict must be the file's, and a run of what is accepted must show nothing wrong.
int replay_sound(const std::vector<std::string>& files, bool bless);

}  // namespace skep::oracle
