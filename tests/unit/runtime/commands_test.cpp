// The commands of bpf(2): sizes of the attr, errnos, objects and their ids, pins, hostile addresses.
#include <sys/mman.h>

#include "programs.h"
#include "skep/runtime/format.h"
#include "skep/runtime/helpers.h"
#include "skep/runtime/user_memory.h"
#include "skep/uapi/helpers.h"

namespace skep::runtime {
namespace {

using uapi::Command;
using uapi::MapType;

class Commands : public RuntimeTest {
 protected:
  long load_says(const Program& code, const char* text) {
    log[0] = 0;
    long fd = load(code);
    EXPECT_NE(std::strstr(log, text), nullptr) << log;
    return fd;
  }
};

using UnverifiedCommands = Unverified<Commands>;

TEST_F(Commands, attr_sizes) {
  struct {
    uapi::MapCreateAttr attr;
    std::uint8_t beyond[400];
  } big{};
  big.attr.map_type = 2;
  big.attr.key_size = big.attr.value_size = 4;
  big.attr.max_entries = 1;
  EXPECT_GE(sys->bpf(Command::map_create, &big, sizeof big), 0);
  EXPECT_GE(sys->bpf(Command::map_create, &big, 20), 0);  // short: the rest counts as zero
  EXPECT_EQ(sys->bpf(Command::map_create, &big, 12), -EINVAL);
  big.beyond[300] = 1;
  EXPECT_EQ(sys->bpf(Command::map_create, &big, sizeof big), -E2BIG);
  big.beyond[300] = 0;
  big.beyond[0] = 1;  // known to PROG_LOAD, but not of this command
  EXPECT_EQ(sys->bpf(Command::map_create, &big, sizeof big), -EINVAL);
  EXPECT_EQ(sys->bpf(Command::map_create, &big, 5000), -E2BIG);
  EXPECT_EQ(sys->bpf(Command::map_create, nullptr, 20), -EFAULT);
  EXPECT_EQ(sys->bpf(static_cast<Command>(999), &big, 20), -EINVAL);
  EXPECT_EQ(sys->bpf(Command::link_create, &big, 20), -EOPNOTSUPP);
  EXPECT_NE(sys->last_error().find("BPF_LINK_CREATE"), std::string::npos);
}

TEST_F(Commands, addresses_that_are_not_there) {
  long map = create_map(MapType::hash, 8, 300, 4);
  std::uint64_t key = 1;
  std::uint8_t value[300] = {};
  void* hole = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* edge = static_cast<std::uint8_t*>(hole) + 4096;
  ASSERT_EQ(mprotect(edge, 4096, PROT_NONE), 0);
  EXPECT_EQ(update(map, reinterpret_cast<void*>(8), value), -EFAULT);
  EXPECT_EQ(update(map, &key, reinterpret_cast<void*>(0xffff800000000000)), -EFAULT);
  EXPECT_EQ(update(map, &key, edge - 299), -EFAULT);
  EXPECT_EQ(update(map, edge - 7, value), -EFAULT);
  EXPECT_EQ(update(map, edge - 8, edge - 300), 0);
  EXPECT_EQ(lookup(map, edge - 8, edge - 299), -EFAULT);
  EXPECT_EQ(lookup(map, nullptr, value), -EFAULT);
  EXPECT_EQ(sys->bpf(Command::map_create, edge - 19, 20), -EFAULT);
  Program ok = program({mov(0, 0), exit_()});
  uapi::ProgLoadAttr attr = load_attr(ok);
  attr.insns = reinterpret_cast<std::uint64_t>(edge - 8);
  EXPECT_EQ(bpf(Command::prog_load, attr), -EFAULT);
  munmap(hole, 8192);
}

TEST_F(Commands, maps) {
  long map = create_map(MapType::hash, 4, 4, 2);
  std::uint32_t key = 7, value = 9;
  EXPECT_EQ(lookup(map, &key, &value), -ENOENT);
  EXPECT_EQ(update(map, &key, &value, 2), -ENOENT);
  EXPECT_EQ(update(map, &key, &value, 1), 0);
  EXPECT_EQ(update(map, &key, &value, 1), -EEXIST);
  EXPECT_EQ(update(map, &key, &value, 4), -EINVAL);
  EXPECT_EQ(update(-1, &key, &value), -EBADF);
  EXPECT_EQ(update(0, &key, &value), -EBADF);
  long prog = load(program({mov(0, 0), exit_()}));
  EXPECT_EQ(update(prog, &key, &value), -EINVAL);

  std::uint32_t next = 0;
  auto attr = element(map, nullptr, &next);
  EXPECT_EQ(bpf(Command::map_get_next_key, attr), 0);
  EXPECT_EQ(next, 7u);
  attr = element(map, &next, &next);
  EXPECT_EQ(bpf(Command::map_get_next_key, attr), -ENOENT);
  value = 0;
  attr = element(map, &key, &value);
  EXPECT_EQ(bpf(Command::map_lookup_and_delete_elem, attr), 0);
  EXPECT_EQ(value, 9u);
  attr = element(map, &key, nullptr);
  EXPECT_EQ(bpf(Command::map_delete_elem, attr), -ENOENT);
  attr.flags = 1;
  EXPECT_EQ(bpf(Command::map_delete_elem, attr), -EINVAL);  // beyond the command's last field

  EXPECT_EQ(update(map, &key, &value), 0);
  uapi::MapElemAttr freeze{};
  freeze.map_fd = static_cast<std::uint32_t>(map);
  EXPECT_EQ(bpf(Command::map_freeze, freeze), 0);
  EXPECT_EQ(update(map, &key, &value), -EPERM);
  EXPECT_EQ(lookup(map, &key, &value), 0);

  long read_only = create_map(MapType::hash, 4, 4, 2, 1u << 3);
  EXPECT_EQ(update(read_only, &key, &value), -EPERM);
  long write_only = create_map(MapType::hash, 4, 4, 2, 1u << 4);
  EXPECT_EQ(update(write_only, &key, &value), 0);
  EXPECT_EQ(lookup(write_only, &key, &value), -EPERM);
}

TEST_F(Commands, batches) {
  long map = create_map(MapType::hash, 4, 8, 100);
  std::vector<std::uint32_t> keys(100), got_keys(100);
  std::vector<std::uint64_t> values(100), got_values(100);
  for (std::uint32_t i = 0; i < 100; i++) keys[i] = i * 3, values[i] = i;
  uapi::MapBatchAttr attr{};
  attr.map_fd = static_cast<std::uint32_t>(map);
  attr.keys = reinterpret_cast<std::uint64_t>(keys.data());
  attr.values = reinterpret_cast<std::uint64_t>(values.data());
  attr.count = 100;
  ASSERT_EQ(bpf(Command::map_update_batch, attr), 0);
  EXPECT_EQ(attr.count, 100u);
  std::uint32_t token = 0, seen = 0;
  attr.keys = reinterpret_cast<std::uint64_t>(got_keys.data());
  attr.values = reinterpret_cast<std::uint64_t>(got_values.data());
  long error = 0;
  for (attr.in_batch = 0; error == 0; attr.in_batch = attr.out_batch) {
    attr.out_batch = reinterpret_cast<std::uint64_t>(&token);
    attr.count = 30;
    error = bpf(Command::map_lookup_batch, attr);
    for (std::uint32_t i = 0; i < attr.count; i++) EXPECT_EQ(got_keys[i], 3 * got_values[i]);
    seen += attr.count;
  }
  EXPECT_EQ(error, -ENOENT);
  EXPECT_EQ(seen, 100u);
  attr.in_batch = 0;
  attr.count = 60;
  EXPECT_EQ(bpf(Command::map_lookup_and_delete_batch, attr), 0);
  EXPECT_EQ(attr.count, 60u);
  attr.in_batch = 0;
  attr.count = 60;
  EXPECT_EQ(bpf(Command::map_lookup_and_delete_batch, attr), -ENOENT);
  EXPECT_EQ(attr.count, 40u);
}

TEST_F(UnverifiedCommands, refusals_at_load_name_the_place) {
  EXPECT_EQ(load_says(program({mov(0, 0)}), "slot 0"), -EINVAL);
  EXPECT_EQ(load_says(program({call(9999), exit_()}), "insn 0: invalid func unknown#9999"), -EINVAL);
  EXPECT_EQ(load_says(program({call(67), mov(0, 0), exit_()}), "bpf_get_stack#67"), -EINVAL);
  EXPECT_EQ(load_says(program({map_fd(1, 4711), mov(0, 0), exit_()}), "fd 4711"), -EBADF);
  EXPECT_EQ(load_says(program({insn(0x85, 0, 2, 0, 77), exit_()}), "kernel function #77"), -EINVAL);
  EXPECT_EQ(load_says(program({insn(0x30, 0, 0, 0, 0), exit_()}), "not allowed for this program type"),
            -EINVAL);
  EXPECT_EQ(load_says(program({ja(1), lddw(1, 0, 5), mov(0, 0), exit_()}), "slot 0: ja"), -EINVAL);
  EXPECT_EQ(load_says(program({insn(0xff, 0, 0, 0, 0), exit_()}), "slot 0"), -EINVAL);
  EXPECT_EQ(load_says(program({mov(10, 0), exit_()}), "10"), -EINVAL);
  // A jump from one function into another.
  EXPECT_EQ(
      load_says(program({call_local(2), ja(2), exit_(), mov(0, 0), mov(0, 1), exit_()}), "jump out of range"),
      -EINVAL);

  Program prints = program({mov(0, 0), call(6), exit_()});
  auto attr = load_attr(prints);
  attr.license = reinterpret_cast<std::uint64_t>("Proprietary");
  EXPECT_EQ(bpf(Command::prog_load, attr), -EINVAL);
  EXPECT_NE(std::strstr(log, "GPL"), nullptr);
  Program ok = program({mov(0, 0), exit_()});
  attr = load_attr(ok);
  attr.insn_cnt = 0;
  EXPECT_EQ(bpf(Command::prog_load, attr), -E2BIG);
  attr = load_attr(ok);
  attr.prog_type = 100;
  EXPECT_EQ(bpf(Command::prog_load, attr), -EINVAL);
  attr = load_attr(ok);
  attr.prog_name[0] = '-';
  EXPECT_EQ(bpf(Command::prog_load, attr), -EINVAL);
  attr = load_attr(ok);
  attr.log_level = 0;
  EXPECT_EQ(bpf(Command::prog_load, attr), -EINVAL);  // a buffer without a level
}

TEST_F(UnverifiedCommands, log_that_does_not_fit) {
  Program bad = program({call(9999), exit_()});
  auto attr = load_attr(bad);
  attr.log_size = 10;
  EXPECT_EQ(bpf(Command::prog_load, attr), -ENOSPC);
  std::string all = "insn 0: invalid func unknown#9999\n";
  EXPECT_EQ(attr.log_true_size, all.size() + 1);
  EXPECT_EQ(std::string(log), all.substr(all.size() - 9));
  attr.log_level = 1 | 8;
  EXPECT_EQ(bpf(Command::prog_load, attr), -ENOSPC);
  EXPECT_EQ(std::string(log), all.substr(0, 9));
}

TEST_F(Commands, ids_and_information) {
  long map = create_map(MapType::array, 4, 16, 3);
  long prog = load(program({map_fd(1, map), mov(0, 7), exit_()}));
  ASSERT_GE(prog, 0) << log;
  uapi::IdAttr ids{};
  ASSERT_EQ(bpf(Command::map_get_next_id, ids), 0);
  std::uint32_t map_id = ids.next_id;
  ids = {};
  ids.id = map_id;
  EXPECT_EQ(bpf(Command::map_get_next_id, ids), -ENOENT);
  ids = {};
  ids.id = map_id;
  long again = bpf(Command::map_get_fd_by_id, ids);
  EXPECT_GE(again, 0);

  uapi::MapInfo map_info{};
  uapi::InfoAttr attr{};
  attr.bpf_fd = static_cast<std::uint32_t>(again);
  attr.info_len = sizeof map_info;
  attr.info = reinterpret_cast<std::uint64_t>(&map_info);
  ASSERT_EQ(bpf(Command::obj_get_info_by_fd, attr), 0);
  EXPECT_EQ(map_info.id, map_id);
  EXPECT_EQ(map_info.value_size, 16u);
  EXPECT_STREQ(map_info.name, "the_map");

  uapi::ProgInfo info{};
  std::uint32_t used[4] = {};
  Insn insns[8] = {};
  info.nr_map_ids = 4;
  info.map_ids = reinterpret_cast<std::uint64_t>(used);
  info.xlated_prog_len = sizeof insns;
  info.xlated_prog_insns = reinterpret_cast<std::uint64_t>(insns);
  attr.bpf_fd = static_cast<std::uint32_t>(prog);
  attr.info_len = sizeof info;
  attr.info = reinterpret_cast<std::uint64_t>(&info);
  ASSERT_EQ(bpf(Command::obj_get_info_by_fd, attr), 0);
  EXPECT_EQ(info.nr_map_ids, 1u);
  EXPECT_EQ(used[0], map_id);
  EXPECT_EQ(info.xlated_prog_len, 32u);
  EXPECT_EQ(info.verified_insns, 3u);  // a two-slot load counts once
  EXPECT_EQ(insns[2].imm, 7);
  EXPECT_STREQ(info.name, "the_prog");

  // A program keeps its maps; the last one to go takes the id along.
  sys->close(static_cast<int>(map));
  sys->close(static_cast<int>(again));
  ids = {};
  EXPECT_EQ(bpf(Command::map_get_next_id, ids), 0);
  EXPECT_EQ(run(prog, packet(60)).error, 0);
  sys->close(static_cast<int>(prog));
  EXPECT_EQ(bpf(Command::map_get_next_id, ids), -ENOENT);
  EXPECT_EQ(bpf(Command::prog_get_next_id, ids), -ENOENT);
}

TEST_F(Commands, pins) {
  long map = create_map(MapType::array, 4, 4, 1);
  auto pin = [&](const char* path, long fd) {
    uapi::ObjAttr attr{};
    attr.pathname = reinterpret_cast<std::uint64_t>(path);
    attr.bpf_fd = static_cast<std::uint32_t>(fd);
    return bpf(Command::obj_pin, attr);
  };
  auto get = [&](const char* path) {
    uapi::ObjAttr attr{};
    attr.pathname = reinterpret_cast<std::uint64_t>(path);
    return bpf(Command::obj_get, attr);
  };
  EXPECT_EQ(pin("/sys/fs/bpf/dir/map", map), -ENOENT);
  EXPECT_EQ(sys->bpffs_mkdir("/sys/fs/bpf/dir"), 0);
  EXPECT_EQ(pin("/sys/fs/bpf/dir/map", map), 0);
  EXPECT_EQ(pin("/sys/fs/bpf//dir/./map", map), -EEXIST);
  EXPECT_EQ(pin("/sys/fs/bpf/dir/map/x", map), -ENOTDIR);
  EXPECT_EQ(pin("/tmp/map", map), -EPERM);
  EXPECT_EQ(pin("/sys/fs/bpf/../x", map), -EINVAL);
  sys->close(static_cast<int>(map));
  long again = get("/sys/fs/bpf/dir/map");
  std::uint32_t key = 0, value = 5;
  EXPECT_EQ(update(again, &key, &value), 0);
  EXPECT_EQ(get("/sys/fs/bpf/dir"), -EACCES);
  EXPECT_EQ(get("/sys/fs/bpf/none"), -ENOENT);
  auto listed = sys->bpffs_list("/sys/fs/bpf");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_TRUE((*listed)[0].is_directory);
  EXPECT_EQ(sys->bpffs_unlink("/sys/fs/bpf/dir"), -ENOTEMPTY);
  EXPECT_EQ(sys->bpffs_unlink("/sys/fs/bpf/dir/map"), 0);
  EXPECT_EQ(sys->bpffs_unlink("/sys/fs/bpf/dir"), 0);
  EXPECT_FALSE(sys->bpffs_list("/sys/fs/bpf/dir"));
}

TEST(Helpers, table_agrees_with_the_names) {
  for (auto entries : {map_helpers(), ringbuf_helpers(), xdp_helpers(), common_helpers(), text_helpers()})
    for (const HelperEntry& entry : entries) {
      const uapi::Helper* row = uapi::find_helper(entry.id);
      ASSERT_NE(row, nullptr);
      EXPECT_EQ(row->name, entry.name);
    }
}

TEST(Format, follows_the_kernel) {
  auto format = [](std::string_view text, std::initializer_list<std::uint64_t> args) {
    char out[100];
    std::vector<std::uint64_t> all(args);
    long length = format_bpf(text, all, out, sizeof out);
    return length < 0 ? std::to_string(length) : std::string(out);
  };
  const std::uint8_t address[16] = {1, 2, 3, 4, 0xa};
  auto at = reinterpret_cast<std::uint64_t>(address);
  auto name = reinterpret_cast<std::uint64_t>("abc");
  EXPECT_EQ(format("%d %u %x", {~0ull, ~0ull, 255}), "-1 4294967295 ff");
  EXPECT_EQ(format("%lld %lu %llX", {~0ull, ~0ull, 0xabcull}), "-1 18446744073709551615 ABC");
  EXPECT_EQ(format("%05d|%-5d|%5d|%+d", {42, 42, 42, 42}), "00042|42   |   42|+42");
  EXPECT_EQ(format("%s %c 100%%", {name, 'x'}), "abc x 100%");
  EXPECT_EQ(format("[%s]", {8}), "[]");
  EXPECT_EQ(format("%pI4 %pi4", {at, at}), "1.2.3.4 001.002.003.004");
  EXPECT_EQ(format("%pI6", {at}), "0102:0304:0a00:0000:0000:0000:0000:0000");
  EXPECT_EQ(format("%d", {}), std::to_string(-E2BIG));
  EXPECT_EQ(format("%f", {1}), std::to_string(-EINVAL));
  EXPECT_EQ(format("%", {1}), std::to_string(-EINVAL));
  EXPECT_EQ(format("\x01", {}), std::to_string(-EINVAL));
}

TEST(UserMemory, copies_up_to_the_hole) {
  auto* pages = static_cast<std::uint8_t*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  munmap(pages + 4096, 4096);
  std::uint8_t buffer[4096];
  for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 127u, 128u, 129u, 4000u}) {
    std::memset(pages, 0xab, 4096);
    std::memset(buffer, 0, sizeof buffer);
    EXPECT_TRUE(copy_guarded(buffer, pages + 4096 - size, size));
    for (std::size_t i = 0; i < size; i++) ASSERT_EQ(buffer[i], 0xab);
    EXPECT_EQ(buffer[size], 0);
    EXPECT_FALSE(copy_guarded(buffer, pages + 4097 - size, size + 1));
    EXPECT_FALSE(copy_guarded(pages + 4097 - size, buffer, size + 1));
  }
  munmap(pages, 4096);
}

}  // namespace
}  // namespace skep::runtime
