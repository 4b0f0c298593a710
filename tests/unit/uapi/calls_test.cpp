#include "skep/uapi/calls.h"

#include <gtest/gtest.h>

#include <cstring>

#include "raw_kernel.h"
#include "skep/uapi/commands.h"
#include "skep/uapi/doubles.h"
#include "skep/uapi/flags.h"

namespace skep::uapi {
namespace {

TEST(Commands, AreFoundByNumberAndNames) {
  for (const CommandRow& row : commands()) {
    EXPECT_EQ(find_command(row.command), &row);
    EXPECT_EQ(find_command(row.name), &row);
    EXPECT_EQ(find_command(row.kernel_name), &row);
    std::string kernel = "BPF_";
    for (char c : row.name) kernel += static_cast<char>(std::toupper(c));
    EXPECT_EQ(row.kernel_name, kernel);
    EXPECT_FALSE(row.fields.empty());
  }
  EXPECT_EQ(find_command(static_cast<Command>(39)), nullptr);
  EXPECT_EQ(find_command("map_destroy"), nullptr);
}

TEST(Commands, ForeignAttrs) {
  unsigned char attr[8192] = {};
  EXPECT_EQ(check_attr(Command::map_freeze, attr, 0), 0);
  EXPECT_EQ(check_attr(Command::map_freeze, attr, 4096), 0);
  EXPECT_EQ(check_attr(Command::map_freeze, attr, 4097), -E2BIG);
  attr[3] = 1;
  EXPECT_EQ(check_attr(Command::map_freeze, attr, 128), 0);
  attr[4] = 1;
  EXPECT_EQ(check_attr(Command::map_freeze, attr, 128), -EINVAL);
  EXPECT_EQ(check_attr(Command::map_freeze, attr, 4), 0);
  EXPECT_EQ(check_attr(Command::prog_load, attr, 128), 0);
  attr[attr_union_size] = 1;
  EXPECT_EQ(check_attr(Command::prog_load, attr, attr_union_size + 1), -E2BIG);
  EXPECT_EQ(check_attr(static_cast<Command>(99), attr, 1), -EINVAL);
}

// Where the running kernel sees the end of each command: with descriptors that do not exist it answers EBADF
// or the like, and EINVAL as soon as the byte behind the end is set.
TEST(Commands, EndWhereTheKernelSaysSo) {
  RawKernel kernel;
  if (!kernel.permitted()) GTEST_SKIP() << "this process may not create maps";
  int compared = 0;
  for (const CommandRow& row : commands()) {
    if (row.evidence == unseen) continue;
    if (row.command == Command::enable_stats || row.command == Command::token_create) continue;
    if (row.command == Command::prog_load || row.command == Command::map_create) continue;
    unsigned char attr[attr_union_size + 8] = {};
    for (const AttrField& field : row.fields) {
      std::uint32_t none = 0x7ffffff0;
      if (field.kind == FieldKind::fd && field.offset + 4 <= row.attr_size &&
          row.command != Command::link_create)
        std::memcpy(attr + field.offset, &none, 4);
    }
    long answer = kernel.bpf(row.command, attr, attr_union_size);
    if (answer >= 0) kernel.close(static_cast<int>(answer));
    if (answer == -EINVAL || row.attr_size >= attr_union_size) continue;
    attr[row.attr_size] = 1;
    EXPECT_EQ(kernel.bpf(row.command, attr, attr_union_size), -EINVAL) << row.name << ", else " << answer;
    ++compared;
  }
  EXPECT_GE(compared, 15);
}

TEST(Calls, NameTheCommandAndTheErrno) {
  RawKernel kernel;
  Recorder recorder(kernel);
  MapCreate options;
  options.type = MapType::lru_hash;
  options.name = "flows";
  auto map = map_create(recorder, options);
  ASSERT_FALSE(map.has_value());
  if (map.error().code == EINVAL) {
    EXPECT_EQ(
        map.error().message,
        "map_create 'flows' (lru_hash): Invalid argument (EINVAL): map type lru_hash: max_entries is 0, "
        "must be at least 1");
  }
  auto get = obj_get(recorder, "/sys/fs/bpf/no/such/pin");
  ASSERT_FALSE(get.has_value());
  EXPECT_TRUE(get.error().message.starts_with("obj_get '/sys/fs/bpf/no/such/pin': ")) << get.error().message;
  ASSERT_EQ(recorder.lines(), (std::vector<std::string>{"bpf map_create", "bpf obj_get"}));
  ASSERT_EQ(recorder.calls().size(), 2u);
  EXPECT_LT(recorder.calls()[0].result, 0);
  ProgLoad bad;
  const std::uint8_t odd[7] = {};
  bad.insns = odd;
  EXPECT_FALSE(prog_load(recorder, bad).has_value());
  EXPECT_EQ(recorder.calls().size(), 2u);
}

class CallsOnKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kernel.permitted()) GTEST_SKIP() << "this process may not create maps";
  }
  RawKernel kernel;
};

