// Helpers on maps: element access, iteration, locks in values.
#include <thread>

#include "skep/maps/map.h"
#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::MapDescriptor;
using image::RunContext;
using std::uint64_t;

namespace {

// A map that lacks an operation: the verifier would have refused the program.
uint64_t lacks(RunContext* ctx, const char* text) {
  ctx->fault = text;
  return r0(-EOPNOTSUPP);
}

bool is_outer(const MapDescriptor* map) {
  return map->type == uapi::MapType::array_of_maps || map->type == uapi::MapType::hash_of_maps;
}

uint64_t map_lookup_elem(uint64_t map, uint64_t key, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->lookup) [[unlikely]]
    return lacks(ctx, "bpf_map_lookup_elem is not allowed on this type of map");
  void* found = m->lookup(m, at<void>(key), ctx);
  if (is_outer(m) && found && ctx->regions) [[unlikely]]
    cpu_of(ctx).admit(*static_cast<MapDescriptor*>(found));
  return reinterpret_cast<uint64_t>(found);
}

uint64_t map_update_elem(uint64_t map, uint64_t key, uint64_t value, uint64_t flags, uint64_t,
                         RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->update) return lacks(ctx, "bpf_map_update_elem is not allowed on this type of map");
  // Locks in values are for bpf(2); the verifier refuses nothing here, the map does.
  return r0(m->update(m, at<void>(key), at<void>(value), flags, ctx));
}

uint64_t map_delete_elem(uint64_t map, uint64_t key, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->remove) return lacks(ctx, "bpf_map_delete_elem is not allowed on this type of map");
  return r0(m->remove(m, at<void>(key), ctx));
}

uint64_t map_push_elem(uint64_t map, uint64_t value, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->push) return lacks(ctx, "bpf_map_push_elem is not allowed on this type of map");
  return r0(m->push(m, at<void>(value), flags, ctx));
}

uint64_t map_pop_elem(uint64_t map, uint64_t value, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->pop) return lacks(ctx, "bpf_map_pop_elem is not allowed on this type of map");
  return r0(m->pop(m, at<void>(value), ctx));
}

uint64_t map_peek_elem(uint64_t map, uint64_t value, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->peek) return lacks(ctx, "bpf_map_peek_elem is not allowed on this type of map");
  return r0(m->peek(m, at<void>(value), ctx));
}

uint64_t map_lookup_percpu_elem(uint64_t map, uint64_t key, uint64_t cpu, uint64_t, uint64_t,
                                RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->lookup_percpu) return lacks(ctx, "bpf_map_lookup_percpu_elem is not allowed on this type of map");
  struct {
    const void* key;
    std::uint32_t cpu;
  } asked{at<void>(key), static_cast<std::uint32_t>(cpu)};
  return reinterpret_cast<uint64_t>(m->lookup_percpu(m, &asked, ctx));
}

uint64_t for_each_map_elem(uint64_t map, uint64_t callback, uint64_t callback_ctx, uint64_t flags, uint64_t,
                           RunContext* ctx) {
  auto* m = at<MapDescriptor>(map);
  if (!m->for_each) return lacks(ctx, "bpf_for_each_map_elem is not allowed on this type of map");
  return r0(m->for_each(m, callback, callback_ctx, flags, ctx));
}

// Whether a map of the program keeps a lock at this address.
bool is_lock(const RunContext* ctx, uint64_t address) {
  for (const MapDescriptor* m : ctx->image->maps) {
    const image::Slab& slab = m->values;
    uint64_t offset = address - reinterpret_cast<uint64_t>(slab.base);
    std::int32_t lock_at = static_cast<const maps::Map*>(m->map)->definition().spin_lock_at;
    if (slab.count && offset < slab.count * slab.stride && lock_at >= 0)
      return offset % slab.stride == static_cast<uint64_t>(lock_at);
  }
  return false;
}

// The lock that BPF_F_LOCK takes too. An unverified program may have written to the word: nobody waits for
// ever.
uint64_t spin_lock(uint64_t lock, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  constexpr unsigned patience = 1u << 20;
  Cpu& cpu = cpu_of(ctx);
  if (ctx->regions && (cpu.held_lock || !is_lock(ctx, lock))) {
    ctx->fault =
        cpu.held_lock ? "bpf_spin_lock: a lock is held already" : "bpf_spin_lock takes a lock in a map value";
    return 0;
  }
  auto* word = at<std::uint32_t>(lock);
  for (unsigned tries = 0; __atomic_exchange_n(word, 1u, __ATOMIC_ACQUIRE); tries++) {
    if (tries == patience) {
      ctx->fault = "bpf_spin_lock: the lock is never released";
      return 0;
    }
    std::this_thread::yield();
  }
  cpu.held_lock = word;
  return 0;
}

uint64_t spin_unlock(uint64_t lock, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Cpu& cpu = cpu_of(ctx);
  if (cpu.held_lock != at<std::uint32_t>(lock)) {
    ctx->fault = "bpf_spin_unlock: this lock is not held";
    return 0;
  }
  cpu.release_lock();
  return 0;
}

constexpr HelperEntry table[] = {
    {1, "map_lookup_elem", map_lookup_elem},
    {2, "map_update_elem", map_update_elem},
    {3, "map_delete_elem", map_delete_elem},
    {87, "map_push_elem", map_push_elem},
    {88, "map_pop_elem", map_pop_elem},
    {89, "map_peek_elem", map_peek_elem},
    {93, "spin_lock", spin_lock},
    {94, "spin_unlock", spin_unlock},
    {164, "for_each_map_elem", for_each_map_elem},
    {195, "map_lookup_percpu_elem", map_lookup_percpu_elem},
};

}  // namespace

std::span<const HelperEntry> map_helpers() { return table; }

}  // namespace skep::runtime
