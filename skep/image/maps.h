// What engines know of a map: a descriptor with its memory and direct functions. Neither vm nor jit sees the
// map's code.
#pragma once

#include <cstdint>

#include "skep/uapi/numbers.h"

namespace skep::image {

struct Image;
struct RunContext;
struct MapDescriptor;

// A function of the running program, as a helper receives it (the value that lddw with src 4 loads).
using FunctionValue = std::uint64_t;

// The value memory of a map: `count` values, each in its own cell of `stride` bytes, of which `size` belong
// to the program. Crossing a cell is a fault in checked mode. The addresses live as long as the map.
struct Slab {
  std::uint8_t* base = nullptr;
  std::uint64_t count = 0;
  std::uint32_t stride = 0;
  std::uint32_t size = 0;
};

// Operations follow the kernel's convention: a pointer or null, 0 or -errno. `ctx` gives the CPU of the run;
// null means a caller outside of a program.
using MapLookup = void* (*)(MapDescriptor*, const void* key, RunContext* ctx);
using MapUpdate = long (*)(MapDescriptor*, const void* key, const void* value, std::uint64_t flags,
                           RunContext* ctx);
using MapDelete = long (*)(MapDescriptor*, const void* key, RunContext* ctx);
using MapPush = long (*)(MapDescriptor*, const void* value, std::uint64_t flags, RunContext* ctx);
using MapPop = long (*)(MapDescriptor*, void* value, RunContext* ctx);  // pop and peek
// Calls `callback(map, key, value, callback_ctx, 0)` on each element; returns how many were visited or
// -errno.
using MapForEach = long (*)(MapDescriptor*, FunctionValue callback, std::uint64_t callback_ctx,
                            std::uint64_t flags, RunContext* ctx);

struct MapDescriptor {
  void* map = nullptr;  // the owner's object (maps::Map); engines never look inside
  uapi::MapType type = uapi::MapType::unspec;
  std::uint32_t id = 0;
  std::uint32_t key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  char name[16] = {};

  // Arrays only (null base otherwise): value of index i on CPU c is base + c * cpu_stride + (i & index_mask)
  // * stride, for i < max_entries.
  std::uint8_t* base = nullptr;
  std::uint32_t stride = 0, index_mask = 0;
  std::uint64_t cpu_stride = 0;

  // prog_array only: the program of each element, null where there is none. Loaded with acquire; what was
  // there lives on until the runs that may have seen it have ended.
  const Image* const* targets = nullptr;

  Slab values;  // all value memory, for checked mode; count 0: this type hands out no value pointers

  // Specialised by type and key size; null: the helper is not allowed on this map (the runtime refuses at
  // load).
  MapLookup lookup = nullptr;
  MapLookup lookup_percpu = nullptr;  // key = struct { const void* key; uint32_t cpu; }
  MapUpdate update = nullptr;
  MapDelete remove = nullptr;
  MapPush push = nullptr;
  MapPop pop = nullptr, peek = nullptr;
  MapForEach for_each = nullptr;
};

}  // namespace skep::image
