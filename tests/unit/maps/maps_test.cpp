// Laws of the map families: each behaves as a simple model under random operations; errnos are the kernel's.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "skep/maps/map.h"
#include "skep/maps/memory.h"
#include "skep/maps/ringbuf.h"

namespace skep::maps {
namespace {

using uapi::MapType;
using Key = std::vector<std::uint8_t>;

Definition definition(MapType type, std::uint32_t key, std::uint32_t value, std::uint32_t entries,
                      std::uint32_t flags = 0) {
  Definition d;
  d.type = type;
  d.key_size = key;
  d.value_size = value;
  d.max_entries = entries;
  d.flags = flags;
  d.name = "test";
  d.cpus = 3;
  return d;
}

std::shared_ptr<Map> make(const Definition& d) {
  auto made = create(d);
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return made ? *made : nullptr;
}

int error_of(const Definition& d) {
  auto made = create(d);
  return made ? 0 : made.error().code;
}

std::set<Key> keys_of(Map& map) {
  std::set<Key> keys;
  Key key(map.definition().key_size), next = key;
  for (long error = map.next_key(nullptr, next.data()); error == 0;
       error = map.next_key(key.data(), next.data())) {
    EXPECT_TRUE(keys.insert(next).second) << "next_key repeats itself";
    key = next;
  }
  return keys;
}

TEST(MapCreate, refuses_what_the_kernel_refuses) {
  constexpr auto np = map_flag::no_prealloc;
  for (auto type : {MapType::hash, MapType::percpu_hash, MapType::lru_hash, MapType::lru_percpu_hash}) {
    EXPECT_EQ(error_of(definition(type, 0, 4, 1)), EINVAL);
    EXPECT_EQ(error_of(definition(type, 4, 0, 1)), EINVAL);
    EXPECT_EQ(error_of(definition(type, 4, 4, 0)), EINVAL);
    EXPECT_EQ(error_of(definition(type, 4, 4, 1, map_flag::mmapable)), EINVAL);
    EXPECT_EQ(error_of(definition(type, 4, 5 << 20, 1)), E2BIG);
    EXPECT_EQ(error_of(definition(type, 4, 4, 1, map_flag::rdonly | map_flag::wronly)), EINVAL);
  }
  EXPECT_EQ(error_of(definition(MapType::hash, 4, 4, 1, map_flag::no_common_lru)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::lru_hash, 4, 4, 1, np)), 524);
  EXPECT_EQ(error_of(definition(MapType::percpu_hash, 4, 32769, 1)), E2BIG);
  EXPECT_EQ(error_of(definition(MapType::array, 8, 4, 1)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::array, 4, 0, 1)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::array, 4, 4, 0)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::array, 4, 0x80000000, 1)), E2BIG);
  EXPECT_EQ(error_of(definition(MapType::array, 4, 1 << 20, 0xffffffff)), ENOMEM);
  EXPECT_EQ(error_of(definition(MapType::array, 4, 4, 1, np)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::percpu_array, 4, 4, 1, map_flag::mmapable)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::percpu_array, 4, 32769, 1)), E2BIG);
  EXPECT_EQ(error_of(definition(MapType::lpm_trie, 8, 4, 1)), EINVAL);  // without BPF_F_NO_PREALLOC
  EXPECT_EQ(error_of(definition(MapType::lpm_trie, 4, 4, 1, np)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::lpm_trie, 261, 4, 1, np)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::lpm_trie, 8, 4, 0xffffffff, np)), 0);
  EXPECT_EQ(error_of(definition(MapType::ringbuf, 0, 0, 4095)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::ringbuf, 0, 0, 12288)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::ringbuf, 4, 0, 4096)), EINVAL);
  EXPECT_EQ(error_of(definition(static_cast<MapType>(1000), 4, 4, 1)), EINVAL);
}

// Random operations beside a std::map.
class HashLaws : public ::testing::TestWithParam<std::tuple<MapType, std::uint32_t, std::uint32_t>> {};

