// The kernel's side of Sys, without privileges where possible.
#include "skep/kernel/kernel.h"

#include <gtest/gtest.h>

#include "skep/kernel/gunzip.h"

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

// What gzip made of "CONFIG_HZ=250\n".
constexpr std::uint8_t packed_config[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x73, 0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f,
    0xf7, 0x88, 0xb2, 0x35, 0x32, 0x35, 0xe0, 0x02, 0x00, 0xfb, 0x5f, 0x3a, 0x01, 0x0e, 0x00, 0x00, 0x00};

TEST(Gunzip, gives_back_what_was_packed) {
  auto plain = gunzip(packed_config);
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(base::as_text(*plain), "CONFIG_HZ=250\n");
  EXPECT_EQ(gunzip(packed_config, 14)->size(), 14u);
  EXPECT_EQ(gunzip(packed_config, 13).error().code, EFBIG);
}

TEST(Gunzip, refuses_what_is_damaged) {
  for (std::size_t size = 0; size < sizeof packed_config; size++)
    EXPECT_EQ(gunzip(Bytes(packed_config, size)).error().code, EINVAL) << size;
  Buffer damaged(std::begin(packed_config), std::end(packed_config));
  damaged[damaged.size() - 6] ^= 1;  // of the checksum
  EXPECT_EQ(gunzip(damaged).error().code, EINVAL);
  EXPECT_EQ(gunzip(base::as_bytes("CONFIG_HZ=250\n")).error().code, EINVAL);
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
