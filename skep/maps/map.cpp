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

long Map::lookup(const void*, void*, std::uint64_t) { return not_supported; }
long Map::update(const void*, const void*, std::uint64_t) { return not_supported; }
long Map::remove(const void*) { return not_supported; }
long Map::lookup_and_delete(const void*, void*, std::uint64_t) { return not_supported; }
long Map::next_key(const void*, void*) { return not_supported; }
long Map::update_reference(const void*, Reference, std::uint64_t) { return -EINVAL; }
long Map::map_memory(std::uint64_t, std::size_t, bool, void**) { return not_supported; }

long Map::freeze() {
  if (writable_mappings_.load() != 0) return -EBUSY;
  return frozen_.exchange(true) ? -EBUSY : 0;
}

Result<void> check_common(const Definition& d, std::uint32_t allowed) {
  if (d.max_entries == 0) return invalid(d, "max_entries is 0, must be at least 1");
  return check_flags(d, allowed);
}

Result<void> check_flags(const Definition& d, std::uint32_t allowed) {
  if (d.flags & ~allowed)
    return invalid(d, "map_flags {:#x} are not allowed for its type", d.flags & ~allowed);
  if ((d.flags & map_flag::rdonly) && (d.flags & map_flag::wronly))
    return invalid(d, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other");
  if ((d.flags & map_flag::rdonly_prog) && (d.flags & map_flag::wronly_prog))
    return invalid(d, "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other");
  return {};
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
};

const Family* find_family(MapType type) {
  for (const Family& family : families)
    if (family.type == type) return &family;
  return nullptr;
}

}  // namespace

bool supports(MapType type) { return find_family(type) != nullptr; }

Result<std::shared_ptr<Map>> create(const Definition& definition) {
  const Family* family = find_family(definition.type);
  if (!family)
    return fail(EINVAL, "map '{}': type {} is not available in this runtime", definition.name,
                static_cast<std::uint32_t>(definition.type));
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
