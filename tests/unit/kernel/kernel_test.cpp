// The kernel's side of Sys, without privileges where possible.
#include "skep/kernel/kernel.h"

#include <gtest/gtest.h>

namespace skep::kernel {
namespace {

TEST(Kernel, cpu_lists) {
  EXPECT_EQ(*count_cpu_list("0\n"), 1u);
  EXPECT_EQ(*count_cpu_list("0-3,8-11\n"), 12u);
  EXPECT_EQ(*count_cpu_list("0,2"), 3u);
  for (const char* bad : {"", "\n", "a", "0-", "1;2", "99999999999"})
    EXPECT_FALSE(count_cpu_list(bad)) << bad;
}

TEST(Kernel, describes_itself) {
  Kernel kernel;
  EXPECT_GE(kernel.possible_cpus(), 1u);
  EXPECT_GE(kernel.kernel_version().major, 4u);
  EXPECT_EQ(kernel.kernel_version().code() >> 16, kernel.kernel_version().major);
}

TEST(Kernel, errors_are_errno) {
  Kernel kernel;
  EXPECT_EQ(kernel.close(-1), -EBADF);
  EXPECT_EQ(kernel.dup(-1), -EBADF);
  auto none = kernel.kernel_btf("no_such_module");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ENOENT);
  EXPECT_EQ(kernel.kernel_btf("../etc").error().code, EINVAL);
  uapi::MapElemAttr attr{};
  long got = kernel.bpf(uapi::Command::map_lookup_elem, &attr, sizeof attr);
  EXPECT_LT(got, 0);
}

}  // namespace
}  // namespace skep::kernel
