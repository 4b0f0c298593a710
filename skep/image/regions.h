// The memory that a run may touch in checked mode. Small and flat: a handful of regions, searched in order,
// the engine caches the last hit of each instruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skep::image {

enum class RegionKind : std::uint8_t { stack, context, packet, map_value, ringbuf_record, memory };

// Bytes at [base, base + size). With a stride the region is a row of cells and an access must lie within the
// first `cell` bytes of one.
struct Region {
  std::uint64_t base = 0;
  std::uint64_t size = 0;
  std::uint32_t stride = 0;
  std::uint32_t cell = 0;
  RegionKind kind = RegionKind::memory;
  bool writable = false;
  const char* name = "";  // the map's name or what the memory is; outlives the region
};

class Regions {
 public:
  // Regions before `keep()` stay over reset(): map values. Those after it die with the run.
  void add(const Region& region) {
    all_.push_back(region);
    epoch_++;
  }
  // Forgets the region that begins at `base` (a released record, a packet that moved). False if there is
  // none.
  bool remove(std::uint64_t base) {
    for (std::size_t i = all_.size(); i-- > 0;)
      if (all_[i].base == base) {
        all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
        if (i < kept_) kept_--;
        epoch_++;
        return true;
      }
    return false;
  }
  void keep() { kept_ = all_.size(); }
  void reset() {
    all_.resize(kept_);
    epoch_++;
  }
  void clear() {
    all_.clear();
    kept_ = 0;
    epoch_++;
  }
  // The region that begins at or below `address` and ends above it; null if nothing is there.
  const Region* find(std::uint64_t address) const {
    for (const Region& r : all_)
      if (address - r.base < r.size) return &r;
    return nullptr;
  }
  // Whether [address, address + count) lies inside `region` (and inside one of its cells).
  static bool holds(const Region& region, std::uint64_t address, std::uint64_t count) {
    std::uint64_t at = address - region.base;
    if (at >= region.size || count > region.size - at) return false;
    if (!region.stride) return true;
    std::uint64_t in_cell = at % region.stride;
    return in_cell < region.cell && count <= region.cell - in_cell;
  }
  const std::vector<Region>& all() const { return all_; }
  // Changes whenever a region comes or goes: what an engine cached before is stale.
  std::uint32_t epoch() const { return epoch_; }

 private:
  std::vector<Region> all_;
  std::size_t kept_ = 0;
  std::uint32_t epoch_ = 1;
};

}  // namespace skep::image
