// Helpers on ring buffers. A reserved record is a region of its own until it is submitted or discarded.
#include <cstring>

#include "skep/maps/ringbuf.h"
#include "skep/runtime/dynptr.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::MapDescriptor;
using image::RunContext;
using maps::Ringbuf;
using std::uint64_t;

namespace {

Ringbuf* ring_of(uint64_t map, RunContext* ctx) {
  auto* descriptor = at<MapDescriptor>(map);
  if (descriptor->type != uapi::MapType::ringbuf) {
    ctx->fault = "this helper takes a ring buffer";
    return nullptr;
  }
  return static_cast<Ringbuf*>(static_cast<maps::Map*>(descriptor->map));
}

uint64_t ringbuf_output(uint64_t map, uint64_t data, uint64_t size, uint64_t flags, uint64_t,
                        RunContext* ctx) {
  Ringbuf* ring = ring_of(map, ctx);
  if (!ring || (flags & ~(maps::rb_no_wakeup | maps::rb_force_wakeup))) return r0(-EINVAL);
  void* record = ring->reserve(size);
  if (!record) return r0(-EAGAIN);
  std::memcpy(record, at<void>(data), size);
  ring->commit(record, flags, false);
  return 0;
}

// The new record's address, 0 without room.
uint64_t reserve(Ringbuf* ring, uint64_t map, uint64_t size, RunContext* ctx) {
  void* record = ring->reserve(size);
  if (record && ctx->regions) {
    image::Region region;
    region.base = reinterpret_cast<uint64_t>(record);
    region.size = size;
    region.kind = image::RegionKind::ringbuf_record;
    region.writable = true;
    region.name = at<MapDescriptor>(map)->name;
    ctx->regions->add(region);
  }
  return reinterpret_cast<uint64_t>(record);
}

uint64_t ringbuf_reserve(uint64_t map, uint64_t size, uint64_t flags, uint64_t, uint64_t, RunContext* ctx) {
  Ringbuf* ring = ring_of(map, ctx);
  return !ring || flags ? 0 : reserve(ring, map, size, ctx);
}

// The ring that a record belongs to is found by its address among the maps of the program.
uint64_t finish(uint64_t record, uint64_t flags, bool discard, RunContext* ctx) {
  for (MapDescriptor* map : ctx->image->maps) {
    if (map->type != uapi::MapType::ringbuf) continue;
    auto* ring = static_cast<Ringbuf*>(static_cast<maps::Map*>(map->map));
    if (!ring->owns(at<void>(record))) continue;
    if (ctx->regions && !ctx->regions->remove(record)) break;
    ring->commit(at<void>(record), flags, discard);
    return 0;
  }
  ctx->fault = "not a record that bpf_ringbuf_reserve gave in this run";
  return 0;
}

uint64_t ringbuf_submit(uint64_t record, uint64_t flags, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  return finish(record, flags, false, ctx);
}
uint64_t ringbuf_discard(uint64_t record, uint64_t flags, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  return finish(record, flags, true, ctx);
}

// A dynptr is null when there is no record; to submit or discard it then does nothing.
uint64_t ringbuf_reserve_dynptr(uint64_t map, uint64_t size_, uint64_t flags, uint64_t to, uint64_t,
                                RunContext* ctx) {
  Ringbuf* ring = ring_of(map, ctx);
  auto size = static_cast<std::uint32_t>(size_);
  Dynptr{}.store(to);
  if (!ring || flags) return r0(-EINVAL);
  if (size > Dynptr::size_limit) return r0(-E2BIG);
  uint64_t record = reserve(ring, map, size, ctx);
  if (!record) return r0(-EINVAL);
  Dynptr::make(record, Dynptr::Kind::ringbuf, size).store(to);
  return 0;
}

uint64_t finish_dynptr(uint64_t at, uint64_t flags, bool discard, RunContext* ctx) {
  if (uint64_t record = Dynptr::load(at).data) finish(record, flags, discard, ctx);
  Dynptr{}.store(at);
  return 0;
}
uint64_t ringbuf_submit_dynptr(uint64_t dynptr, uint64_t flags, uint64_t, uint64_t, uint64_t,
                               RunContext* ctx) {
  return finish_dynptr(dynptr, flags, false, ctx);
}
uint64_t ringbuf_discard_dynptr(uint64_t dynptr, uint64_t flags, uint64_t, uint64_t, uint64_t,
                                RunContext* ctx) {
  return finish_dynptr(dynptr, flags, true, ctx);
}

uint64_t ringbuf_query(uint64_t map, uint64_t what, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  Ringbuf* ring = ring_of(map, ctx);
  return ring ? ring->query(what) : 0;
}

constexpr HelperEntry table[] = {
    {130, "ringbuf_output", ringbuf_output},
    {131, "ringbuf_reserve", ringbuf_reserve},
    {132, "ringbuf_submit", ringbuf_submit},
    {133, "ringbuf_discard", ringbuf_discard},
    {134, "ringbuf_query", ringbuf_query},
    {198, "ringbuf_reserve_dynptr", ringbuf_reserve_dynptr},
    {199, "ringbuf_submit_dynptr", ringbuf_submit_dynptr},
    {200, "ringbuf_discard_dynptr", ringbuf_discard_dynptr},
};

}  // namespace

std::span<const HelperEntry> ringbuf_helpers() { return table; }

}  // namespace skep::runtime
