// Arrays and per-CPU arrays: all values exist from the start, zeroed; index i lies at base + i * stride (on
// CPU c: + c * cpu_stride), where engines find it without a call. BPF_F_MMAPABLE arrays lie in a memfd.
// Facts: Documentation/bpf/map_array.rst.
#include <sys/mman.h>

#include <bit>

#include "skep/maps/families.h"
#include "skep/maps/memory.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;
using uapi::MapType;

inline std::uint32_t index_of(const void* key) {
  std::uint32_t index;
  std::memcpy(&index, key, sizeof index);
  return index;
}

template <bool percpu>
inline std::uint8_t* cell(const MapDescriptor* d, std::uint32_t index, std::uint32_t cpu) {
  std::uint8_t* at = d->base + static_cast<std::uint64_t>(index & d->index_mask) * d->stride;
  return percpu ? at + cpu * d->cpu_stride : at;
}

template <bool percpu>
void* array_lookup(MapDescriptor* d, const void* key, RunContext* ctx) {
  std::uint32_t index = index_of(key);
  if (index >= d->max_entries) [[unlikely]]
    return nullptr;
  return cell<percpu>(d, index, percpu && ctx ? ctx->cpu : 0);
}

struct PercpuKey {
  const void* key;
  std::uint32_t cpu;
};

class ArrayMap final : public Map {
 public:
  explicit ArrayMap(const Definition& d, Memory memory, std::uint32_t stride)
      : Map(d), memory_(std::move(memory)) {
    descriptor_.base = memory_.at();
    descriptor_.stride = stride;
    std::uint64_t pow2 = std::bit_ceil(std::uint64_t{d.max_entries});
    descriptor_.index_mask = static_cast<std::uint32_t>(pow2 - 1);
    descriptor_.cpu_stride = percpu() ? std::uint64_t{d.max_entries} * stride : 0;
    descriptor_.values = image::Slab{
        memory_.at(), percpu() ? std::uint64_t{d.max_entries} * d.cpus : d.max_entries, stride, d.value_size};
    descriptor_.lookup = percpu() ? array_lookup<true> : array_lookup<false>;
    if (percpu()) descriptor_.lookup_percpu = lookup_on_cpu;
    descriptor_.update = percpu() ? program_update<true> : program_update<false>;
    descriptor_.remove = [](MapDescriptor*, const void*, RunContext*) -> long { return -EINVAL; };
    descriptor_.for_each = for_each;
  }

  bool percpu() const { return definition_.type == MapType::percpu_array; }
  std::uint32_t user_value_size() const override {
    return percpu() ? descriptor_.stride * definition_.cpus : definition_.value_size;
  }

  long lookup(const void* key, void* value, std::uint64_t flags) override {
    std::uint32_t index = index_of(key);
    if (flags & ~f_lock) return -EINVAL;
    if ((flags & f_lock) && definition_.spin_lock_at < 0) return -EINVAL;
    if (index >= definition_.max_entries) return -ENOENT;
    if (percpu()) {
      auto* out = static_cast<std::uint8_t*>(value);
      for (std::uint32_t cpu = 0; cpu < definition_.cpus; cpu++, out += descriptor_.stride)
        copy_value(out, cell<true>(&descriptor_, index, cpu), descriptor_.stride);
      return 0;
    }
    std::uint8_t* at = cell<false>(&descriptor_, index, 0);
    copy_out(value, at, flags);
    return 0;
  }

  long update(const void* key, const void* value, std::uint64_t flags) override {
    if (!percpu()) return set(key, value, flags);
    if (flags > exist) return -EINVAL;
    std::uint32_t index = index_of(key);
    if (index >= definition_.max_entries) return -E2BIG;
    if (flags == noexist) return -EEXIST;
    auto* in = static_cast<const std::uint8_t*>(value);
    for (std::uint32_t cpu = 0; cpu < definition_.cpus; cpu++, in += descriptor_.stride)
      copy_value(cell<true>(&descriptor_, index, cpu), in, definition_.value_size);
    return 0;
  }

  long next_key(const void* key, void* next) override {
    std::uint32_t index = key ? index_of(key) : ~std::uint32_t{0};
    if (index == definition_.max_entries - 1) return -ENOENT;
    index = index >= definition_.max_entries ? 0 : index + 1;
    std::memcpy(next, &index, sizeof index);
    return 0;
  }

