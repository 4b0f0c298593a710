// What all families share: the table of types, default answers, freezing.
#include "skep/maps/map.h"

#include <algorithm>
#include <cstring>

#include "skep/maps/families.h"

namespace skep::maps {

using uapi::MapType;

Map::Map(const Definition& definition) : definition_(definition) {
  descriptor_.map = this;
  descriptor_.type = definition.type;
  descriptor_.id = definition.id;
  descriptor_.key_size = definition.key_size;
  descriptor_.value_size = definition.value_size;
  descriptor_.max_entries = definition.max_entries;
  descriptor_.flags = definition.flags;
  std::size_t length = std::min(definition.name.size(), sizeof descriptor_.name - 1);
  std::memcpy(descriptor_.name, definition.name.data(), length);
}

Map::~Map() = default;

using uapi::MapOp;

long Map::answer(MapOp op) const {
  return -long{uapi::find_map_type(definition_.type)->answers[static_cast<std::size_t>(op)]};
}

long Map::lookup(const void*, void*, std::uint64_t) { return answer(MapOp::lookup); }
long Map::update(const void*, const void*, std::uint64_t) { return answer(MapOp::update); }
long Map::remove(const void*) { return answer(MapOp::remove); }
long Map::lookup_and_delete(const void*, void*, std::uint64_t) { return answer(MapOp::lookup_and_delete); }
long Map::next_key(const void*, void*) { return answer(MapOp::next_key); }
long Map::check_update(const void*, const void*, std::uint64_t) { return 0; }
long Map::update_reference(const void*, Reference, std::uint64_t) { return -EINVAL; }
long Map::map_memory(std::uint64_t, std::size_t, bool, void**) { return not_supported; }

long Map::freeze() {
  if (writable_mappings_.load() != 0) return -EBUSY;
  return frozen_.exchange(true) ? -EBUSY : 0;
}

namespace {

struct Family {
  MapType type;
  Made (*create)(const Definition&);
};

constexpr Family families[] = {
    {MapType::hash, create_hash},
    {MapType::array, create_array},
    {MapType::percpu_hash, create_hash},
    {MapType::percpu_array, create_array},
    {MapType::lru_hash, create_hash},
    {MapType::lru_percpu_hash, create_hash},
    {MapType::lpm_trie, create_lpm_trie},
    {MapType::ringbuf, create_ringbuf},
    {MapType::queue, create_queue},
    {MapType::stack, create_queue},
    {MapType::bloom_filter, create_bloom},
    {MapType::prog_array, create_references},
    {MapType::array_of_maps, create_references},
    {MapType::hash_of_maps, create_references},
    {MapType::perf_event_array, create_references},
    {MapType::devmap, create_targets},
    {MapType::devmap_hash, create_targets},
    {MapType::cpumap, create_targets},
    {MapType::xskmap, create_targets},
};

const Family* find_family(MapType type) {
  for (const Family& family : families)
    if (family.type == type) return &family;
  return nullptr;
}

}  // namespace

bool supports(MapType type) { return find_family(type) != nullptr; }

Result<std::shared_ptr<Map>> create(const Definition& definition) {
  uapi::MapCreateAttr attr{};
  attr.map_type = static_cast<std::uint32_t>(definition.type);
  attr.key_size = definition.key_size;
  attr.value_size = definition.value_size;
  attr.max_entries = definition.max_entries;
  attr.map_flags = definition.flags;
  attr.map_extra = definition.extra;
  if (Result<void> allowed = uapi::check_map_create(attr); !allowed)
    return Failure(std::move(allowed.error()).in(fmt::format("map '{}'", definition.name)));
  const Family* family = find_family(definition.type);
  if (!family)
    return fail(EINVAL, "map '{}': map type {} is not available in this runtime yet", definition.name,
                uapi::find_map_type(definition.type)->name);
  return family->create(definition);
}

EachKey::EachKey(image::MapDescriptor* map, image::FunctionValue callback, std::uint64_t callback_ctx,
                 image::RunContext* ctx)
    : map_(map), callback_(callback), callback_ctx_(callback_ctx), ctx_(ctx) {
  key_ = map->key_size <= sizeof inline_key_ ? inline_key_ : new std::uint8_t[map->key_size];
  if (!ctx->regions) return;
  image::Region region;
  region.base = reinterpret_cast<std::uint64_t>(key_);
  region.size = map->key_size;
  region.kind = image::RegionKind::memory;
  region.name = "map key";
  ctx->regions->add(region);
}

EachKey::~EachKey() {
  if (ctx_->regions) ctx_->regions->remove(reinterpret_cast<std::uint64_t>(key_));
  if (key_ != inline_key_) delete[] key_;
}

bool EachKey::visit(void* value) {
  visited_++;
  std::uint64_t stop = ctx_->call_function(ctx_, callback_, reinterpret_cast<std::uint64_t>(map_),
                                           reinterpret_cast<std::uint64_t>(key_),
                                           reinterpret_cast<std::uint64_t>(value), callback_ctx_, 0);
  return stop == 0 && !ctx_->fault;
}

}  // namespace skep::maps
