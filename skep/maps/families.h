// The constructors of the map families; private to this folder. create() in map.cpp is the table over them.
#pragma once

#include "skep/maps/map.h"

namespace skep::maps {

using Made = Result<std::shared_ptr<Map>>;

Made create_array(const Definition&);       // array, percpu_array
Made create_hash(const Definition&);        // hash, percpu_hash, lru_hash, lru_percpu_hash
Made create_lpm_trie(const Definition&);    // lpm_trie
Made create_ringbuf(const Definition&);     // ringbuf
Made create_queue(const Definition&);       // queue, stack
Made create_references(const Definition&);  // prog_array, array_of_maps, hash_of_maps
Made create_bloom(const Definition&);       // bloom_filter

// EINVAL naming what is wrong with a definition.
template <class... Args>
Failure invalid(const Definition& d, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(
      Error{EINVAL, fmt::format("map '{}': {}", d.name, fmt::format(format, std::forward<Args>(args)...))});
}

// map_flags within `allowed`, access flags that do not contradict each other.
Result<void> check_flags(const Definition& d, std::uint32_t allowed);
// The checks that most families share: max_entries and check_flags().
Result<void> check_common(const Definition& d, std::uint32_t allowed);

inline constexpr std::uint32_t access_flags =
    map_flag::rdonly | map_flag::wronly | map_flag::rdonly_prog | map_flag::wronly_prog;
// Largest size of a per-CPU value (PCPU_MIN_UNIT_SIZE) and of an allocation of the slab allocator
// (KMALLOC_MAX_SIZE, 4 MiB with 4 KiB pages).
inline constexpr std::uint32_t percpu_value_limit = 32768;
inline constexpr std::uint64_t kmalloc_limit = std::uint64_t{4} << 20;
// Runs a callback of a program over elements: gives the key a region of its own while the loop lasts, since
// keys lie outside of the value slabs.
class EachKey {
 public:
  EachKey(image::MapDescriptor* map, image::FunctionValue callback, std::uint64_t callback_ctx,
          image::RunContext* ctx);
  ~EachKey();
  EachKey(const EachKey&) = delete;
  EachKey& operator=(const EachKey&) = delete;
  std::uint8_t* key() { return key_; }
  // Calls the program with key() and `value`; false: stop (the callback said so, or it faulted).
  bool visit(void* value);
  long visited() const { return visited_; }

 private:
  image::MapDescriptor* map_;
  image::FunctionValue callback_;
  std::uint64_t callback_ctx_;
  image::RunContext* ctx_;
  alignas(8) std::uint8_t inline_key_[64];
  std::uint8_t* key_;
  long visited_ = 0;
};

}  // namespace skep::maps
