// Maps of places that bpf_redirect_map sends packets to: devmap, devmap_hash, cpumap, xskmap. A value is
// { u32 word; u32 program }: the word is the ifindex (devmaps) or the queue size (cpumap), 0 where there is
// nothing; users write a descriptor of the program that runs there and read its id. Without the program,
// values are 4 bytes. The runtime says which devices, CPUs and sockets exist: it resolves the value into a
// Reference.
//
// Facts: Documentation/bpf/map_devmap.rst, map_cpumap.rst, map_xskmap.rst.
#pragma once

#include "skep/maps/map.h"

namespace skep::maps {

inline constexpr std::uint32_t cpu_queue_limit = 16384;  // packets; above: EOVERFLOW

class Targets : public Map {
 public:
  // Whether a packet can be sent to `key`. Any thread, no lock.
  virtual bool holds(std::uint32_t key) const = 0;
  // Whether all targets together can be addressed (BPF_F_BROADCAST).
  bool may_broadcast() const {
    return definition_.type == uapi::MapType::devmap || definition_.type == uapi::MapType::devmap_hash;
  }
  bool holds_references() const override { return true; }

 protected:
  using Map::Map;
};

}  // namespace skep::maps