TEST_P(HashLaws, behaves_as_a_map) {
  auto [type, key_size, flags] = GetParam();
  constexpr std::uint32_t entries = 200;
  auto map = make(definition(type, key_size, 12, entries, flags));
  std::mt19937 random(key_size);
  std::map<Key, Key> model;
  std::size_t value_size = map->user_value_size();
  for (int step = 0; step < 20000; step++) {
    Key key(key_size, 0);
    auto number = static_cast<std::uint32_t>(random() % 300);
    std::memcpy(key.data(), &number, std::min<std::size_t>(key_size, 4));
    if (key_size > 8) key.back() = static_cast<std::uint8_t>(number % 7);
    Key value(value_size);
    for (auto& byte : value) byte = static_cast<std::uint8_t>(random());
    // Only value_size bytes of each CPU's 16 count.
    if (value_size != 12)
      for (std::size_t i = 0; i < value_size; i++)
        if (i % 16 >= 12) value[i] = 0;
    bool present = model.contains(key);
    switch (random() % 4) {
      case 0: {
        std::uint64_t how = random() % 3;
        long expected = how == noexist && present             ? -EEXIST
                        : how == exist && !present            ? -ENOENT
                        : !present && model.size() == entries ? -E2BIG
                                                              : 0;
        ASSERT_EQ(map->update(key.data(), value.data(), how), expected);
        if (expected == 0) model[key] = value;
        break;
      }
      case 1:
        ASSERT_EQ(map->remove(key.data()), present ? 0 : -ENOENT);
        model.erase(key);
        break;
      case 2: {
        Key got(value_size);
        ASSERT_EQ(map->lookup(key.data(), got.data(), 0), present ? 0 : -ENOENT);
        if (present) {
          ASSERT_EQ(got, model[key]);
        }
        image::RunContext ctx;
        ctx.cpu = 1;
        auto* seen =
            static_cast<std::uint8_t*>(map->descriptor().lookup(&map->descriptor(), key.data(), &ctx));
        ASSERT_EQ(seen != nullptr, present);
        if (present) {
          std::size_t at = value_size == 12 ? 0 : 16;
          ASSERT_EQ(std::memcmp(seen, model[key].data() + at, 12), 0);
          auto offset = static_cast<std::uint64_t>(seen - map->descriptor().values.base);
          ASSERT_EQ(offset % map->descriptor().values.stride, 0u);
          ASSERT_LT(offset / map->descriptor().values.stride, map->descriptor().values.count);
        }
        break;
      }
      case 3:
        if (random() % 8 == 0) {
          Key got(value_size);
          ASSERT_EQ(map->lookup_and_delete(key.data(), got.data(), 0), present ? 0 : -ENOENT);
          if (present) {
            ASSERT_EQ(got, model[key]);
          }
          model.erase(key);
        }
    }
  }
  std::set<Key> expected;
  for (const auto& [key, value] : model) expected.insert(key);
  EXPECT_EQ(keys_of(*map), expected);
}

INSTANTIATE_TEST_SUITE_P(Sizes, HashLaws,
                         ::testing::Combine(::testing::Values(MapType::hash, MapType::percpu_hash),
                                            ::testing::Values(2u, 4u, 7u, 8u, 13u, 16u, 40u),
                                            ::testing::Values(0u, map_flag::no_prealloc)));

TEST(Hash, flags_and_odd_calls) {
  auto map = make(definition(MapType::hash, 4, 4, 2));
  std::uint32_t key = 1, value = 5;
  EXPECT_EQ(map->update(&key, &value, 3), -EINVAL);
  EXPECT_EQ(map->update(&key, &value, 8), -EINVAL);
  EXPECT_EQ(map->update(&key, &value, f_lock), -EINVAL);  // no lock in the value
  EXPECT_EQ(map->lookup(&key, &value, 1), -EINVAL);
  EXPECT_EQ(map->next_key(nullptr, &key), -ENOENT);
  EXPECT_EQ(map->freeze(), 0);
  EXPECT_EQ(map->freeze(), -EBUSY);
}

