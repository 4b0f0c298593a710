// Bloom filters: values that were surely not, or probably, pushed before. map_extra: how many hash functions
// (0: 5). Facts: Documentation/bpf/map_bloom_filter.rst.
#include <algorithm>
#include <bit>

#include "skep/maps/families.h"
#include "skep/maps/memory.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;

// Bob Jenkins' lookup3 (public domain, burtleburtle.net/bob/c/lookup3.c: hashlittle), the hash of the
// kernel's bloom filters: with BPF_F_ZERO_SEED both give the same false answers.
std::uint32_t lookup3(const std::uint8_t* bytes, std::uint32_t size, std::uint32_t seed) {
  std::uint32_t a = 0xdeadbeef + size + seed, b = a, c = a;
  auto add = [&](std::uint32_t count) {
    std::uint8_t block[12] = {};
    std::memcpy(block, bytes, count);
    std::uint32_t words[3];
    std::memcpy(words, block, sizeof words);
    a += words[0], b += words[1], c += words[2];
  };
  for (; size > 12; size -= 12, bytes += 12) {
    add(12);
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }
  if (size == 0) return c;
  add(size);
  c ^= b, c -= std::rotl(b, 14);
  a ^= c, a -= std::rotl(c, 11);
  b ^= a, b -= std::rotl(a, 25);
  c ^= b, c -= std::rotl(b, 16);
  a ^= c, a -= std::rotl(c, 4);
  b ^= a, b -= std::rotl(a, 14);
  c ^= b, c -= std::rotl(b, 24);
  return c;
}

class BloomFilter final : public Map {
 public:
  BloomFilter(const Definition& d, Memory bits, std::uint64_t mask)
      : Map(d), bits_(std::move(bits)), mask_(mask) {
    functions_ = d.extra ? static_cast<std::uint32_t>(d.extra) : 5;
    descriptor_.push = [](MapDescriptor* m, const void* value, std::uint64_t flags, RunContext*) -> long {
      return static_cast<Map*>(m->map)->update(nullptr, value, flags);
    };
    descriptor_.peek = [](MapDescriptor* m, void* value, RunContext*) -> long {
      return static_cast<Map*>(m->map)->lookup(nullptr, value, 0);
    };
  }

  // 0: probably there, -ENOENT: surely not.
  long lookup(const void*, void* value, std::uint64_t) override {
    for (std::uint32_t i = 0; i < functions_; i++) {
      std::uint32_t hash = hash_of(value, i);
      if (!(word(hash).load(std::memory_order_relaxed) >> (hash & 63) & 1)) return -ENOENT;
    }
    return 0;
  }
  long update(const void*, const void* value, std::uint64_t flags) override {
    if (flags != any) return -EINVAL;
    for (std::uint32_t i = 0; i < functions_; i++) {
      std::uint32_t hash = hash_of(value, i);
      word(hash).fetch_or(std::uint64_t{1} << (hash & 63), std::memory_order_relaxed);
    }
    return 0;
  }

 private:
  std::atomic<std::uint64_t>& word(std::uint32_t hash) const {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(bits_.at())[(hash & mask_) / 64];
  }
  std::uint32_t hash_of(const void* value, std::uint32_t i) const {
    auto seed = static_cast<std::uint32_t>(definition_.hash_seed);
    return lookup3(static_cast<const std::uint8_t*>(value), definition_.value_size, seed + i);
  }

  Memory bits_;
  std::uint64_t mask_;
  std::uint32_t functions_;
};

}  // namespace

Made create_bloom(const Definition& d) {
  // n * k / ln 2 bits make false answers least likely; 7/5 is close enough.
  std::uint64_t wanted = std::uint64_t{d.max_entries} * (d.extra ? d.extra : 5) / 5 * 7;
  std::uint64_t bits = wanted > (std::uint64_t{1} << 31) ? std::uint64_t{1} << 32
                                                         : std::bit_ceil(std::max<std::uint64_t>(wanted, 64));
  Memory memory = TRY(Memory::reserve(bits / 8, true, d.name));
  return std::shared_ptr<Map>(std::make_shared<BloomFilter>(d, std::move(memory), bits - 1));
}

}  // namespace skep::maps
