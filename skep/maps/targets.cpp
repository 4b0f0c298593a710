// The array of targets, and the hash of devices on top of a plain hash.
#include "skep/maps/targets.h"

#include <bit>
#include <mutex>
#include <unordered_map>

#include "skep/maps/families.h"
#include "skep/maps/memory.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;
using uapi::MapType;

// A value as it lies in memory, replaced whole.
struct Target {
  std::uint32_t word = 0;
  std::uint32_t program = 0;
};
static_assert(sizeof(Target) == 8);

std::uint32_t number_at(const void* from) {
  std::uint32_t number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

// Programs read what a lookup in a devmap gives, and never write it.
Definition read_only(const Definition& d) {
  Definition out = d;
  if (d.type == MapType::devmap || d.type == MapType::devmap_hash) out.flags |= map_flag::rdonly_prog;
  return out;
}

// The programs that targets run; those that go wait for the runs that may be in them.
class Programs {
 public:
  explicit Programs(Graveyard* graveyard) : graveyard_(graveyard) {}
  ~Programs() {
    for (auto& [key, program] : by_key_) bury(std::move(program));
  }
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  void set(std::uint32_t key, std::shared_ptr<void> program) {
    if (auto found = by_key_.find(key); found != by_key_.end()) {
      bury(std::move(found->second));
      by_key_.erase(found);
    }
    if (program) by_key_.emplace(key, std::move(program));
  }

 private:
  void bury(std::shared_ptr<void> program) {
    if (program && graveyard_) graveyard_->retire(std::move(program));
  }
  Graveyard* graveyard_;
  std::unordered_map<std::uint32_t, std::shared_ptr<void>> by_key_;
};

class TargetArray final : public Targets {
 public:
  TargetArray(const Definition& d, Memory memory)
      : Targets(read_only(d)), memory_(std::move(memory)), programs_(d.graveyard) {
    // A cpumap's values are nothing to programs; what they get from an xskmap is a socket, no value.
    if (d.type == MapType::devmap) descriptor_.values = {memory_.at(), d.max_entries, 8, d.value_size};
    if (d.type != MapType::cpumap)
      descriptor_.lookup = [](MapDescriptor* m, const void* key, RunContext*) -> void* {
        auto* map = static_cast<TargetArray*>(static_cast<Map*>(m->map));
        std::uint32_t index = number_at(key);
        return map->holds(index) ? map->place(index) : nullptr;
      };
  }

  bool holds(std::uint32_t key) const override { return key < definition_.max_entries && target(key).word; }

  long lookup(const void* key, void* value, std::uint64_t) override {
    if (long refused = answer(uapi::MapOp::lookup)) return refused;
    std::uint32_t index = number_at(key);
    if (!holds(index)) return -ENOENT;
    Target found = target(index);
    std::memcpy(value, &found, definition_.value_size);
    return 0;
  }

  long check_update(const void* key, const void* value, std::uint64_t flags) override {
    bool xsk = definition_.type == MapType::xskmap;
    if (flags > exist) return -EINVAL;
    if (number_at(key) >= definition_.max_entries) return -E2BIG;
    if (flags == noexist && !xsk) return -EEXIST;
    if (definition_.type == MapType::cpumap) {
      if (number_at(value) > cpu_queue_limit) return -EOVERFLOW;
      if (number_at(key) >= definition_.cpus) return -ENODEV;
    }
    return 0;
  }

  long update_reference(const void* key, Reference reference, std::uint64_t) override {
    set(number_at(key), {reference.word, reference.id}, std::move(reference.keep));
    return 0;
  }

  long remove(const void* key) override {
    std::uint32_t index = number_at(key);
    if (index >= definition_.max_entries) return -EINVAL;
    set(index, {}, nullptr);
    return 0;
  }

  long next_key(const void* key, void* next) override {
    std::uint32_t index = key ? number_at(key) : ~std::uint32_t{0};
    if (index == definition_.max_entries - 1) return -ENOENT;
    index = index >= definition_.max_entries ? 0 : index + 1;
    std::memcpy(next, &index, sizeof index);
    return 0;
  }

 private:
  std::uint64_t* place(std::uint32_t index) const {
    return reinterpret_cast<std::uint64_t*>(memory_.at()) + index;
  }
  Target target(std::uint32_t index) const {
    return std::bit_cast<Target>(__atomic_load_n(place(index), __ATOMIC_ACQUIRE));
  }
  void set(std::uint32_t index, Target target, std::shared_ptr<void> program) {
    std::lock_guard lock(lock_);
    __atomic_store_n(place(index), std::bit_cast<std::uint64_t>(target), __ATOMIC_RELEASE);
    programs_.set(index, std::move(program));
  }

  Memory memory_;
  std::mutex lock_;
  Programs programs_;
};

// devmap_hash: key -> Target in a plain hash, which programs look into directly.
class DeviceHash final : public Targets {
 public:
  DeviceHash(const Definition& d, std::shared_ptr<Map> targets)
      : Targets(read_only(d)), targets_(std::move(targets)), programs_(d.graveyard) {
    descriptor_.values = targets_->descriptor().values;
    descriptor_.values.size = d.value_size;
    descriptor_.lookup = [](MapDescriptor* m, const void* key, RunContext* ctx) -> void* {
      MapDescriptor& in = static_cast<DeviceHash*>(static_cast<Map*>(m->map))->targets_->descriptor();
      return in.lookup(&in, key, ctx);
    };
  }

  bool holds(std::uint32_t key) const override {
    MapDescriptor& in = targets_->descriptor();
    return in.lookup(&in, &key, nullptr) != nullptr;
  }

  long lookup(const void* key, void* value, std::uint64_t) override {
    Target target;
    if (long error = targets_->lookup(key, &target, 0)) return error;
    std::memcpy(value, &target, definition_.value_size);
    return 0;
  }

  long check_update(const void* key, const void* value, std::uint64_t flags) override {
    if (flags > exist || number_at(value) == 0) return -EINVAL;
    return flags == noexist && holds(number_at(key)) ? -EEXIST : 0;
  }

  // BPF_EXIST asks for nothing here: the kernel adds the missing key.
  long update_reference(const void* key, Reference reference, std::uint64_t flags) override {
    std::lock_guard lock(lock_);
    Target target{reference.word, reference.id};
    if (long error = targets_->update(key, &target, flags == noexist ? noexist : any)) return error;
    programs_.set(number_at(key), std::move(reference.keep));
    return 0;
  }

  long remove(const void* key) override {
    std::lock_guard lock(lock_);
    if (long error = targets_->remove(key)) return error;
    programs_.set(number_at(key), nullptr);
    return 0;
  }

  long next_key(const void* key, void* next) override { return targets_->next_key(key, next); }

 private:
  std::shared_ptr<Map> targets_;
  std::mutex lock_;
  Programs programs_;
};

}  // namespace

Made create_targets(const Definition& d) {
  if (d.type == MapType::devmap_hash) {
    Definition targets = d;
    targets.type = MapType::hash;
    targets.value_size = sizeof(Target);
    targets.flags &= ~(map_flag::rdonly | map_flag::wronly);
    std::shared_ptr<Map> made = TRY(create_hash(targets));
    return std::shared_ptr<Map>(std::make_shared<DeviceHash>(d, std::move(made)));
  }
  Memory memory = TRY(Memory::reserve(std::uint64_t{d.max_entries} * sizeof(Target), true, d.name));
  return std::shared_ptr<Map>(std::make_shared<TargetArray>(d, std::move(memory)));
}

}  // namespace skep::maps