TEST(Hash, replaced_value_keeps_its_bytes_for_those_who_hold_it) {
  auto map = make(definition(MapType::hash, 4, 4, 2));
  image::MapDescriptor& d = map->descriptor();
  std::uint32_t key = 1, one = 1, two = 2;
  ASSERT_EQ(d.update(&d, &key, &one, any, nullptr), 0);
  auto* held = static_cast<std::uint32_t*>(d.lookup(&d, &key, nullptr));
  ASSERT_EQ(d.update(&d, &key, &two, any, nullptr), 0);
  EXPECT_EQ(*held, 1u);
  EXPECT_EQ(*static_cast<std::uint32_t*>(d.lookup(&d, &key, nullptr)), 2u);
}

TEST(Hash, spin_lock_in_the_value) {
  Definition d = definition(MapType::hash, 4, 8, 2);
  d.spin_lock_at = 4;
  auto map = make(d);
  std::uint32_t key = 1, value[2] = {7, 0xffffffff}, got[2];
  ASSERT_EQ(map->update(&key, value, any), 0);
  ASSERT_EQ(map->lookup(&key, got, f_lock), 0);  // would hang had the caller's bytes become the lock
  EXPECT_EQ(got[0], 7u);
  EXPECT_EQ(got[1], 0u);
  value[0] = 8;
  ASSERT_EQ(map->update(&key, value, exist | f_lock), 0);
  ASSERT_EQ(map->lookup(&key, got, 0), 0);
  EXPECT_EQ(got[0], 8u);
}

TEST(Hash, percpu_update_by_a_program_sets_its_own_cpu) {
  auto map = make(definition(MapType::percpu_hash, 4, 4, 4));
  image::MapDescriptor& d = map->descriptor();
  image::RunContext ctx;
  ctx.cpu = 2;
  std::uint32_t key = 9, value = 77;
  ASSERT_EQ(d.update(&d, &key, &value, any, &ctx), 0);
  std::uint64_t all[3] = {1, 1, 1};
  ASSERT_EQ(map->user_value_size(), sizeof all);
  ASSERT_EQ(map->lookup(&key, all, 0), 0);
  EXPECT_EQ(all[0], 0u);
  EXPECT_EQ(all[1], 0u);
  EXPECT_EQ(all[2], 77u);
  struct {
    const void* key;
    std::uint32_t cpu;
  } asked{&key, 2}, beyond{&key, 3};
  EXPECT_EQ(*static_cast<std::uint32_t*>(d.lookup_percpu(&d, &asked, &ctx)), 77u);
  EXPECT_EQ(d.lookup_percpu(&d, &beyond, &ctx), nullptr);
}

TEST(Lru, keeps_what_is_used) {
  auto map = make(definition(MapType::lru_hash, 4, 4, 64));
  image::MapDescriptor& d = map->descriptor();
  std::uint32_t hot = 1'000'000, value = 3;
  ASSERT_EQ(map->update(&hot, &value, any), 0);
  for (std::uint32_t key = 0; key < 10000; key++) {
    ASSERT_EQ(map->update(&key, &key, any), 0);
    ASSERT_NE(d.lookup(&d, &hot, nullptr), nullptr) << "after " << key;
  }
  EXPECT_EQ(keys_of(*map).size(), 64u);
}

TEST(Hash, readers_beside_writers) {
  auto map = make(definition(MapType::hash, 8, 8, 64));
  image::MapDescriptor& d = map->descriptor();
  for (std::uint64_t key = 0; key < 32; key++) ASSERT_EQ(map->update(&key, &key, any), 0);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    std::mt19937 random(1);
    while (!stop) {
      std::uint64_t key = 32 + random() % 64, stay = random() % 32;
      map->update(&key, &key, any);
      map->update(&stay, &stay, any);  // present all the time, though it moves
      key = 32 + random() % 64;
      map->remove(&key);
    }
  });
  for (int round = 0; round < 20000; round++) {
    std::uint64_t key = static_cast<std::uint64_t>(round) % 32;
    ASSERT_NE(d.lookup(&d, &key, nullptr), nullptr);
  }
  stop = true;
  writer.join();
}

