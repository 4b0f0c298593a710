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
    std::uint64_t hash = hash_of(value), step = hash >> 32 | 1;
    for (std::uint32_t i = 0; i < functions_; i++, hash += step)
      if (!(word(hash).load(std::memory_order_relaxed) >> (hash & 63) & 1)) return -ENOENT;
    return 0;
  }
  long update(const void*, const void* value, std::uint64_t flags) override {
    if (flags != any) return -EINVAL;
    std::uint64_t hash = hash_of(value), step = hash >> 32 | 1;
    for (std::uint32_t i = 0; i < functions_; i++, hash += step)
      word(hash).fetch_or(std::uint64_t{1} << (hash & 63), std::memory_order_relaxed);
    return 0;
  }
  long remove(const void*) override { return -EOPNOTSUPP; }
  long next_key(const void*, void*) override { return -EOPNOTSUPP; }

 private:
  std::atomic<std::uint64_t>& word(std::uint64_t hash) const {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(bits_.at())[(hash & mask_) / 64];
  }
  std::uint64_t hash_of(const void* value) const {
    std::uint64_t h = definition_.hash_seed ^ 0x9e3779b97f4a7c15;
    auto* bytes = static_cast<const std::uint8_t*>(value);
    for (std::uint32_t at = 0; at < definition_.value_size; at += 8) {
      std::uint64_t part = 0;
      std::memcpy(&part, bytes + at, std::min<std::size_t>(8, definition_.value_size - at));
      h = (h ^ part) * 0xff51afd7ed558ccd;
      h ^= h >> 32;
      h *= 0xc4ceb9fe1a85ec53;
      h ^= h >> 29;
    }
    return h;
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