TEST_F(CallsOnKernel, MapsEndToEnd) {
  MapCreate options;
  options.type = MapType::hash;
  options.name = "a_name_longer_than_fifteen";
  options.key_size = 4;
  options.value_size = 8;
  options.max_entries = 4;
  auto map = map_create(kernel, options);
  ASSERT_TRUE(map.has_value()) << map.error().message;
  int fd = map->fd();
  std::uint32_t key = 7, next = 0;
  std::uint64_t value = 70, got = 0;
  EXPECT_EQ(map_lookup(kernel, fd, &key, &got), -ENOENT);
  EXPECT_EQ(map_update(kernel, fd, &key, &value, update_exist), -ENOENT);
  EXPECT_EQ(map_update(kernel, fd, &key, &value), 0);
  EXPECT_EQ(map_update(kernel, fd, &key, &value, update_noexist), -EEXIST);
  EXPECT_EQ(map_lookup(kernel, fd, &key, &got), 0);
  EXPECT_EQ(got, 70u);
  EXPECT_EQ(map_next_key(kernel, fd, nullptr, &next), 0);
  EXPECT_EQ(next, 7u);
  EXPECT_EQ(map_next_key(kernel, fd, &key, &next), -ENOENT);
  EXPECT_EQ(map_lookup_and_delete(kernel, fd, &key, &got), 0);
  EXPECT_EQ(map_delete(kernel, fd, &key), -ENOENT);

  std::uint32_t keys[3] = {1, 2, 3}, count = 3;
  std::uint64_t values[3] = {10, 20, 30};
  EXPECT_EQ(map_update_batch(kernel, fd, keys, values, &count), 0);
  EXPECT_EQ(count, 3u);
  std::uint32_t out_keys[4] = {}, position = 0;
  std::uint64_t out_values[4] = {};
  count = 4;
  EXPECT_EQ(map_lookup_batch(kernel, fd, nullptr, &position, out_keys, out_values, &count), -ENOENT);
  EXPECT_EQ(count, 3u);
  for (std::uint32_t i = 0; i < count; ++i) EXPECT_EQ(out_values[i], out_keys[i] * 10);
  count = 3;
  EXPECT_EQ(map_delete_batch(kernel, fd, keys, &count), 0);

  auto info = map_info(kernel, fd);
  ASSERT_TRUE(info.has_value()) << info.error().message;
  EXPECT_STREQ(info->name, "a_name_longer_t");
  EXPECT_EQ(info->value_size, 8u);
  auto ids = all_ids(kernel, ObjectKind::map);
  ASSERT_TRUE(ids.has_value());
  EXPECT_NE(std::find(ids->begin(), ids->end(), info->id), ids->end());
  auto again = by_id(kernel, ObjectKind::map, info->id, map_rdonly);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(map_update(kernel, again->fd(), &key, &value), -EPERM);
  EXPECT_EQ(map_freeze(kernel, fd), 0);
  EXPECT_EQ(map_update(kernel, fd, &key, &value), -EPERM);
  auto none = by_id(kernel, ObjectKind::map, 0x7fffffff);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ENOENT);
}

