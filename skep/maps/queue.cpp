// Queues and stacks: values without keys, in a ring under a lock. A push with BPF_EXIST to a full one drops
// the oldest value. Facts: Documentation/bpf/map_queue_stack.rst.
#include <mutex>

#include "skep/maps/families.h"
#include "skep/maps/memory.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;

class QueueMap final : public Map {
 public:
  QueueMap(const Definition& d, Memory memory) : Map(d), memory_(std::move(memory)) {
    descriptor_.push = [](MapDescriptor* m, const void* value, std::uint64_t flags, RunContext*) -> long {
      return self(m).push(value, flags);
    };
    descriptor_.pop = [](MapDescriptor* m, void* value, RunContext*) -> long {
      return self(m).take(value, true);
    };
    descriptor_.peek = [](MapDescriptor* m, void* value, RunContext*) -> long {
      return self(m).take(value, false);
    };
  }

  long lookup(const void*, void* value, std::uint64_t) override { return take(value, false); }
  long update(const void*, const void* value, std::uint64_t flags) override { return push(value, flags); }
  long lookup_and_delete(const void*, void* value, std::uint64_t) override { return take(value, true); }
  long remove(const void*) override { return -EINVAL; }
  long next_key(const void*, void*) override { return -EINVAL; }

 private:
  static QueueMap& self(MapDescriptor* m) { return *static_cast<QueueMap*>(static_cast<Map*>(m->map)); }
  std::uint8_t* place(std::uint32_t index) const {
    return memory_.at() + std::uint64_t{index} * definition_.value_size;
  }

  long push(const void* value, std::uint64_t flags) {
    if (flags & noexist || flags > exist) return -EINVAL;
    std::lock_guard lock(lock_);
    std::uint32_t room = definition_.max_entries;
    if (count_ == room) {
      if (!(flags & exist)) return -E2BIG;
      first_ = first_ + 1 == room ? 0 : first_ + 1;
      count_--;
    }
    auto at = static_cast<std::uint32_t>((std::uint64_t{first_} + count_) % room);
    copy_value(place(at), value, definition_.value_size);
    count_++;
    return 0;
  }

  // The value that comes next; an empty map gives zeros and ENOENT.
  long take(void* value, bool then_remove) {
    std::lock_guard lock(lock_);
    if (count_ == 0) {
      zero_value(value, definition_.value_size);
      return -ENOENT;
    }
    std::uint32_t room = definition_.max_entries;
    bool is_stack = definition_.type == uapi::MapType::stack;
    auto last = static_cast<std::uint32_t>((std::uint64_t{first_} + count_ - 1) % room);
    copy_value(value, place(is_stack ? last : first_), definition_.value_size);
    if (!then_remove) return 0;
    count_--;
    if (!is_stack) first_ = first_ + 1 == room ? 0 : first_ + 1;
    return 0;
  }

  Memory memory_;
  SpinLock lock_;
  std::uint32_t first_ = 0, count_ = 0;
};

}  // namespace

Made create_queue(const Definition& d) {
  if (d.max_entries >= 0xffffffff / d.value_size)
    return fail(E2BIG, "map '{}': {} values of {} bytes are too many", d.name, d.max_entries, d.value_size);
  Memory memory = TRY(Memory::reserve(std::uint64_t{d.max_entries} * d.value_size, true, d.name));
  return std::shared_ptr<Map>(std::make_shared<QueueMap>(d, std::move(memory)));
}

}  // namespace skep::maps
