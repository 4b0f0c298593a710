// Dynptrs: pointer and size in 16 bytes of the program's stack, opaque to programs. Facts:
// Documentation/bpf/kfuncs.rst, include/uapi/linux/bpf.h (struct bpf_dynptr), man 7 bpf-helpers.
//
// In checked runs a program could forge these bytes, so each use is held against the regions: a dynptr
// reaches nothing that the program could not reach itself.
#pragma once

#include <cstdint>
#include <cstring>

#include "skep/image/run.h"

namespace skep::runtime {

struct Dynptr {
  enum class Kind : std::uint32_t { none, local, ringbuf };

  std::uint64_t data = 0;  // 0: null, every use of it fails
  std::uint32_t bits = 0;  // size in the lower 24, kind from bit 28, read-only in bit 31
  std::uint32_t offset = 0;

  static constexpr std::uint32_t size_limit = (1u << 24) - 1;

  static Dynptr make(std::uint64_t data, Kind kind, std::uint32_t size) {
    return {data, size | static_cast<std::uint32_t>(kind) << 28, 0};
  }
  std::uint32_t size() const { return bits & size_limit; }
  Kind kind() const { return static_cast<Kind>(bits >> 28 & 7); }
  bool read_only() const { return bits >> 31; }
  // Whether [at, at + length) lies inside.
  bool covers(std::uint32_t at, std::uint32_t length) const {
    return length <= size() && at <= size() - length;
  }
  std::uint64_t address(std::uint32_t at) const { return data + offset + at; }

  static Dynptr load(std::uint64_t from) {
    Dynptr out;
    std::memcpy(&out, reinterpret_cast<const void*>(from), sizeof out);
    return out;
  }
  void store(std::uint64_t to) const { std::memcpy(reinterpret_cast<void*>(to), this, sizeof *this); }
};
static_assert(sizeof(Dynptr) == 16);

// Whether a checked run may touch these bytes of a map value or record; unchecked runs may.
inline bool may_reach(const image::RunContext* ctx, std::uint64_t address, std::uint64_t size, bool write) {
  if (!ctx->regions || size == 0) return true;
  const image::Region* region = ctx->regions->find(address);
  return region && image::Regions::holds(*region, address, size) && (region->writable || !write);
}

}  // namespace skep::runtime