// r0 = 2; exit
constexpr std::uint64_t pass[] = {0x00000002000000b7, 0x0000000000000095};
// exit without r0
constexpr std::uint64_t broken[] = {0x0000000000000095};

Bytes bytes_of(std::span<const std::uint64_t> insns) {
  return {reinterpret_cast<const std::uint8_t*>(insns.data()), insns.size() * 8};
}

TEST_F(CallsOnKernel, LoadsAndRuns) {
  ProgLoad options;
  options.type = ProgType::xdp;
  options.name = "pass";
  options.insns = bytes_of(pass);
  options.log_level = log_verbose | log_stats;
  auto loaded = prog_load(kernel, options);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_NE(loaded->log.find("processed 2 insns"), std::string::npos) << loaded->log;

  std::uint8_t packet[64] = {1, 2, 3}, out[64] = {};
  TestRun run;
  run.data_in = packet;
  run.data_out = out;
  EXPECT_EQ(test_run(kernel, loaded->prog.fd(), run), 0);
  EXPECT_EQ(run.retval, 2u);
  EXPECT_EQ(run.data_size_out, 64u);
  EXPECT_EQ(std::memcmp(packet, out, sizeof out), 0);
  run.data_out = MutableBytes(out).first(10);
  EXPECT_EQ(test_run(kernel, loaded->prog.fd(), run), -ENOSPC);
  EXPECT_EQ(run.data_size_out, 64u);
  run.data_in = {};
  EXPECT_EQ(test_run(kernel, loaded->prog.fd(), run), -EINVAL);

  auto info = prog_info(kernel, loaded->prog.fd());
  ASSERT_TRUE(info.has_value());
  EXPECT_STREQ(info->name, "pass");
  EXPECT_EQ(info->type, static_cast<std::uint32_t>(ProgType::xdp));
}

TEST_F(CallsOnKernel, ExplainsARefusal) {
  ProgLoad options;
  options.type = ProgType::xdp;
  options.name = "broken";
  options.insns = bytes_of(broken);
  std::string log;
  auto loaded = prog_load(kernel, options, &log);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, EACCES);
  EXPECT_EQ(loaded.error().message, "prog_load 'broken' (xdp): Permission denied (EACCES)");
  EXPECT_NE(log.find("R0 !read_ok"), std::string::npos) << log;
  options.log_level = 1;
  options.log_size = 1;  // grows
  log.clear();
  EXPECT_FALSE(prog_load(kernel, options, &log).has_value());
  EXPECT_NE(log.find("R0 !read_ok"), std::string::npos) << log;
}

// Create two maps and a program; whichever call fails, nothing stays open.
Result<void> story(Sys& sys) {
  MapCreate options;
  options.type = MapType::array;
  options.key_size = options.value_size = 4;
  options.max_entries = 1;
  Handle first = TRY(map_create(sys, options));
  Handle second = TRY(map_create(sys, options));
  ProgLoad load;
  load.type = ProgType::xdp;
  load.insns = bytes_of(pass);
  ProgLoadResult loaded = TRY(prog_load(sys, load));
  TRY(prog_info(sys, loaded.prog.fd()));
  first = std::move(second);
  return {};
}

TEST_F(CallsOnKernel, LeakNothingWhenACallFails) {
  std::uint64_t nth = 1;
  for (;; ++nth) {
    Faulty faulty(kernel, nth, ENOMEM);
    auto result = story(faulty);
    EXPECT_EQ(faulty.opened(), 0) << "call " << nth;
    if (!faulty.failed()) {
      EXPECT_TRUE(result.has_value());
      break;
    }
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ENOMEM);
  }
  EXPECT_EQ(nth, 5u);
}

}  // namespace
}  // namespace skep::uapi
