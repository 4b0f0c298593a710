// The constructors of the map families; private to this folder. create() in map.cpp is the table over them,
// and checks a definition against uapi/map_types.h before: here only memory can be missing.
#pragma once

#include "skep/maps/map.h"

namespace skep::maps {

using Made = Result<std::shared_ptr<Map>>;

Made create_array(const Definition&);       // array, percpu_array
Made create_hash(const Definition&);        // hash, percpu_hash, lru_hash, lru_percpu_hash
Made create_lpm_trie(const Definition&);    // lpm_trie
Made create_ringbuf(const Definition&);     // ringbuf
Made create_queue(const Definition&);       // queue, stack
Made create_references(const Definition&);  // prog_array, array_of_maps, hash_of_maps, perf_event_array
Made create_targets(const Definition&);     // devmap, devmap_hash, cpumap, xskmap
Made create_bloom(const Definition&);       // bloom_filter

// EINVAL naming what is wrong with a definition.
template <class... Args>
Failure invalid(const Definition& d, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(
      Error{EINVAL, fmt::format("map '{}': {}", d.name, fmt::format(format, std::forward<Args>(args)...))});
}

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
