// The fields of map values and allocated objects that belong to the kernel: locks, timers, kptrs, list and
// tree roots and nodes. Found by the names of their types and by BTF tags; programs touch them through
// helpers and kfuncs alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "skep/btf/btf.h"
#include "skep/verify/model.h"

namespace skep::verify {

enum class FieldKind : std::uint8_t {
  spin_lock,
  res_spin_lock,
  timer,
  workqueue,
  task_work,
  refcount,
  list_head,
  list_node,
  rb_root,
  rb_node,
  kptr_untrusted,
  kptr,
  kptr_percpu,
  uptr,
};
// "bpf_spin_lock", "kptr"; as the log writes them.
std::string_view field_name(FieldKind kind);

struct Field {
  FieldKind kind{};
  std::uint32_t offset = 0, size = 0;  // bytes
  // kptr: the type pointed at. Roots: the type of the nodes' objects.
  const btf::Btf* btf = nullptr;
  btf::TypeId type = 0;
  std::uint32_t node_offset = 0;  // roots: of the node in its object
  bool is_kptr() const {
    return kind == FieldKind::kptr_untrusted || kind == FieldKind::kptr || kind == FieldKind::kptr_percpu;
  }
};

struct Record {
  std::vector<Field> fields;  // by offset
  bool valid = true;          // false: the kernel refuses such a type

  const Field* find(FieldKind kind) const;                         // the first of its kind
  const Field* at(std::uint32_t offset, FieldKind kind) const;     // that begins there
  const Field* kptr_at(std::uint32_t offset) const;                // a kptr of any sort that begins there
  const Field* overlap(std::int64_t from, std::int64_t to) const;  // the first that meets [from, to)
  bool has(FieldKind kind) const { return find(kind) != nullptr; }
};

// Records of one verification, made when asked for.
class Records {
 public:
  explicit Records(const Model& model) : model_(model) {}
  // Of the value of one of the model's maps; null when it has no such field.
  const Record* of(const MapModel& map);
  // Of a struct of the program's BTF; null when it has none or belongs to the kernel.
  const Record* of(const btf::Btf* btf, btf::TypeId type);
  bool is_kernel(const btf::Btf* btf) const;

 private:
  const Record* get(const btf::Btf* btf, btf::TypeId type, std::uint32_t value_size, bool in_object);
  const Model& model_;
  std::map<std::pair<const btf::Btf*, btf::TypeId>, std::unique_ptr<Record>> maps_, objects_;
  std::vector<std::optional<const Record*>> by_map_;  // by index in Model::maps
};

}  // namespace skep::verify
