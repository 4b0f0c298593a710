// Arrays of objects, and the hash of maps on top of a plain hash of slot addresses.
#include "skep/maps/references.h"

#include "skep/maps/families.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;
using uapi::MapType;

std::uint32_t index_of(const void* key) {
  std::uint32_t index;
  std::memcpy(&index, key, sizeof index);
  return index;
}

void bury(const Definition& d, std::shared_ptr<void> object) {
  if (object && d.graveyard) d.graveyard->retire(std::move(object));
}

}  // namespace

ReferenceArray::ReferenceArray(const Definition& d, Memory targets) : Map(d), targets_(std::move(targets)) {
  if (d.type == MapType::prog_array)
    descriptor_.targets = reinterpret_cast<const image::Image* const*>(targets_.at());
  if (d.type != MapType::array_of_maps) return;  // programs only jump through a prog_array
  descriptor_.lookup = [](MapDescriptor* m, const void* key, RunContext*) -> void* {
    std::uint32_t index = index_of(key);
    return index < m->max_entries ? static_cast<ReferenceArray*>(static_cast<Map*>(m->map))->target(index)
                                  : nullptr;
  };
}

ReferenceArray::~ReferenceArray() {
  for (Reference& reference : references_) bury(definition_, std::move(reference.keep));
}

long ReferenceArray::lookup(const void* key, void* value, std::uint64_t) {
  if (long refused = answer(uapi::MapOp::lookup)) return refused;
  std::uint32_t index = index_of(key);
  std::lock_guard lock(lock_);
  if (index >= references_.size() || !references_[index].target) return -ENOENT;
  std::memcpy(value, &references_[index].id, sizeof references_[index].id);
  return 0;
}

long ReferenceArray::exchange(std::uint32_t index, Reference reference) {
  std::lock_guard lock(lock_);
  if (index >= references_.size()) {
    if (!reference.target) return -ENOENT;
    references_.resize(index + 1);
  }
  if (!reference.target && !references_[index].target) return -ENOENT;
  std::swap(references_[index], reference);
  __atomic_store_n(reinterpret_cast<void**>(targets_.at()) + index, references_[index].target,
                   __ATOMIC_RELEASE);
  bury(definition_, std::move(reference.keep));
  return 0;
}

void ReferenceArray::clear() {
  std::unique_lock lock(lock_);
  auto count = static_cast<std::uint32_t>(references_.size());
  lock.unlock();
  for (std::uint32_t index = 0; index < count; index++) (void)exchange(index, {});
}

long ReferenceArray::check_update(const void* key, const void*, std::uint64_t flags) {
  if (flags != any) return -EINVAL;
  return index_of(key) < definition_.max_entries ? 0 : -E2BIG;
}

long ReferenceArray::update_reference(const void* key, Reference reference, std::uint64_t) {
  return exchange(index_of(key), std::move(reference));
}

long ReferenceArray::remove(const void* key) {
  std::uint32_t index = index_of(key);
  return index < definition_.max_entries ? exchange(index, {}) : -E2BIG;
}

long ReferenceArray::next_key(const void* key, void* next) {
  std::uint32_t index = key ? index_of(key) : ~std::uint32_t{0};
  if (index == definition_.max_entries - 1) return -ENOENT;
  index = index >= definition_.max_entries ? 0 : index + 1;
  std::memcpy(next, &index, sizeof index);
  return 0;
}

namespace {

// A hash from keys to slots of a table of references; the hash's own reuse of cells keeps slots apart.
class HashOfMaps final : public Map {
 public:
  HashOfMaps(const Definition& d, std::shared_ptr<Map> slots) : Map(d), slots_(std::move(slots)) {
    descriptor_.lookup = [](MapDescriptor* m, const void* key, RunContext* ctx) -> void* {
      MapDescriptor& slots = static_cast<HashOfMaps*>(static_cast<Map*>(m->map))->slots_->descriptor();
      auto* slot = static_cast<void**>(slots.lookup(&slots, key, ctx));
      return slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : nullptr;
    };
  }
  ~HashOfMaps() override {
    for (auto& [target, reference] : references_) bury(definition_, std::move(reference.keep));
  }

  bool holds_references() const override { return true; }
  std::uint32_t user_value_size() const override { return 4; }

  long lookup(const void* key, void* value, std::uint64_t) override {
    std::lock_guard lock(lock_);
    Slot slot;
    if (long error = slots_->lookup(key, &slot, 0)) return error;
    std::memcpy(value, &slot.id, sizeof slot.id);
    return 0;
  }

  long update_reference(const void* key, Reference reference, std::uint64_t flags) override {
    std::lock_guard lock(lock_);
    Slot old;
    bool present = slots_->lookup(key, &old, 0) == 0;
    Slot slot{reference.target, ++last_, reference.id};
    if (long error = slots_->update(key, &slot, flags)) return error;
    references_.emplace_back(slot.number, std::move(reference));
    if (present) forget(old.number);
    return 0;
  }

  long remove(const void* key) override {
    std::uint32_t id;
    return lookup_and_delete(key, &id, 0);
  }
  // For the batch command; the single one is refused for this type.
  long lookup_and_delete(const void* key, void* value, std::uint64_t) override {
    std::lock_guard lock(lock_);
    Slot old;
    if (long error = slots_->lookup_and_delete(key, &old, 0)) return error;
    std::memcpy(value, &old.id, sizeof old.id);
    forget(old.number);
    return 0;
  }

  long next_key(const void* key, void* next) override { return slots_->next_key(key, next); }

  struct Slot {
    void* target = nullptr;    // first: what programs get
    std::uint64_t number = 0;  // names the reference
    std::uint32_t id = 0;
  };

 private:
  void forget(std::uint64_t number) {
    for (std::size_t i = 0; i < references_.size(); i++)
      if (references_[i].first == number) {
        bury(definition_, std::move(references_[i].second.keep));
        references_[i] = std::move(references_.back());
        references_.pop_back();
        return;
      }
  }

  std::shared_ptr<Map> slots_;
  std::mutex lock_;
  std::uint64_t last_ = 0;
  std::vector<std::pair<std::uint64_t, Reference>> references_;
};

}  // namespace

Made create_references(const Definition& d) {
  bool of_maps = d.type == MapType::array_of_maps || d.type == MapType::hash_of_maps;
  if (of_maps) {
    if (!d.inner) return fail(EBADF, "map '{}': inner_map_fd is no map", d.name);
    MapType inner = d.inner->definition().type;
    if (inner == MapType::array_of_maps || inner == MapType::hash_of_maps)
      return invalid(d, "maps of maps of maps are not allowed");
    if (inner == MapType::prog_array)
      return fail(static_cast<int>(-not_supported), "map '{}': a program array cannot be an inner map",
                  d.name);
  }
  if (d.type == MapType::hash_of_maps) {
    Definition slots = d;
    slots.type = MapType::hash;
    slots.value_size = sizeof(HashOfMaps::Slot);
    slots.inner = nullptr;
    std::shared_ptr<Map> made = TRY(create_hash(slots));
    return std::shared_ptr<Map>(std::make_shared<HashOfMaps>(d, std::move(made)));
  }
  Memory targets = TRY(Memory::reserve(std::uint64_t{d.max_entries} * sizeof(void*), true, d.name));
  return std::shared_ptr<Map>(std::make_shared<ReferenceArray>(d, std::move(targets)));
}

}  // namespace skep::maps