TEST(Array, elements_always_exist) {
  auto map = make(definition(MapType::array, 4, 12, 5));
  std::uint32_t key = 4;
  std::uint8_t value[12] = {1, 2, 3}, got[12];
  EXPECT_EQ(map->update(&key, value, noexist), -EEXIST);
  EXPECT_EQ(map->update(&key, value, exist), 0);
  EXPECT_EQ(map->lookup(&key, got, 0), 0);
  EXPECT_EQ(std::memcmp(value, got, 12), 0);
  EXPECT_EQ(map->remove(&key), -EINVAL);
  EXPECT_EQ(keys_of(*map).size(), 5u);
  key = 5;
  EXPECT_EQ(map->lookup(&key, got, 0), -ENOENT);
  EXPECT_EQ(map->update(&key, value, any), -E2BIG);
  std::uint32_t next;
  EXPECT_EQ(map->next_key(&key, &next), 0);
  EXPECT_EQ(next, 0u);
  image::MapDescriptor& d = map->descriptor();
  key = 4;
  EXPECT_EQ(d.lookup(&d, &key, nullptr), d.base + 4 * d.stride);
  key = 5;
  EXPECT_EQ(d.lookup(&d, &key, nullptr), nullptr);
}

TEST(Array, percpu_values_have_their_places) {
  auto map = make(definition(MapType::percpu_array, 4, 4, 5));
  image::MapDescriptor& d = map->descriptor();
  std::uint32_t key = 3;
  std::uint64_t values[3] = {10, 11, 12}, got[3];
  ASSERT_EQ(map->user_value_size(), sizeof values);
  ASSERT_EQ(map->update(&key, values, any), 0);
  for (std::uint32_t cpu = 0; cpu < 3; cpu++) {
    image::RunContext ctx;
    ctx.cpu = cpu;
    auto* value = static_cast<std::uint32_t*>(d.lookup(&d, &key, &ctx));
    EXPECT_EQ(*value, 10 + cpu);
    EXPECT_EQ(reinterpret_cast<std::uint8_t*>(value), d.base + cpu * d.cpu_stride + 3 * d.stride);
  }
  EXPECT_EQ(map->lookup(&key, got, 0), 0);
  EXPECT_EQ(std::memcmp(values, got, sizeof got), 0);
}

TEST(Array, mmapable_memory_is_the_values) {
  auto map = make(definition(MapType::array, 4, 8, 600, map_flag::mmapable));
  void* at = nullptr;
  ASSERT_EQ(map->map_memory(0, 4800, true, &at), 0);
  static_cast<std::uint64_t*>(at)[599] = 42;
  std::uint32_t key = 599;
  std::uint64_t value = 0;
  EXPECT_EQ(map->lookup(&key, &value, 0), 0);
  EXPECT_EQ(value, 42u);
  munmap(at, 4800);
  EXPECT_EQ(map->map_memory(4096, 8192, false, &at), -EINVAL);
  EXPECT_EQ(map->map_memory(1, 4096, false, &at), -EINVAL);
  EXPECT_EQ(make(definition(MapType::array, 4, 8, 1))->map_memory(0, 8, false, &at), not_supported);
}

// The trie against looking at every prefix.
struct Prefix {
  std::uint32_t bits;
  std::array<std::uint8_t, 4> data;
  bool operator<(const Prefix& other) const {
    return std::tie(bits, data) < std::tie(other.bits, other.data);
  }
};
static_assert(sizeof(Prefix) == 8);

bool matches(const Prefix& prefix, const Prefix& address) {
  for (std::uint32_t i = 0; i < prefix.bits; i++)
    if (((prefix.data[i / 8] ^ address.data[i / 8]) >> (7 - i % 8)) & 1) return false;
  return true;
}

Prefix masked(Prefix prefix) {
  for (std::uint32_t i = prefix.bits; i < 32; i++)
    prefix.data[i / 8] = static_cast<std::uint8_t>(prefix.data[i / 8] & ~(1 << (7 - i % 8)));
  return prefix;
}

