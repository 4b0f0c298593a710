// Hash maps: hash, percpu_hash, lru_hash, lru_percpu_hash.
//
// A table of chains. Buckets and cells refer to each other by index, so nothing is ever freed or moved: cells
// come from one slab and return to a free list, the one given back last going out first (what the kernel's
// preallocated maps do, and what a program that keeps a pointer to a deleted value can see). Changing the
// value of a present key links a new cell and drops the old one, so readers see one value or the other.
//
// Readers do not lock: each bucket has a sequence number, odd while a writer changes its chain; a reader that
// saw it change looks again. All loads on the way are acquire loads, so the check cannot move before them.
// Writers of one map exclude each other.
//
// LRU maps set a bit on use; a full map takes cells in a circle, passing over those used since the last turn
// (the kernel's LRU is as approximate, with other victims).
//
// Facts: Documentation/bpf/map_hash.rst.
#include <bit>
#include <mutex>

#include "skep/maps/families.h"
#include "skep/maps/memory.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;
using uapi::MapType;

struct Cell {
  std::atomic<std::uint32_t> next;  // index + 1; 0: end of the chain
  std::atomic<std::uint32_t> hash;
  // The key follows in words of 8 bytes, padded with zeros; then the value, unless it is per CPU.
};
static_assert(sizeof(Cell) == 8);

struct Bucket {
  std::atomic<std::uint32_t> sequence;
  std::atomic<std::uint32_t> head;  // index + 1; 0: empty
};

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15) * (b ^ 0xd1b54a32d192ed03);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Four bytes of a key. A load of its own even where the next four follow: programs write keys member by
// member just before the call, and a load wider than the stores waits until they have left the pipeline.
inline std::uint32_t key_half(const std::uint8_t* at) {
  struct __attribute__((packed, may_alias)) Half {
    std::uint32_t value;
  };
  return reinterpret_cast<const volatile Half*>(at)->value;
}

// Word `i` of a key of `size` bytes, zero-padded. KS: key size known when compiling (a multiple of 4), 0
// otherwise.
template <unsigned KS>
inline std::uint64_t key_word(const void* key, std::uint32_t size, std::uint32_t i) {
  constexpr bool little = std::endian::native == std::endian::little;
  auto* at = static_cast<const std::uint8_t*>(key) + 8 * i;
  std::uint32_t left = (KS ? KS : size) - 8 * i;
  std::uint64_t word = 0;
  if (left >= 4) {
    std::uint64_t first = key_half(at), second = left >= 8 ? key_half(at + 4) : 0;
    word = little ? first | second << 32 : first << 32 | second;
  }
  if constexpr (KS == 0)
    for (std::uint32_t byte = left < 4 ? 0 : 4; left < 8 && byte < left; byte++)
      word |= std::uint64_t{at[byte]} << (little ? 8 * byte : 56 - 8 * byte);
  return word;
}

template <unsigned KS>
inline std::uint32_t words_of(std::uint32_t size) {
  return KS ? (KS + 7) / 8 : (size + 7) / 8;
}

// Two words for each multiplication, as wyhash and its kin do.
template <unsigned KS>
inline std::uint32_t hash_key(const void* key, std::uint32_t size, std::uint64_t seed) {
  std::uint64_t h = seed;
  const std::uint32_t words = words_of<KS>(size);
  std::uint32_t i = 0;
  for (; i + 2 <= words; i += 2) h = mix(h ^ key_word<KS>(key, size, i), key_word<KS>(key, size, i + 1));
  if (i < words) h = mix(h, key_word<KS>(key, size, i));
  return static_cast<std::uint32_t>(h ^ h >> 32);
}

class HashMap final : public Map {
 public:
  struct Parts {
    Memory buckets, cells, cpu_values, used;
    std::uint32_t bucket_mask, cell_stride, key_words;
  };

  HashMap(const Definition& d, Parts parts) : Map(d), parts_(std::move(parts)) {
    buckets_ = reinterpret_cast<Bucket*>(parts_.buckets.at());
    used_ = reinterpret_cast<std::atomic<std::uint8_t>*>(parts_.used.at());
    value_at_ = static_cast<std::uint32_t>(sizeof(Cell)) + 8 * parts_.key_words;
    cpu_stride_ = static_cast<std::uint32_t>(round_up(d.value_size, 8));
    std::uint64_t cells = capacity();
    if (percpu())
      descriptor_.values = image::Slab{parts_.cpu_values.at(), cells * d.cpus, cpu_stride_, d.value_size};
    else
      descriptor_.values =
          image::Slab{parts_.cells.at() + value_at_, cells, parts_.cell_stride, d.value_size};
    switch (d.key_size) {
      case 4: set_functions<4>(); break;
      case 8: set_functions<8>(); break;
      case 12: set_functions<12>(); break;
      case 16: set_functions<16>(); break;
      case 20: set_functions<20>(); break;
      case 40: set_functions<40>(); break;
      default: set_functions<0>();
    }
    descriptor_.for_each = for_each;
  }

