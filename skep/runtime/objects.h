// What descriptors of the runtime stand for: maps, programs, BTF; their ids; the descriptor table of a task.
// An object lives as long as somebody refers to it: a descriptor, a pin, a program that uses the map.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/image/image.h"
#include "skep/isa/insn.h"
#include "skep/jit/jit.h"
#include "skep/maps/map.h"
#include "skep/runtime/model.h"
#include "skep/uapi/attr.h"

namespace skep::runtime {

enum class Kind : std::uint8_t { map, prog, btf };

struct Object {
  explicit Object(Kind k) : kind(k) {}
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  Kind kind;
  std::uint32_t id = 0;
};

struct BtfObject final : Object {
  static constexpr Kind its_kind = Kind::btf;
  BtfObject() : Object(its_kind) {}
  std::shared_ptr<const KeptBtf> kept;
  const btf::Btf& types() const { return *kept->types; }
};

struct MapObject final : Object {
  static constexpr Kind its_kind = Kind::map;
  MapObject() : Object(its_kind) {}
  std::shared_ptr<maps::Map> map;
  std::shared_ptr<BtfObject> btf;
  std::uint32_t btf_key_type_id = 0, btf_value_type_id = 0;
  std::shared_ptr<const KeptMap> inner;  // maps of maps: the template, as programs see it
  // Program arrays: what the first program made of it.
  std::mutex owner_lock;
  uapi::ProgType owner_type = uapi::ProgType::unspec;
  bool owner_has_frags = false;
  uapi::AttachType owner_attach_type{};
  std::weak_ptr<void> held;  // by descriptors and pins; guarded by owner_lock
};

// The map as a program that is loaded now may count on it.
std::shared_ptr<const KeptMap> describe(const MapObject& object);

struct ProgObject final : Object {
  static constexpr Kind its_kind = Kind::prog;
  ProgObject() : Object(its_kind) {}
  image::Image image;
  std::optional<jit::Code> code;                  // of programs with a verdict, if the runtime compiles
  std::shared_ptr<const KeptModel> model;         // what was judged: also func_info and line_info
  std::uint32_t verified_insns = 0;               // that the verifier processed; 0: it was not asked
  std::vector<std::shared_ptr<MapObject>> maps;   // in the order in which the program names them
  std::vector<std::shared_ptr<MapObject>> bound;  // BPF_PROG_BIND_MAP
  std::mutex bound_lock;
  std::shared_ptr<BtfObject> btf;
  std::vector<isa::Insn> insns;  // as loaded, with map ids instead of descriptors
  std::uint32_t flags = 0;
  std::uint64_t load_time_ns = 0;
};

// Ids of one kind: given out in order, never twice.
template <class T>
class Ids {
 public:
  std::uint32_t reserve() {
    std::lock_guard lock(mutex_);
    return ++last_;
  }
  void add(const std::shared_ptr<T>& object) {
    std::lock_guard lock(mutex_);
    std::erase_if(objects_, [](const auto& entry) { return entry.second.expired(); });
    objects_[object->id] = object;
  }
  // Null: no such object (any more).
  std::shared_ptr<T> find(std::uint32_t id) {
    std::lock_guard lock(mutex_);
    auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : found->second.lock();
  }
  // The lowest living id above `id`; 0 if there is none.
  std::uint32_t next(std::uint32_t id) {
    std::lock_guard lock(mutex_);
    for (auto at = objects_.upper_bound(id); at != objects_.end(); at = objects_.erase(at))
      if (!at->second.expired()) return at->first;
    return 0;
  }

 private:
  std::mutex mutex_;
  std::uint32_t last_ = 0;
  std::map<std::uint32_t, std::weak_ptr<T>> objects_;
};

// A descriptor or pin: the object and what may be done with it. When the last one of a program array goes,
// the array is emptied, as in the kernel: a program that calls itself through it would keep both alive for
// ever.
struct File {
  File() = default;
  explicit File(std::shared_ptr<Object> of, bool read = true, bool write = true);
  std::shared_ptr<Object> object;
  std::shared_ptr<void> held;  // goes before the object
  bool may_read = true, may_write = true;
};

// Numbers begin at `first_fd`, far from the descriptors of the process, so that a mix-up shows as EBADF.
class FdTable {
 public:
  static constexpr int first_fd = 1000;
  static constexpr std::size_t limit = 1 << 20;

  // The lowest free number, or -EMFILE.
  int add(File file);
  File find(int fd) const;
  // False: not open.
  bool remove(int fd);

 private:
  mutable std::shared_mutex mutex_;
  std::vector<File> files_;
};

}  // namespace skep::runtime