TEST(LpmTrie, finds_the_longest_prefix) {
  auto map = make(definition(MapType::lpm_trie, 8, 4, 300, map_flag::no_prealloc));
  image::MapDescriptor& d = map->descriptor();
  std::mt19937 random(7);
  std::map<Prefix, std::uint32_t> model;
  auto any_prefix = [&] {
    Prefix p{static_cast<std::uint32_t>(random() % 33), {}};
    // Few different bytes, so that prefixes meet.
    for (auto& byte : p.data) byte = static_cast<std::uint8_t>((random() % 4) * 0x55);
    return p;
  };
  for (std::uint32_t step = 0; step < 20000; step++) {
    Prefix key = any_prefix();
    bool present = model.contains(masked(key));
    switch (random() % 3) {
      case 0: {
        std::uint64_t how = random() % 3;
        long expected = how == noexist && present         ? -EEXIST
                        : how == exist && !present        ? -ENOENT
                        : !present && model.size() == 300 ? -ENOSPC
                                                          : 0;
        ASSERT_EQ(map->update(&key, &step, how), expected);
        if (expected == 0) model[masked(key)] = step;
        break;
      }
      case 1:
        ASSERT_EQ(map->remove(&key), present ? 0 : -ENOENT);
        model.erase(masked(key));
        break;
      case 2: {
        const std::uint32_t* best = nullptr;
        std::uint32_t best_bits = 0;
        for (const auto& [prefix, value] : model)
          if (prefix.bits <= key.bits && (!best || prefix.bits >= best_bits) && matches(prefix, key))
            best = &value, best_bits = prefix.bits;
        auto* found = static_cast<std::uint32_t*>(d.lookup(&d, &key, nullptr));
        ASSERT_EQ(found != nullptr, best != nullptr);
        if (best) {
          ASSERT_EQ(*found, *best);
        }
      }
    }
    if (step % 500 == 0) {
      ASSERT_EQ(keys_of(*map).size(), model.size());
    }
  }
  Prefix wrong{33, {}};
  std::uint32_t value = 0;
  EXPECT_EQ(map->update(&wrong, &value, any), -EINVAL);
  EXPECT_EQ(map->remove(&wrong), -EINVAL);
  EXPECT_EQ(d.lookup(&d, &wrong, nullptr), nullptr);
}

TEST(LpmTrie, walks_in_postorder) {
  auto map = make(definition(MapType::lpm_trie, 8, 4, 10, map_flag::no_prealloc));
  std::uint32_t value = 0;
  Prefix prefixes[] = {
      {16, {192, 168, 0, 0}}, {24, {192, 168, 0, 0}}, {24, {192, 168, 128, 0}}, {24, {192, 168, 1, 0}}};
  for (Prefix& p : prefixes) ASSERT_EQ(map->update(&p, &value, any), 0);
  Prefix expected[] = {prefixes[1], prefixes[3], prefixes[2], prefixes[0]};
  Prefix key{}, next{};
  long error = map->next_key(nullptr, &next);
  for (const Prefix& want : expected) {
    ASSERT_EQ(error, 0);
    EXPECT_EQ(std::memcmp(&next, &want, sizeof want), 0);
    key = next;
    error = map->next_key(&key, &next);
  }
  EXPECT_EQ(error, -ENOENT);
}

