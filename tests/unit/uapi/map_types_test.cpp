#include "skep/uapi/map_types.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "raw_kernel.h"

namespace skep::uapi {
namespace {

// The smallest attributes that a row's rules accept.
MapCreateAttr smallest(const MapTypeRow& row) {
  MapCreateAttr attr{};
  attr.map_type = static_cast<std::uint32_t>(row.type);
  attr.key_size = row.key.min;
  attr.value_size = row.value.min;
  attr.map_flags = row.required_flags;
  switch (row.entries) {
    case EntriesRule::zero: break;
    case EntriesRule::one:
    case EntriesRule::at_least_one: attr.max_entries = 1; break;
    case EntriesRule::pages_power_of_two: attr.max_entries = 4096; break;
  }
  if (row.type == MapType::struct_ops)
    attr.btf_vmlinux_value_type_id = 1;
  else if (row.needs_btf)
    attr.btf_key_type_id = attr.btf_value_type_id = 1;
  std::strcpy(attr.map_name, "m");
  return attr;
}

int code_of(const MapCreateAttr& attr) {
  auto result = check_map_create(attr);
  return result.has_value() ? 0 : result.error().code;
}

std::string message_of(const MapCreateAttr& attr) {
  auto result = check_map_create(attr);
  return result.has_value() ? "" : result.error().message;
}

TEST(MapTypes, AreFoundByNumberAndNames) {
  std::set<std::string_view> names;
  for (const MapTypeRow& row : map_types()) {
    EXPECT_EQ(find_map_type(row.type), &row);
    EXPECT_EQ(find_map_type(row.name), &row);
    EXPECT_EQ(find_map_type(row.kernel_name), &row);
    EXPECT_TRUE(names.insert(row.name).second);
    std::string kernel = "BPF_MAP_TYPE_";
    for (char c : row.name) kernel += static_cast<char>(std::toupper(c));
    EXPECT_EQ(row.kernel_name, kernel);
    EXPECT_EQ(row.required_flags & ~row.flags, 0u) << row.name;
    EXPECT_TRUE(row.can(MapOp::lookup) || !row.can(MapOp::lookup_batch)) << row.name;
  }
  EXPECT_EQ(names.size(), 35u);
  EXPECT_EQ(find_map_type(MapType::unspec), nullptr);
  EXPECT_EQ(find_map_type(static_cast<MapType>(36)), nullptr);
  EXPECT_EQ(find_map_type("hsah"), nullptr);
}

TEST(MapTypes, SmallestIsAcceptedAndItsNeighboursAreNot) {
  for (const MapTypeRow& row : map_types()) {
    MapCreateAttr good = smallest(row);
    EXPECT_EQ(message_of(good), "") << row.name;
    MapCreateAttr bad = good;
    bad.key_size = row.key.min ? row.key.min - 1 : 1;
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
    bad = good;
    bad.value_size = row.value.min ? row.value.min - 1 : 1;
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
    bad = good;
    bad.max_entries = row.entries == EntriesRule::zero ? 1 : 0;
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
    bad = good;
    bad.map_flags |= 1u << 31;
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
    bad = good;
    bad.map_flags &= ~row.required_flags;
    EXPECT_EQ(code_of(bad), row.required_flags ? EINVAL : 0) << row.name;
    bad = good;
    std::memset(bad.map_name, 'a', sizeof bad.map_name);
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
    bad = good;
    bad.map_extra = 1ull << 63 | 1;
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
    bad = good;
    bad.btf_key_type_id = 1;
    bad.btf_value_type_id = 0;
    EXPECT_EQ(code_of(bad), EINVAL) << row.name;
  }
}

TEST(MapTypes, MessagesNameTheMember) {
  MapCreateAttr attr = smallest(*find_map_type("hash"));
  attr.max_entries = 0;
  EXPECT_EQ(message_of(attr), "map type hash: max_entries is 0, must be at least 1");
  attr = smallest(*find_map_type("array"));
  attr.key_size = 8;
  EXPECT_EQ(message_of(attr), "map type array: key_size is 8, must be 4");
  attr = smallest(*find_map_type("ringbuf"));
  attr.max_entries = 12288;
  EXPECT_EQ(message_of(attr),
            "map type ringbuf: max_entries is 12288, must be a power of two and at least 4096 (bytes)");
  attr = smallest(*find_map_type("devmap"));
  attr.value_size = 6;
  EXPECT_EQ(message_of(attr), "map type devmap: value_size is 6, must be 4 or 8");
  attr.map_type = 99;
  EXPECT_EQ(message_of(attr), "map type 99 does not exist (known: 1 to 35)");
  attr = smallest(*find_map_type("lpm_trie"));
  attr.map_flags = 0;
  EXPECT_EQ(message_of(attr), "map type lpm_trie: map_flags is 0x0, must contain 0x1 (BPF_F_NO_PREALLOC)");
  attr = smallest(*find_map_type("hash"));
  std::strcpy(attr.map_name, "a b");
  EXPECT_EQ(message_of(attr), "map_name: byte 1 is 0x20, allowed are letters, digits, '_' and '.'");
}

TEST(MapTypes, HelpersAndTypesAgreeBothWays) {
  EXPECT_TRUE(map_allows_helper(MapType::hash, 1));
  EXPECT_TRUE(map_allows_helper(MapType::prog_array, 12));
  EXPECT_FALSE(map_allows_helper(MapType::hash, 12));
  EXPECT_FALSE(map_allows_helper(MapType::prog_array, 1));
  EXPECT_TRUE(map_allows_helper(MapType::devmap, 1));
  EXPECT_FALSE(map_allows_helper(MapType::devmap, 2));
  EXPECT_FALSE(map_allows_helper(MapType::cpumap, 1));
  EXPECT_TRUE(map_allows_helper(MapType::ringbuf, 131));
  EXPECT_FALSE(map_allows_helper(MapType::user_ringbuf, 131));
  EXPECT_TRUE(map_allows_helper(MapType::sk_storage, 194));
  EXPECT_TRUE(map_allows_helper(MapType::percpu_array, 164));
  EXPECT_FALSE(map_allows_helper(MapType::lpm_trie, 164));
  EXPECT_FALSE(map_allows_helper(MapType::unspec, 1));
  EXPECT_TRUE(may_change_sockmap(ProgType::xdp, {}, false));
  EXPECT_TRUE(may_change_sockmap(ProgType::sock_ops, {}, true));
  EXPECT_FALSE(may_change_sockmap(ProgType::sock_ops, {}, false));
  EXPECT_FALSE(may_change_sockmap(ProgType::tracing, AttachType::trace_fentry, false));
}

TEST(MapTypes, UserValues) {
  EXPECT_EQ(user_value_size(*find_map_type("hash"), 5, 8), 5u);
  EXPECT_EQ(user_value_size(*find_map_type("percpu_hash"), 5, 8), 64u);
}

// --- against the running kernel ---

class MapTypesOnKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kernel.permitted()) GTEST_SKIP() << "this process may not create maps";
    MapCreateAttr inner{};
    inner.map_type = static_cast<std::uint32_t>(MapType::array);
    inner.key_size = inner.value_size = 4;
    inner.max_entries = 1;
    inner_fd = static_cast<int>(kernel.bpf(Command::map_create, &inner, sizeof inner));
    ASSERT_GE(inner_fd, 0);
    btf_fd = load_btf();
    ASSERT_GE(btf_fd, 0);
  }
  void TearDown() override {
    if (inner_fd >= 0) kernel.close(inner_fd);
    if (btf_fd >= 0) kernel.close(btf_fd);
  }

  // BTF with one type: [1] INT 'int' of 4 signed bytes.
  int load_btf() {
    const std::uint32_t words[] = {0x0001eb9f, 24, 0, 16, 16, 5, 1, 1u << 24, 4, 1u << 24 | 32};
    char bytes[sizeof words + 5];
    std::memcpy(bytes, words, sizeof words);
    std::memcpy(bytes + sizeof words, "\0int", 5);
    BtfLoadAttr attr{};
    attr.btf = reinterpret_cast<std::uintptr_t>(bytes);
    attr.btf_size = sizeof bytes;
    return static_cast<int>(kernel.bpf(Command::btf_load, &attr, sizeof attr));
  }

  // Attributes for this kernel: with descriptors where a type needs them.
  MapCreateAttr attributes(const MapTypeRow& row) {
    MapCreateAttr attr = smallest(row);
    if (row.needs_btf) {
      attr.value_size = 4;
      attr.btf_fd = static_cast<std::uint32_t>(btf_fd);
    }
    if (row.holds == ValueKind::map_fd) attr.inner_map_fd = static_cast<std::uint32_t>(inner_fd);
    return attr;
  }
  // 0 or an errno.
  int create(const MapCreateAttr& attr) {
    MapCreateAttr copy = attr;
    long fd = kernel.bpf(Command::map_create, &copy, sizeof copy);
    if (fd < 0) return static_cast<int>(-fd);
    kernel.close(static_cast<int>(fd));
    return 0;
  }
  // Rows that this kernel has: what its privileges or configuration leave out answers with the smallest too.
  bool has(const MapTypeRow& row) { return row.type != MapType::struct_ops && create(attributes(row)) == 0; }

  RawKernel kernel;
  int inner_fd = -1, btf_fd = -1;
};