  bool percpu() const {
    return definition_.type == MapType::percpu_hash || definition_.type == MapType::lru_percpu_hash;
  }
  bool lru() const {
    return definition_.type == MapType::lru_hash || definition_.type == MapType::lru_percpu_hash;
  }
  std::uint32_t user_value_size() const override {
    return percpu() ? cpu_stride_ * definition_.cpus : definition_.value_size;
  }

  long lookup(const void* key, void* value, std::uint64_t flags) override {
    if (flags & ~f_lock) return -EINVAL;
    if ((flags & f_lock) && definition_.spin_lock_at < 0) return -EINVAL;
    std::uint32_t index = find_(this, key);
    if (index == none) return -ENOENT;
    copy_out(value, index, flags);
    return 0;
  }

  long update(const void* key, const void* value, std::uint64_t flags) override {
    return insert(key, value, flags, all_cpus);
  }

  long remove(const void* key) override {
    std::lock_guard lock(writers_);
    return remove_locked(key);
  }

  long lookup_and_delete(const void* key, void* value, std::uint64_t flags) override {
    if (flags & ~f_lock) return -EINVAL;
    if ((flags & f_lock) && definition_.spin_lock_at < 0) return -EINVAL;
    std::lock_guard lock(writers_);
    std::uint32_t index = find_(this, key);
    if (index == none) return -ENOENT;
    copy_out(value, index, flags);
    return remove_locked(key);
  }

