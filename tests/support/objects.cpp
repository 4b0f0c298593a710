// Reading the test objects; the mutator is xorshift64* with a handful of edits.
#include "tests/support/objects.h"

#include <algorithm>
#include <filesystem>

#include "skep/base/file.h"

namespace skep::test_support {

std::vector<TestObject> read_objects(const std::string& source_dir) {
  std::vector<TestObject> objects;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir + "/tests/objects")) {
    if (entry.path().extension() != ".o") continue;
    auto bytes = base::read_file(entry.path().string());
    if (bytes) objects.push_back({entry.path().filename().string(), std::move(*bytes)});
  }
  std::sort(objects.begin(), objects.end(),
            [](const TestObject& a, const TestObject& b) { return a.name < b.name; });
  return objects;
}

Buffer read_object(const std::string& source_dir, const std::string& name) {
  auto bytes = base::read_file(source_dir + "/tests/objects/" + name);
  return bytes ? std::move(*bytes) : Buffer();
}

std::uint64_t Mutator::next() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545f4914f6cdd1dULL;
}

Buffer Mutator::mutate(Bytes bytes) {
  constexpr std::uint64_t extremes[] = {0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0xffffffffffffffff};
  Buffer damaged(bytes.begin(), bytes.end());
  for (std::uint64_t places = 1 + below(4); places != 0 && !damaged.empty(); places--) {
    std::size_t at = below(damaged.size());
    std::size_t length = std::min<std::size_t>(std::size_t{1} << below(4), damaged.size() - at);
    std::uint64_t how = below(3);
    std::uint64_t value = how == 0 ? next() : extremes[below(std::size(extremes))];
    if (how == 2) {
      damaged[at] ^= static_cast<std::uint8_t>(1U << below(8));
    } else {
      std::memcpy(&damaged[at], &value, length);
    }
  }
  return damaged;
}

}  // namespace skep::test_support
