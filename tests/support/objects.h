// The objects of tests/objects and deterministic damage to bytes, for the tests of what reads foreign bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skep/base/bytes.h"

namespace skep::test_support {

struct TestObject {
  std::string name;  // "maps.clang19-v3.o"
  Buffer bytes;
};
// All of tests/objects below the project's folder, sorted by name.
std::vector<TestObject> read_objects(const std::string& source_dir);
// One of them; empty bytes if there is none.
Buffer read_object(const std::string& source_dir, const std::string& name);

// Damages bytes the same way on each run: bit flips, random and extreme values, in runs of 1 to 8 bytes.
class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
  // A copy with one to four places damaged.
  Buffer mutate(Bytes bytes);

 private:
  std::uint64_t state_;
};

}  // namespace skep::test_support