TEST_F(MapTypesOnKernel, AcceptsTheSmallest) {
  int seen = 0;
  for (const MapTypeRow& row : map_types()) {
    seen += has(row);
    // what every kernel since 6.1 has, whatever its configuration
    if (row.type == MapType::hash || row.type == MapType::array || row.type == MapType::lpm_trie ||
        row.type == MapType::ringbuf || row.type == MapType::bloom_filter) {
      EXPECT_TRUE(has(row)) << row.name;
    }
  }
  RecordProperty("types", seen);
  EXPECT_GE(seen, 20);
}

TEST_F(MapTypesOnKernel, RefusesAsTheRulesDo) {
  int compared = 0;
  for (const MapTypeRow& row : map_types()) {
    if (!has(row)) continue;
    const MapCreateAttr good = attributes(row);
    auto same = [&](const char* what, auto change) {
      MapCreateAttr attr = good;
      change(attr);
      EXPECT_EQ(create(attr), code_of(attr)) << row.name << ": " << what << ": " << message_of(attr);
      ++compared;
    };
    if (row.key.min > 0) same("key too small", [&](auto& a) { a.key_size = row.key.min - 1; });
    if (row.key.max < 0xffffffff) same("key too big", [&](auto& a) { a.key_size = row.key.max + 1; });
    if (row.key.max < 1024) same("key at its end", [&](auto& a) { a.key_size = row.key.max; });
    same("key odd", [&](auto& a) { a.key_size = row.key.min + 3; });
    same("key huge", [&](auto& a) { a.key_size = 0xffffffff; });
    if (row.value.min > 0 && !row.needs_btf)
      same("value too small", [&](auto& a) { a.value_size = row.value.min - 1; });
    if (row.value.max < 0xffffffff && !row.needs_btf) {
      same("value too big", [&](auto& a) { a.value_size = row.value.max + 1; });
      if (row.value.max <= 1u << 22) same("value at its end", [&](auto& a) { a.value_size = row.value.max; });
    }
    if (!row.needs_btf) same("value odd", [&](auto& a) { a.value_size = row.value.min + 3; });
    same("entries 0", [&](auto& a) { a.max_entries = 0; });
    same("entries 3", [&](auto& a) { a.max_entries = 3; });
    if (row.max_entries_max) same("entries", [&](auto& a) { a.max_entries = row.max_entries_max + 1; });
    if (row.key_value_max) same("sum", [&](auto& a) { a.key_size = row.key_value_max - a.value_size + 1; });
    if (row.required_flags) same("flags 0", [&](auto& a) { a.map_flags = 0; });
    same("extra", [&](auto& a) { a.map_extra = 1ull << 32 | 1; });
    if (!row.needs_btf) same("key type alone", [&](auto& a) { a.btf_key_type_id = 1; });
    same("kernel type", [&](auto& a) { a.btf_vmlinux_value_type_id = 1; });
    same("name", [&](auto& a) { std::strcpy(a.map_name, "a b"); });
    same("name with dot", [&](auto& a) { std::strcpy(a.map_name, "a.b_9"); });
    for (unsigned bit = 0; bit < 32; ++bit) {
      std::uint32_t flag = 1u << bit;
      // bits that bring descriptors with them or came after 6.18
      if (flag == map_token_fd || flag == map_rb_overwrite || flag == map_stack_build_id) continue;
      same("flag", [&](auto& a) { a.map_flags |= flag; });
    }
    same("access", [&](auto& a) { a.map_flags |= map_rdonly | map_wronly; });
    same("program access", [&](auto& a) { a.map_flags |= map_rdonly_prog | map_wronly_prog; });
  }
  EXPECT_GT(compared, 1000);
}