  long map_memory(std::uint64_t offset, std::size_t length, bool writable, void** at) override {
    if (memory_.file() < 0) return not_supported;
    if (writable && (frozen() || (definition_.flags & (map_flag::rdonly_prog | map_flag::rdonly))))
      return -EPERM;
    if (offset % page_size() || length == 0) return -EINVAL;
    if (offset > memory_.size() || round_up(length, page_size()) > memory_.size() - offset) return -EINVAL;
    void* mapped = mmap(nullptr, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                        memory_.file(), static_cast<off_t>(offset));
    if (mapped == MAP_FAILED) return -errno;
    *at = mapped;
    return 0;
  }

 private:
  void copy_out(void* value, std::uint8_t* at, std::uint64_t flags) {
    if (!(flags & f_lock)) {
      copy_value(value, at, definition_.value_size);
    } else {
      ValueLock lock(at + definition_.spin_lock_at);
      copy_value(value, at, definition_.value_size);
    }
    // The lock word itself is never shown.
    if (definition_.spin_lock_at >= 0)
      std::memset(static_cast<std::uint8_t*>(value) + definition_.spin_lock_at, 0, 4);
  }

  long set(const void* key, const void* value, std::uint64_t flags) {
    if ((flags & ~f_lock) > exist) return -EINVAL;
    std::uint32_t index = index_of(key);
    if (index >= definition_.max_entries) return -E2BIG;
    if (flags & noexist) return -EEXIST;
    if ((flags & f_lock) && definition_.spin_lock_at < 0) return -EINVAL;
    std::uint8_t* at = cell<false>(&descriptor_, index, 0);
    if (flags & f_lock) {
      ValueLock lock(at + definition_.spin_lock_at);
      copy_around_lock(at, value, definition_.value_size, definition_.spin_lock_at);
    } else {
      copy_around_lock(at, value, definition_.value_size, definition_.spin_lock_at);
    }
    return 0;
  }

  template <bool per_cpu>
  static long program_update(MapDescriptor* d, const void* key, const void* value, std::uint64_t flags,
                             RunContext* ctx) {
    if constexpr (!per_cpu) {
      return static_cast<ArrayMap*>(d->map)->set(key, value, flags);
    } else {
      if (flags > exist) return -EINVAL;
      std::uint32_t index = index_of(key);
      if (index >= d->max_entries) return -E2BIG;
      if (flags == noexist) return -EEXIST;
      copy_value(cell<true>(d, index, ctx ? ctx->cpu : 0), value, d->value_size);
      return 0;
    }
  }

  static void* lookup_on_cpu(MapDescriptor* d, const void* key, RunContext*) {
    auto* asked = static_cast<const PercpuKey*>(key);
    std::uint32_t index = index_of(asked->key);
    if (index >= d->max_entries || asked->cpu >= static_cast<ArrayMap*>(d->map)->definition_.cpus)
      return nullptr;
    return cell<true>(d, index, asked->cpu);
  }

  static long for_each(MapDescriptor* d, image::FunctionValue callback, std::uint64_t callback_ctx,
                       std::uint64_t flags, RunContext* ctx) {
    if (flags) return -EINVAL;
    EachKey each(d, callback, callback_ctx, ctx);
    for (std::uint32_t index = 0; index < d->max_entries; index++) {
      std::memcpy(each.key(), &index, sizeof index);
      if (!each.visit(d->base + ctx->cpu * d->cpu_stride + std::uint64_t{index} * d->stride)) break;
    }
    return each.visited();
  }

  Memory memory_;
};

}  // namespace

Made create_array(const Definition& d) {
  bool percpu = d.type == MapType::percpu_array;
  auto stride = static_cast<std::uint32_t>(round_up(d.value_size, 8));
  std::uint64_t cells = std::uint64_t{d.max_entries} * (percpu ? d.cpus : 1);
  std::uint64_t size;
  if (__builtin_mul_overflow(cells, std::uint64_t{stride}, &size))
    return fail(ENOMEM, "map '{}': {} values of {} bytes do not fit in memory", d.name, d.max_entries,
                d.value_size);
  Memory memory = TRY((d.flags & map_flag::mmapable) ? Memory::shared(size, d.name)
                                                     : Memory::reserve(size, true, d.name));
  return std::shared_ptr<Map>(std::make_shared<ArrayMap>(d, std::move(memory), stride));
}

}  // namespace skep::maps