TEST(Ringbuf, records_arrive_in_order_over_two_threads) {
  Bell bell;
  Definition d = definition(MapType::ringbuf, 0, 0, 4096);
  d.bell = &bell;
  auto map = make(d);
  auto& ring = static_cast<Ringbuf&>(*map);
  void *consumer_page, *rest;
  ASSERT_EQ(map->map_memory(0, 4096, true, &consumer_page), 0);
  ASSERT_EQ(map->map_memory(4096, 4096 + 2 * 4096, false, &rest), 0);
  auto* consumed = static_cast<std::uint64_t*>(consumer_page);
  auto* produced = static_cast<std::uint64_t*>(rest);
  auto* data = static_cast<std::uint8_t*>(rest) + 4096;

  constexpr std::uint64_t count = 5000;
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < count;) {
      std::uint64_t size = 8 + i % 100;
      auto* record = static_cast<std::uint8_t*>(ring.reserve(size));
      if (!record) {
        std::this_thread::yield();
        continue;
      }
      std::memset(record, static_cast<int>(i & 255), size);
      std::memcpy(record, &i, 8);
      ring.commit(record, 0, i % 7 == 3);
      i++;
    }
  });
  std::uint64_t at = 0, expected = 0;
  while (expected < count) {
    ASSERT_TRUE(bell.wait(2000, [&] { return ring.readable(); }));
    while (at < __atomic_load_n(produced, __ATOMIC_ACQUIRE)) {
      auto* header = reinterpret_cast<std::uint32_t*>(data + at % 4096);
      std::uint32_t word = __atomic_load_n(header, __ATOMIC_ACQUIRE);
      if (word & rb_busy) break;
      std::uint32_t size = word & ~rb_discard;
      std::uint64_t number;
      std::memcpy(&number, header + 2, 8);
      ASSERT_EQ(number, expected);
      ASSERT_EQ((word & rb_discard) != 0, number % 7 == 3);
      ASSERT_EQ(size, 8 + number % 100);
      ASSERT_TRUE(size == 8 || (header + 2)[0] == number);
      if (size > 8) {
        ASSERT_EQ(reinterpret_cast<std::uint8_t*>(header + 2)[size - 1], number & 255);
      }
      expected++;
      at += round_up(size + 8, 8);
      __atomic_store_n(consumed, at, __ATOMIC_RELEASE);
    }
  }
  producer.join();
  EXPECT_EQ(ring.query(0), 0u);
  munmap(consumer_page, 4096);
  munmap(rest, 3 * 4096);
}

TEST(Ringbuf, sizes_and_rights) {
  auto map = make(definition(MapType::ringbuf, 0, 0, 4096));
  auto& ring = static_cast<Ringbuf&>(*map);
  void* at;
  EXPECT_EQ(map->map_memory(0, 8192, true, &at), -EPERM);
  EXPECT_EQ(map->map_memory(4096, 4096, true, &at), -EPERM);
  EXPECT_EQ(map->map_memory(0, 5 * 4096, false, &at), -EINVAL);
  EXPECT_EQ(ring.reserve(4096), nullptr);
  EXPECT_EQ(ring.reserve(~std::uint64_t{0}), nullptr);
  void* one = ring.reserve(2000);
  void* two = ring.reserve(2000);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(ring.reserve(100), nullptr);
  ring.commit(two, 0, false);
  EXPECT_EQ(ring.reserve(100), nullptr);  // the first is still open
  ring.commit(one, 0, false);
  EXPECT_EQ(ring.query(0), 4016u);
  EXPECT_EQ(ring.query(1), 4096u);
  std::uint32_t key = 0;
  EXPECT_EQ(map->lookup(&key, &key, 0), not_supported);
}

TEST(Ringbuf, a_hostile_consumer_position_cannot_break_it) {
  auto map = make(definition(MapType::ringbuf, 0, 0, 4096));
  auto& ring = static_cast<Ringbuf&>(*map);
  void* page;
  ASSERT_EQ(map->map_memory(0, 4096, true, &page), 0);
  for (std::uint64_t position : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{12345}}) {
    *static_cast<std::uint64_t*>(page) = position;
    for (int i = 0; i < 100; i++)
      if (void* record = ring.reserve(64)) ring.commit(record, 0, false);
  }
  munmap(page, 4096);
}

