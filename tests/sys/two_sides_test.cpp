// The commands on maps in the kernel and in the runtime: the same calls must give the same errnos and bytes,
// for every map type that the runtime has. Needs the kernel's privileges; skips without.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "skep/kernel/kernel.h"
#include "skep/maps/map.h"
#include "skep/runtime/runtime.h"
#include "tests/sys/script.h"

namespace skep::two_sides {
namespace {

std::vector<uapi::MapType> types() {
  std::vector<uapi::MapType> out;
  for (const uapi::MapTypeRow& row : uapi::map_types())
    if (maps::supports(row.type)) out.push_back(row.type);
  return out;
}

bool may_ask_the_kernel() {
  kernel::Kernel kernel;
  auto attr = uapi::MapCreateAttr{};
  attr.map_type = static_cast<std::uint32_t>(uapi::MapType::devmap);
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  long fd = kernel.bpf(uapi::Command::map_create, &attr, sizeof attr);
  return ::geteuid() == 0 && fd >= 0 && kernel.close(static_cast<int>(fd)) == 0;
}

class TwoSides : public testing::TestWithParam<uapi::MapType> {
 protected:
  using Part = void (Script::*)(uapi::MapType);
  void compare(Part part) {
    if (!may_ask_the_kernel()) GTEST_SKIP() << "bpf(2) is not permitted here";
    kernel::Kernel kernel;
    runtime::Options options;
    options.possible_cpus = kernel.possible_cpus();
    auto runtime = runtime::Runtime::create(options);
    ASSERT_TRUE(runtime) << runtime.error().message;
    runtime::RuntimeSys runtime_sys(**runtime);
    Script theirs(kernel), ours(runtime_sys);
    (theirs.*part)(GetParam());
    (ours.*part)(GetParam());
    int differences = 0;
    std::size_t lines = std::min(theirs.lines().size(), ours.lines().size());
    for (std::size_t i = 0; i < lines && differences < 12; i++)
      if (theirs.lines()[i] != ours.lines()[i]) {
        differences++;
        ADD_FAILURE() << "kernel:  " << theirs.lines()[i] << "\nruntime: " << ours.lines()[i];
      }
    EXPECT_EQ(theirs.lines().size(), ours.lines().size());
    fmt::print("two sides: {} calls compared\n", lines);
  }
};

TEST_P(TwoSides, create) { compare(&Script::create_variants); }
TEST_P(TwoSides, elements) { compare(&Script::element_commands); }

INSTANTIATE_TEST_SUITE_P(Maps, TwoSides, testing::ValuesIn(types()),
                         [](const auto& info) { return std::string(uapi::find_map_type(info.param)->name); });

}  // namespace
}  // namespace skep::two_sides
