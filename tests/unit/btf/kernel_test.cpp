// BTF of whole kernels: parsed, listed, looked up. Skipped where the reference data is absent.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "skep/base/file.h"
#include "skep/btf/btf.h"
#include "skep/btf/print.h"
#include "tests/support/xz.h"

namespace skep::btf {
namespace {

Buffer kernel_bytes(const std::string& version) {
  std::string path = std::string(SKEP_DATA_DIR) + "/btf/linux-" + version + ".btf.xz";
  if (!std::filesystem::exists(path)) return {};
  auto bytes = test_support::read_xz(path);
  EXPECT_TRUE(bytes.has_value()) << bytes.error().message;
  return bytes ? *bytes : Buffer();
}

class Kernel : public testing::TestWithParam<std::pair<const char*, TypeId>> {
 protected:
  void SetUp() override {
    bytes_ = kernel_bytes(GetParam().first);
    if (bytes_.empty()) GTEST_SKIP() << "no reference data: " << SKEP_DATA_DIR << "/btf";
  }
  Buffer bytes_;
};

TEST_P(Kernel, parses_and_resolves_every_type) {
  auto btf = Btf::parse(bytes_);
  ASSERT_TRUE(btf.has_value()) << btf.error().message;
  if (GetParam().second != 0) {
    EXPECT_EQ(btf->type_count(), GetParam().second);
  }
  std::size_t unresolved = 0, without_alignment = 0;
  for (TypeId id = 1; id < btf->type_count(); id++) {
    if (!btf->resolve(id)) unresolved++;
    if (btf->type(id).is_composite() && !btf->align_of(id)) without_alignment++;
  }
  EXPECT_EQ(unresolved, 0U);
  EXPECT_EQ(without_alignment, 0U);
}

TEST_P(Kernel, finds_types_by_name) {
  auto btf = Btf::parse(bytes_);
  ASSERT_TRUE(btf.has_value()) << btf.error().message;
  auto task = btf->find("task_struct", Kind::struct_);
  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(btf->name(*task), "task_struct");
  EXPECT_GT(btf->size_of(*task).value(), 1000U);
  EXPECT_EQ(btf->align_of(btf->find("int", Kind::int_).value()).value(), 4U);
  EXPECT_EQ(btf->size_of(btf->find("__u64").value()).value(), 8U);
  EXPECT_FALSE(btf->find("no_such_type_in_any_kernel").has_value());
  EXPECT_FALSE(btf->find("task_struct", Kind::union_).has_value());
  // Every name is found, and the id found carries it.
  for (TypeId id = 1; id < btf->type_count(); id += 97) {
    Type type = btf->type(id);
    if (type.name().empty()) continue;
    auto found = btf->find(type.name(), type.kind);
    ASSERT_TRUE(found.has_value()) << type.name();
    EXPECT_LE(*found, id);
    EXPECT_EQ(btf->name(*found), type.name());
  }
}

TEST_P(Kernel, truncated_anywhere_is_an_error) {
  for (std::size_t length = 0; length < bytes_.size(); length += bytes_.size() / 61)
    EXPECT_FALSE(Btf::parse(Bytes(bytes_).first(length)).has_value()) << length;
}

INSTANTIATE_TEST_SUITE_P(Linux, Kernel,
                         testing::Values(std::pair("6.1", TypeId{0}), std::pair("6.12", TypeId{0}),
                                         std::pair("6.18", TypeId{126611})),
                         [](const auto& info) {
                           std::string name = info.param.first;
                           name[1] = '_';
                           return name;
                         });

}  // namespace
}  // namespace skep::btf