TEST_F(MapTypesOnKernel, AnswersAsTheRowsSay) {
  for (const MapTypeRow& row : map_types()) {
    if (!has(row)) continue;
    MapCreateAttr create_attr = attributes(row);
    if (row.type == MapType::sockmap || row.type == MapType::sockhash ||
        row.type == MapType::reuseport_sockarray)
      create_attr.value_size = 8;  // only cookies can be read
    long created = kernel.bpf(Command::map_create, &create_attr, sizeof create_attr);
    ASSERT_GE(created, 0) << row.name;
    int fd = static_cast<int>(created);
    alignas(8) char key[64] = {}, value[16384] = {}, next[64] = {};
    auto ask = [&](MapOp op, Command command) {
      MapElemAttr elem{};
      MapBatchAttr batch{};
      long answer;
      if (op >= MapOp::lookup_batch) {
        batch.out_batch = reinterpret_cast<std::uintptr_t>(next);
        batch.keys = reinterpret_cast<std::uintptr_t>(key);
        batch.values = reinterpret_cast<std::uintptr_t>(value);
        batch.count = 1;
        batch.map_fd = static_cast<std::uint32_t>(fd);
        answer = kernel.bpf(command, &batch, sizeof batch);
      } else {
        elem.map_fd = static_cast<std::uint32_t>(fd);
        elem.key = row.key.max == 0 || op == MapOp::next_key ? 0 : reinterpret_cast<std::uintptr_t>(key);
        elem.value = reinterpret_cast<std::uintptr_t>(op == MapOp::next_key ? next : value);
        std::uint32_t size = op == MapOp::remove || op == MapOp::next_key ? 24 : sizeof elem;
        if (op == MapOp::remove) elem.value = 0;
        answer = kernel.bpf(command, &elem, size);
      }
      int expected = row.answers[static_cast<std::size_t>(op)];
      if (expected != 0) {
        EXPECT_EQ(answer, -expected) << row.name << " command " << static_cast<int>(command);
      } else {
        // it may fail over the key or value at hand, but not as an unknown operation
        EXPECT_NE(answer, -enotsupp) << row.name << " command " << static_cast<int>(command);
        EXPECT_NE(answer, -EOPNOTSUPP) << row.name << " command " << static_cast<int>(command);
      }
    };
    ask(MapOp::lookup, Command::map_lookup_elem);
    ask(MapOp::update, Command::map_update_elem);
    ask(MapOp::next_key, Command::map_get_next_key);
    ask(MapOp::lookup_batch, Command::map_lookup_batch);
    ask(MapOp::update_batch, Command::map_update_batch);
    ask(MapOp::lookup_and_delete_batch, Command::map_lookup_and_delete_batch);
    ask(MapOp::delete_batch, Command::map_delete_batch);
    if (row.type != MapType::stack_trace)  // reading and deleting came with 6.18
      ask(MapOp::lookup_and_delete, Command::map_lookup_and_delete_elem);
    ask(MapOp::remove, Command::map_delete_elem);

    MapCreateAttr outer{};
    outer.map_type = static_cast<std::uint32_t>(MapType::array_of_maps);
    outer.key_size = outer.value_size = 4;
    outer.max_entries = 1;
    outer.inner_map_fd = static_cast<std::uint32_t>(fd);
    EXPECT_EQ(create(outer) == 0, row.inner_ok) << row.name;
    kernel.close(fd);
  }
}

}  // namespace
}  // namespace skep::uapi
