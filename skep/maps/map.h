// maps::Map: one eBPF map. Engines see its image::MapDescriptor (memory and direct functions); the commands
// of bpf(2) come through the virtual functions here. One file per family beside this header.
//
// Threads. Every operation may run on any thread at any time. Readers never lock; writers lock a bucket or
// the map for the time of the change. Value memory is mapped once and stays until the map is destroyed, so a
// pointer that a program got stays readable; as in the kernel, a deleted element's cell may be given to
// another key.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "skep/base/result.h"
#include "skep/image/maps.h"
#include "skep/image/run.h"
#include "skep/maps/bell.h"
#include "skep/maps/graveyard.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/numbers.h"

namespace skep::maps {

// Flags of BPF_MAP_UPDATE_ELEM and bpf_map_update_elem.
inline constexpr std::uint64_t any = 0, noexist = 1, exist = 2, f_lock = 4;  // BPF_ANY, BPF_NOEXIST …

// ENOTSUPP: an errno that the kernel leaks to users though the C library has no name for it.
inline constexpr long not_supported = -524;

// Bits of map_flags.
namespace map_flag {
inline constexpr std::uint32_t no_prealloc = 1u << 0, no_common_lru = 1u << 1, numa_node = 1u << 2,
                               rdonly = 1u << 3, wronly = 1u << 4, stack_build_id = 1u << 5,
                               zero_seed = 1u << 6, rdonly_prog = 1u << 7, wronly_prog = 1u << 8,
                               clone = 1u << 9, mmapable = 1u << 10, preserve_elems = 1u << 11,
                               inner_map = 1u << 12, link = 1u << 13, path_fd = 1u << 14,
                               vtype_btf_obj_fd = 1u << 15, token_fd = 1u << 16, segv_on_fault = 1u << 17,
                               no_user_conv = 1u << 18, rb_overwrite = 1u << 19;
}  // namespace map_flag

// What a map is made from: the fields of BPF_MAP_CREATE and what the runtime adds.
struct Definition {
  uapi::MapType type = uapi::MapType::unspec;
  std::uint32_t key_size = 0, value_size = 0, max_entries = 0, flags = 0, numa_node = 0;
  std::uint64_t extra = 0;  // map_extra
  std::string name;         // at most 15 bytes
  std::uint32_t id = 0;
  std::uint32_t cpus = 1;            // possible CPUs
  std::uint64_t hash_seed = 0;       // same seed, same order of next_key
  Bell* bell = nullptr;              // rung when a waiter may go on (ring buffers); outlives the map
  Graveyard* graveyard = nullptr;    // takes references that were replaced; outlives the map
  std::shared_ptr<class Map> inner;  // map-in-map: the template
  // Offset of a struct bpf_spin_lock in the value, or -1 (from BTF).
  std::int32_t spin_lock_at = -1;
};

// What a slot of a prog_array, map-in-map, devmap, cpumap or perf_event_array holds.
struct Reference {
  std::shared_ptr<void> keep;  // owns the target
  void* target = nullptr;      // image::Image* or image::MapDescriptor*
  std::uint32_t id = 0;        // what a lookup by bpf(2) answers
  std::uint32_t word = 0;      // devmaps: the ifindex; cpumap: the queue's size
};

class Map {
 public:
  virtual ~Map();
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  const Definition& definition() const { return definition_; }
  image::MapDescriptor& descriptor() { return descriptor_; }
  const image::MapDescriptor& descriptor() const { return descriptor_; }

  // Bytes of a value on the bpf(2) side: per-CPU families give each possible CPU's value, rounded up to 8.
  virtual std::uint32_t user_value_size() const { return definition_.value_size; }

  // The element commands. `key`, `value` and `next` are the caller's memory of key_size and user_value_size()
  // bytes; 0 or -errno as bpf(2) gives them. A null key means: none given. Families override what they can;
  // the others give the answer of the type's row.
  long answer(uapi::MapOp op) const;  // 0, or what this type's row in uapi/map_types.h refuses with
  virtual long lookup(const void* key, void* value, std::uint64_t flags);
  virtual long update(const void* key, const void* value, std::uint64_t flags);
  virtual long remove(const void* key);
  virtual long lookup_and_delete(const void* key, void* value, std::uint64_t flags);
  virtual long next_key(const void* key, void* next);

  // Families whose elements are objects (programs, maps): the runtime resolves the descriptor in the value
  // and passes the object. holds_references() tells which way a map is updated.
  virtual bool holds_references() const { return false; }
  // What the kernel refuses before it looks at the object: 0 or -errno.
  virtual long check_update(const void* key, const void* value, std::uint64_t flags);
  virtual long update_reference(const void* key, Reference reference, std::uint64_t flags);

  // Maps the memory of a mappable map for a user; see Sys::map.
  virtual long map_memory(std::uint64_t offset, std::size_t length, bool writable, void** at);
  // Whether wait() would return: unread records.
  virtual bool readable() const { return false; }
  // Whether the type can be waited on at all.
  virtual bool waitable() const { return false; }

  // BPF_MAP_FREEZE: no more writes through bpf(2). EBUSY: frozen already, or a writable mapping is there.
  long freeze();
  bool frozen() const { return frozen_.load(std::memory_order_acquire); }

 protected:
  explicit Map(const Definition& definition);
  Definition definition_;
  image::MapDescriptor descriptor_;
  std::atomic<bool> frozen_{false};
  std::atomic<std::uint32_t> writable_mappings_{0};
};

// Makes a map. Errors are those of BPF_MAP_CREATE: what uapi::check_map_create() refuses, ENOMEM, and EINVAL
// for a type that the runtime does not have (the message names it).
Result<std::shared_ptr<Map>> create(const Definition& definition);

// Whether `create` knows the type.
bool supports(uapi::MapType type);

}  // namespace skep::maps