TEST(Queue, and_stack_keep_their_order) {
  for (auto type : {MapType::queue, MapType::stack}) {
    bool stack = type == MapType::stack;
    auto map = make(definition(type, 0, 4, 3));
    image::MapDescriptor& d = map->descriptor();
    std::uint32_t value = 0, got = 99;
    EXPECT_EQ(d.pop(&d, &got, nullptr), -ENOENT);
    EXPECT_EQ(got, 0u);
    for (value = 1; value <= 3; value++) EXPECT_EQ(d.push(&d, &value, any, nullptr), 0);
    EXPECT_EQ(d.push(&d, &value, any, nullptr), -E2BIG);
    EXPECT_EQ(d.push(&d, &value, noexist, nullptr), -EINVAL);
    EXPECT_EQ(d.push(&d, &value, exist, nullptr), 0);  // 4 comes, 1 goes
    EXPECT_EQ(d.peek(&d, &got, nullptr), 0);
    EXPECT_EQ(got, stack ? 4u : 2u);
    EXPECT_EQ(map->lookup(nullptr, &got, 0), 0);
    EXPECT_EQ(got, stack ? 4u : 2u);
    for (std::uint32_t i = 0; i < 3; i++) {
      EXPECT_EQ(map->lookup_and_delete(nullptr, &got, 0), 0);
      EXPECT_EQ(got, stack ? 4 - i : 2 + i);
    }
    EXPECT_EQ(map->lookup_and_delete(nullptr, &got, 0), -ENOENT);
  }
  EXPECT_EQ(error_of(definition(MapType::queue, 4, 4, 1)), EINVAL);
  EXPECT_EQ(error_of(definition(MapType::stack, 0, 1 << 20, 1 << 12)), E2BIG);
}

TEST(BloomFilter, never_forgets) {
  auto map = make(definition(MapType::bloom_filter, 0, 12, 1000));
  image::MapDescriptor& d = map->descriptor();
  std::uint32_t value[3] = {0, 7, 7};
  for (value[0] = 0; value[0] < 1000; value[0]++) ASSERT_EQ(d.push(&d, value, any, nullptr), 0);
  for (value[0] = 0; value[0] < 1000; value[0]++) ASSERT_EQ(d.peek(&d, value, nullptr), 0);
  int wrong = 0;
  for (value[0] = 1000; value[0] < 11000; value[0]++) wrong += d.peek(&d, value, nullptr) == 0;
  EXPECT_LT(wrong, 1000);  // one in fifty is expected
  EXPECT_EQ(d.push(&d, value, exist, nullptr), -EINVAL);
  Definition sixteen = definition(MapType::bloom_filter, 0, 4, 10);
  sixteen.extra = 16;
  EXPECT_EQ(error_of(sixteen), EINVAL);
}

struct Bury final : Graveyard {
  std::vector<std::shared_ptr<void>> buried;
  void retire(std::shared_ptr<void> object) override { buried.push_back(std::move(object)); }
};

TEST(References, arrays_and_hashes_of_maps) {
  Bury graveyard;
  auto inner = make(definition(MapType::array, 4, 8, 2));
  auto other = make(definition(MapType::array, 4, 8, 2));
  for (auto type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    Definition d = definition(type, 4, 4, 5);
    EXPECT_EQ(error_of(d), EBADF);
    d.inner = inner;
    d.graveyard = &graveyard;
    auto map = make(d);
    image::MapDescriptor& m = map->descriptor();
    std::uint32_t key = 3, id = 0;
    EXPECT_EQ(m.lookup(&m, &key, nullptr), nullptr);
    EXPECT_EQ(map->lookup(&key, &id, 0), -ENOENT);
    EXPECT_EQ(map->remove(&key), -ENOENT);
    ASSERT_EQ(map->update_reference(&key, {inner, &inner->descriptor(), 11}, any), 0);
    EXPECT_EQ(m.lookup(&m, &key, nullptr), &inner->descriptor());
    ASSERT_EQ(map->update_reference(&key, {other, &other->descriptor(), 12}, any), 0);
    EXPECT_EQ(graveyard.buried.back(), inner);
    EXPECT_EQ(m.lookup(&m, &key, nullptr), &other->descriptor());
    EXPECT_EQ(map->lookup(&key, &id, 0), 0);
    EXPECT_EQ(id, 12u);
    EXPECT_EQ(map->remove(&key), 0);
    EXPECT_EQ(graveyard.buried.back(), other);
    EXPECT_EQ(m.lookup(&m, &key, nullptr), nullptr);
    Definition nested = d;
    nested.inner = map;
    EXPECT_EQ(error_of(nested), EINVAL);
  }
}

}  // namespace
}  // namespace skep::maps