  long next_key(const void* key, void* next) override {
    std::lock_guard lock(writers_);
    if (count_ == 0) return -ENOENT;  // without a walk over all buckets
    std::uint32_t bucket = 0;
    if (std::uint32_t index = key ? find_(this, key) : none; index != none) {
      if (std::uint32_t after = cell(index)->next.load(std::memory_order_relaxed)) {
        read_key(after - 1, next);
        return 0;
      }
      bucket = (cell(index)->hash.load(std::memory_order_relaxed) & parts_.bucket_mask) + 1;
    }
    for (; bucket <= parts_.bucket_mask; bucket++)
      if (std::uint32_t head = buckets_[bucket].head.load(std::memory_order_relaxed)) {
        read_key(head - 1, next);
        return 0;
      }
    return -ENOENT;
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::uint32_t all_cpus = ~std::uint32_t{0};

  // One cell more than elements: a changed value is written beside the old one.
  std::uint64_t capacity() const { return std::uint64_t{definition_.max_entries} + 1; }

  Cell* cell(std::uint32_t index) const {
    return reinterpret_cast<Cell*>(parts_.cells.at() + std::uint64_t{index} * parts_.cell_stride);
  }
  std::uint64_t* words(std::uint32_t index) const {
    return reinterpret_cast<std::uint64_t*>(cell(index) + 1);
  }
  std::uint8_t* value_of(std::uint32_t index) const {
    return reinterpret_cast<std::uint8_t*>(cell(index)) + value_at_;
  }
  std::uint8_t* value_on(std::uint32_t index, std::uint32_t cpu) const {
    return parts_.cpu_values.at() + (std::uint64_t{cpu} * capacity() + index) * cpu_stride_;
  }

  template <unsigned KS>
  bool key_equals(std::uint32_t index, const void* key) const {
    std::uint64_t* stored = words(index);
    for (std::uint32_t i = 0; i < words_of<KS>(definition_.key_size); i++)
      if (__atomic_load_n(stored + i, __ATOMIC_ACQUIRE) != key_word<KS>(key, definition_.key_size, i))
        return false;
    return true;
  }

  // The cell of `key`, or none. Any thread, no lock.
  template <unsigned KS>
  static std::uint32_t find(const HashMap* map, const void* key) {
    std::uint32_t hash = hash_key<KS>(key, map->definition_.key_size, map->definition_.hash_seed);
    const Bucket& bucket = map->buckets_[hash & map->parts_.bucket_mask];
    for (;;) {
      std::uint32_t before = bucket.sequence.load(std::memory_order_acquire);
      std::uint32_t found = none;
      std::uint32_t steps = 0;
      for (std::uint32_t at = bucket.head.load(std::memory_order_acquire); at != 0;) {
        Cell* c = map->cell(at - 1);
        if (c->hash.load(std::memory_order_acquire) == hash && map->key_equals<KS>(at - 1, key)) {
          found = at - 1;
          break;
        }
        at = c->next.load(std::memory_order_acquire);
        // Cells may have moved to other chains meanwhile: do not follow them for ever.
        if ((++steps & 31) == 0 && bucket.sequence.load(std::memory_order_acquire) != before) break;
      }
      // Odd: a writer (perhaps this very thread, in the middle of a change it made) holds the bucket.
      if (bucket.sequence.load(std::memory_order_acquire) == before && !(before & 1)) return found;
    }
  }

  template <unsigned KS, bool is_percpu, bool is_lru>
  static void* program_lookup(MapDescriptor* d, const void* key, RunContext* ctx) {
    auto* map = static_cast<HashMap*>(d->map);
    std::uint32_t index = find<KS>(map, key);
    if (index == none) return nullptr;
    if constexpr (is_lru) map->touch(index);
    if constexpr (is_percpu)
      return map->value_on(index, ctx ? ctx->cpu : 0);
    else
      return map->value_of(index);
  }

  template <unsigned KS>
  void set_functions() {
    find_ = find<KS>;
    hash_ = hash_key<KS>;
    if (percpu()) {
      descriptor_.lookup = lru() ? program_lookup<KS, true, true> : program_lookup<KS, true, false>;
      descriptor_.lookup_percpu = lookup_on_cpu;
    } else {
      descriptor_.lookup = lru() ? program_lookup<KS, false, true> : program_lookup<KS, false, false>;
    }
    descriptor_.update = [](MapDescriptor* d, const void* key, const void* value, std::uint64_t flags,
                            RunContext* ctx) -> long {
      auto* map = static_cast<HashMap*>(d->map);
      return map->insert(key, value, flags, !map->percpu() ? all_cpus : ctx ? ctx->cpu : 0);
    };
    descriptor_.remove = [](MapDescriptor* d, const void* key, RunContext*) -> long {
      return static_cast<HashMap*>(d->map)->remove(key);
    };
  }

  static void* lookup_on_cpu(MapDescriptor* d, const void* key, RunContext*) {
    struct PercpuKey {
      const void* key;
      std::uint32_t cpu;
    };
    auto* asked = static_cast<const PercpuKey*>(key);
    auto* map = static_cast<HashMap*>(d->map);
    if (asked->cpu >= map->definition_.cpus) return nullptr;
    std::uint32_t index = map->find_(map, asked->key);
    if (index == none) return nullptr;
    if (map->lru()) map->touch(index);
    return map->value_on(index, asked->cpu);
  }

  void touch(std::uint32_t index) {
    if (!used_[index].load(std::memory_order_relaxed)) used_[index].store(1, std::memory_order_relaxed);
  }

  // A change of one bucket's chain, seen by readers as one.
  struct Change {
    explicit Change(Bucket& b) : bucket(b), before(b.sequence.load(std::memory_order_relaxed)) {
      bucket.sequence.store(before + 1, std::memory_order_relaxed);
    }
    ~Change() { bucket.sequence.store(before + 2, std::memory_order_release); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    Bucket& bucket;
    std::uint32_t before;
  };

  Bucket& bucket_of(std::uint32_t index) const {
    return buckets_[cell(index)->hash.load(std::memory_order_relaxed) & parts_.bucket_mask];
  }

  void link(std::uint32_t index) {
    Bucket& bucket = bucket_of(index);
    Change change(bucket);
    cell(index)->next.store(bucket.head.load(std::memory_order_relaxed), std::memory_order_release);
    bucket.head.store(index + 1, std::memory_order_release);
  }

  void unlink(std::uint32_t index) {
    Bucket& bucket = bucket_of(index);
    std::atomic<std::uint32_t>* from = &bucket.head;
    while (from->load(std::memory_order_relaxed) != index + 1)
      from = &cell(from->load(std::memory_order_relaxed) - 1)->next;
    Change change(bucket);
    from->store(cell(index)->next.load(std::memory_order_relaxed), std::memory_order_release);
  }

  // Puts `fresh` in the place of `old` in one change, so that a reader never misses the key.
  void replace(std::uint32_t old, std::uint32_t fresh) {
    Bucket& bucket = bucket_of(old);
    std::atomic<std::uint32_t>* from = &bucket.head;
    while (from->load(std::memory_order_relaxed) != old + 1)
      from = &cell(from->load(std::memory_order_relaxed) - 1)->next;
    Change change(bucket);
    cell(fresh)->next.store(cell(old)->next.load(std::memory_order_relaxed), std::memory_order_release);
    from->store(fresh + 1, std::memory_order_release);
  }

  // A cell for a new element; none when the map is full.
  std::uint32_t take_cell() {
    if (count_ == definition_.max_entries) {
      if (!lru()) return none;
      give_back(evict());
      count_--;
    }
    count_++;
    return take_any();
  }
  std::uint32_t take_any() {
    if (free_) {
      std::uint32_t index = free_ - 1;
      free_ = free_next(index);
      return index;
    }
    return untouched_++;
  }
  // The links of the free list lie in the words of the key, which readers of a stale chain may still look at.
  std::uint32_t free_next(std::uint32_t index) const {
    return static_cast<std::uint32_t>(__atomic_load_n(words(index), __ATOMIC_RELAXED));
  }
  void give_back(std::uint32_t index) {
    __atomic_store_n(words(index), std::uint64_t{free_}, __ATOMIC_RELEASE);
    free_ = index + 1;
  }

  // Only called when the map is full: each cell but the spare one is linked.
  std::uint32_t evict() {
    for (;;) {
      std::uint32_t index = hand_;
      hand_ = hand_ + 1 == capacity() ? 0 : hand_ + 1;
      bool is_spare = free_ ? free_ - 1 == index : index >= untouched_;
      if (is_spare || used_[index].exchange(0, std::memory_order_relaxed)) continue;
      unlink(index);
      return index;
    }
  }

  void write_key(std::uint32_t index, const void* key, std::uint32_t hash) {
    cell(index)->hash.store(hash, std::memory_order_release);
    for (std::uint32_t i = 0; i < parts_.key_words; i++)
      __atomic_store_n(words(index) + i, key_word<0>(key, definition_.key_size, i), __ATOMIC_RELEASE);
  }
  void read_key(std::uint32_t index, void* to) const { copy_value(to, words(index), definition_.key_size); }

  void write_values(std::uint32_t index, const void* value, std::uint32_t cpu, bool fresh) {
    if (!percpu()) {
      // A new element starts with a free lock, whatever the caller's bytes say.
      if (fresh && definition_.spin_lock_at >= 0) zero_value(value_of(index) + definition_.spin_lock_at, 4);
      copy_around_lock(value_of(index), value, definition_.value_size, definition_.spin_lock_at);
      return;
    }
    auto* from = static_cast<const std::uint8_t*>(value);
    for (std::uint32_t c = 0; c < definition_.cpus; c++) {
      if (cpu == all_cpus)
        copy_value(value_on(index, c), from + std::size_t{c} * cpu_stride_, definition_.value_size);
      else if (c == cpu)
        copy_value(value_on(index, c), value, definition_.value_size);
      else if (fresh)
        zero_value(value_on(index, c), cpu_stride_);
    }
  }

  void copy_out(void* value, std::uint32_t index, std::uint64_t flags) const {
    if (percpu()) {
      auto* to = static_cast<std::uint8_t*>(value);
      for (std::uint32_t cpu = 0; cpu < definition_.cpus; cpu++, to += cpu_stride_)
        copy_value(to, value_on(index, cpu), cpu_stride_);
      return;
    }
    if (flags & f_lock) {
      ValueLock lock(value_of(index) + definition_.spin_lock_at);
      copy_value(value, value_of(index), definition_.value_size);
    } else {
      copy_value(value, value_of(index), definition_.value_size);
    }
    if (definition_.spin_lock_at >= 0)
      std::memset(static_cast<std::uint8_t*>(value) + definition_.spin_lock_at, 0, 4);
  }

  long insert(const void* key, const void* value, std::uint64_t flags, std::uint32_t cpu) {
    if ((flags & ~f_lock) > exist) return -EINVAL;
    if ((flags & f_lock) && (percpu() || definition_.spin_lock_at < 0)) return -EINVAL;
    std::lock_guard lock(writers_);
    std::uint32_t old = find_(this, key);
    if (old != none && (flags & noexist)) return -EEXIST;
    if (old == none && (flags & exist)) return -ENOENT;
    if (old != none && percpu()) {
      write_values(old, value, cpu, false);
      if (lru()) touch(old);
      return 0;
    }
    if (old != none && (flags & f_lock)) {
      ValueLock value_lock(value_of(old) + definition_.spin_lock_at);
      copy_around_lock(value_of(old), value, definition_.value_size, definition_.spin_lock_at);
      return 0;
    }
    std::uint32_t fresh = old != none ? take_any() : take_cell();
    if (fresh == none) return -E2BIG;
    write_key(fresh, key, hash_(key, definition_.key_size, definition_.hash_seed));
    write_values(fresh, value, cpu, true);
    if (lru()) used_[fresh].store(old != none, std::memory_order_relaxed);
    if (old == none) {
      link(fresh);
    } else {
      replace(old, fresh);
      give_back(old);
    }
    return 0;
  }

  long remove_locked(const void* key) {
    std::uint32_t index = find_(this, key);
    if (index == none) return -ENOENT;
    unlink(index);
    give_back(index);
    count_--;
    return 0;
  }

  static long for_each(MapDescriptor* d, image::FunctionValue callback, std::uint64_t callback_ctx,
                       std::uint64_t flags, RunContext* ctx) {
    if (flags) return -EINVAL;
    auto* map = static_cast<HashMap*>(d->map);
    EachKey each(d, callback, callback_ctx, ctx);
    for (std::uint32_t bucket = 0; bucket <= map->parts_.bucket_mask; bucket++) {
      std::uint32_t at = map->buckets_[bucket].head.load(std::memory_order_acquire);
      // The callback may delete or add elements: a cell that left this chain ends the walk of it.
      for (std::uint64_t steps = 0; at != 0 && steps < map->capacity(); steps++) {
        std::uint32_t index = at - 1;
        if ((map->cell(index)->hash.load(std::memory_order_acquire) & map->parts_.bucket_mask) != bucket)
          break;
        at = map->cell(index)->next.load(std::memory_order_acquire);
        map->read_key(index, each.key());
        void* value = map->percpu() ? map->value_on(index, ctx->cpu) : map->value_of(index);
        if (!each.visit(value)) return each.visited();
      }
    }
    return each.visited();
  }

  Parts parts_;
  Bucket* buckets_;
  std::atomic<std::uint8_t>* used_;
  std::uint32_t value_at_, cpu_stride_;
  std::uint32_t (*find_)(const HashMap*, const void*) = nullptr;
  std::uint32_t (*hash_)(const void*, std::uint32_t, std::uint64_t) = nullptr;

  // Held by writers and by bpf(2)'s walks.
  SpinLock writers_;
  std::uint32_t free_ = 0;       // index + 1 of the first free cell
  std::uint32_t untouched_ = 0;  // cells from here on were never used
  std::uint32_t count_ = 0;
  std::uint32_t hand_ = 0;
};

}  // namespace

Made create_hash(const Definition& d) {
  bool percpu = d.type == MapType::percpu_hash || d.type == MapType::lru_percpu_hash;
  bool lru = d.type == MapType::lru_hash || d.type == MapType::lru_percpu_hash;
  // Cells are counted in 32 bits with one to spare; the kernel fails to allocate such tables.
  if (d.max_entries > (1u << 31))
    return fail(E2BIG, "map '{}': max_entries {} is above 2147483648", d.name, d.max_entries);

  bool backed = !(d.flags & map_flag::no_prealloc);
  HashMap::Parts parts;
  std::uint64_t cells = std::uint64_t{d.max_entries} + 1;
  auto value_bytes = percpu ? 0 : round_up(d.value_size, 8);
  parts.key_words = (d.key_size + 7) / 8;
  parts.cell_stride = static_cast<std::uint32_t>(sizeof(Cell) + 8 * parts.key_words + value_bytes);
  std::uint64_t buckets = std::bit_ceil(std::uint64_t{d.max_entries});
  parts.bucket_mask = static_cast<std::uint32_t>(buckets - 1);
  parts.buckets = TRY(Memory::reserve(buckets * sizeof(Bucket), true, d.name));
  // No overflow: 2^31 cells of less than 2^23 bytes.
  parts.cells = TRY(Memory::reserve(cells * parts.cell_stride, backed, d.name));
  if (percpu) {
    std::uint64_t size = round_up(d.value_size, 8) * d.cpus;
    if (__builtin_mul_overflow(size, cells, &size))
      return fail(ENOMEM, "map '{}': its values do not fit in memory", d.name);
    parts.cpu_values = TRY(Memory::reserve(size, backed, d.name));
  }
  if (lru) parts.used = TRY(Memory::reserve(cells, true, d.name));
  return std::shared_ptr<Map>(std::make_shared<HashMap>(d, std::move(parts)));
}

}  // namespace skep::maps
