// Maps whose elements are objects: programs (prog_array), maps (array_of_maps, hash_of_maps) and perf
// events (perf_event_array). Programs see
// the object's address; bpf(2) writes a descriptor and reads an id. An object that leaves the map lives on
// until the runs that may have seen it have ended (Graveyard).
// Facts: Documentation/bpf/map_of_maps.rst; kernel/bpf/arraymap.c.
#pragma once

#include <mutex>
#include <vector>

#include "skep/maps/map.h"
#include "skep/maps/memory.h"

namespace skep::maps {

class ReferenceArray final : public Map {
 public:
  ReferenceArray(const Definition& d, Memory targets);
  ~ReferenceArray() override;

  // The object of element `index` (below max_entries), null if there is none. Any thread, no lock.
  void* target(std::uint32_t index) const {
    return __atomic_load_n(reinterpret_cast<void**>(targets_.at()) + index, __ATOMIC_ACQUIRE);
  }

  bool holds_references() const override { return true; }
  long lookup(const void* key, void* value, std::uint64_t flags) override;
  long check_update(const void* key, const void* value, std::uint64_t flags) override;
  long update_reference(const void* key, Reference reference, std::uint64_t flags) override;
  long remove(const void* key) override;
  long next_key(const void* key, void* next) override;

 private:
  long exchange(std::uint32_t index, Reference reference);

  Memory targets_;
  std::mutex lock_;
  std::vector<Reference> references_;  // grows as far as elements were set
};

}  // namespace skep::maps
