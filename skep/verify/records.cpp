// Finding the kernel's fields in a type: a walk over its members, nested structs and arrays.
#include "skep/verify/records.h"

#include <algorithm>
#include <string>

namespace skep::verify {

namespace {

struct FieldRow {
  FieldKind kind;
  std::string_view type_name;  // of the struct; empty: recognised by a type tag
  std::string_view name;       // in messages
  std::uint32_t size, align;
  bool once, in_map, in_object;
  KernelVersion since;
};

constexpr FieldRow rows[] = {
    {FieldKind::spin_lock, "bpf_spin_lock", "bpf_spin_lock", 4, 4, true, true, true, uapi::since(5, 1)},
    {FieldKind::res_spin_lock, "bpf_res_spin_lock", "bpf_res_spin_lock", 4, 4, true, true, true,
     uapi::since(6, 15)},
    {FieldKind::timer, "bpf_timer", "bpf_timer", 16, 8, true, true, false, uapi::since(5, 15)},
    {FieldKind::workqueue, "bpf_wq", "bpf_wq", 16, 8, true, true, false, uapi::since(6, 10)},
    {FieldKind::task_work, "bpf_task_work", "bpf_task_work", 8, 8, true, true, false, uapi::since(6, 18)},
    {FieldKind::refcount, "bpf_refcount", "bpf_refcount", 4, 4, true, true, true, uapi::since(6, 4)},
    {FieldKind::list_head, "bpf_list_head", "bpf_list_head", 16, 8, false, true, true, uapi::since(6, 2)},
    {FieldKind::list_node, "bpf_list_node", "bpf_list_node", 24, 8, false, false, true, uapi::since(6, 2)},
    {FieldKind::rb_root, "bpf_rb_root", "bpf_rb_root", 16, 8, false, true, true, uapi::since(6, 3)},
    {FieldKind::rb_node, "bpf_rb_node", "bpf_rb_node", 32, 8, false, false, true, uapi::since(6, 3)},
    {FieldKind::kptr_untrusted, "", "kptr", 8, 8, false, true, true, uapi::since(5, 19)},
    {FieldKind::kptr, "", "kptr", 8, 8, false, true, true, uapi::since(5, 19)},
    {FieldKind::kptr_percpu, "", "percpu_kptr", 8, 8, false, true, true, uapi::since(6, 6)},
    {FieldKind::uptr, "", "uptr", 8, 8, false, true, false, uapi::since(6, 13)},
};
const FieldRow& row_of(FieldKind kind) { return rows[static_cast<std::size_t>(kind)]; }
static_assert([] {
  for (std::size_t i = 0; i < std::size(rows); i++)
    if (static_cast<std::size_t>(rows[i].kind) != i) return false;
  return true;
}());

constexpr unsigned max_fields = 11, max_depth = 32;

class Finder {
 public:
  Finder(const Model& model, const btf::Btf& btf, bool in_object)
      : model_(model), btf_(btf), in_object_(in_object) {}

  Record record;

  void walk_root(btf::TypeId id) {
    const btf::Type type = btf_.type(id);
    if (type.kind == btf::Kind::datasec) {
      for (const btf::VarSecinfo& var : type.vars()) {
        const btf::Type variable = btf_.type(var.type);
        if (variable.kind != btf::Kind::var) continue;
        one(var.type, -1, variable.type(), var.offset, var.size, 0);
      }
    } else if (type.is_composite()) {
      members(id, 0, 0);
    }
  }

 private:
  void members(btf::TypeId id, std::uint32_t base, unsigned depth) {
    const btf::Type type = btf_.type(id);
    std::int32_t index = 0;
    for (const btf::Member& member : type.members()) {
      if (member.bit_offset % 8 == 0) one(id, index, member.type, base + member.bit_offset / 8, 0, depth);
      if (!record.valid) return;
      index++;
    }
  }

  // A member or variable of type `id`; `holder` and `component` carry its tags.
  void one(btf::TypeId holder, std::int32_t component, btf::TypeId id, std::uint32_t offset,
           std::uint32_t expected, unsigned depth) {
    if (depth > max_depth || !record.valid) return;
    std::uint64_t count = 1;
    btf::Type type = btf_.type(id);
    for (unsigned i = 0; type.kind == btf::Kind::array && i < max_depth; i++) {
      const btf::Array array = type.array();
      count *= array.count;
      type = btf_.type(array.type);
    }
    if (count == 0 || count > 0xffffffff) return;
    const FieldRow* found = nullptr;
    Field field;
    if (type.is_composite()) {
      for (const FieldRow& row : rows)
        if (!row.type_name.empty() && row.type_name == type.name() && model_.kernel >= row.since &&
            (in_object_ ? row.in_object : row.in_map))
          found = &row;
      if (found == nullptr) {
        nested(type.id, offset, count, expected, depth);
        return;
      }
      if (type.kind != btf::Kind::struct_ || type.size() != found->size) return;
    } else if (type.kind == btf::Kind::ptr) {
      found = pointer(type, field);
      if (found == nullptr) return;
      if (in_object_ ? !found->in_object : !found->in_map) return;
    } else {
      return;
    }
    if (expected != 0 && expected != found->size * count) return;
    if (offset % found->align != 0) return;
    field.kind = found->kind;
    field.offset = offset;
    field.size = found->size;
    if (found->kind == FieldKind::list_head || found->kind == FieldKind::rb_root) {
      if (!contains(holder, component, field)) return;
    }
    if (found->once && record.has(found->kind)) {
      record.valid = false;
      return;
    }
    for (std::uint64_t i = 0; i < count; i++) {
      if (record.fields.size() >= max_fields) {
        record.valid = false;
        return;
      }
      record.fields.push_back(field);
      field.offset += field.size;
    }
  }

  void nested(btf::TypeId id, std::uint32_t offset, std::uint64_t count, std::uint32_t expected,
              unsigned depth) {
    const std::uint32_t size = btf_.type(id).size();
    if (expected != 0 && expected != size * count) return;
    const std::size_t before = record.fields.size();
    members(id, offset, depth + 1);
    const std::size_t found = record.fields.size() - before;
    if (found == 0 || count == 1 || !record.valid) return;
    if (found * count + before > max_fields) {
      record.valid = false;
      return;
    }
    for (std::uint64_t i = 1; i < count; i++)
      for (std::size_t k = 0; k < found; k++) {
        Field copy = record.fields[before + k];
        if (row_of(copy.kind).once) record.valid = false;
        copy.offset += static_cast<std::uint32_t>(i * size);
        record.fields.push_back(copy);
      }
  }

  // What a pointer with a type tag means.
  const FieldRow* pointer(const btf::Type& type, Field& field) {
    const btf::Type tag = btf_.type(type.type());
    if (tag.kind != btf::Kind::type_tag) return nullptr;
    const bool old = model_.kernel < uapi::since(6, 2);
    FieldKind kind{};
    if (tag.name() == (old ? "kptr" : "kptr_untrusted"))
      kind = FieldKind::kptr_untrusted;
    else if (tag.name() == (old ? "kptr_ref" : "kptr"))
      kind = FieldKind::kptr;
    else if (tag.name() == "percpu_kptr")
      kind = FieldKind::kptr_percpu;
    else if (tag.name() == "uptr")
      kind = FieldKind::uptr;
    else
      return nullptr;
    const FieldRow& row = row_of(kind);
    if (model_.kernel < row.since) return nullptr;
    const auto target_id = btf_.skip_modifiers(tag.type());
    if (!target_id) return nullptr;
    const btf::Type target = btf_.type(*target_id);
    if (!target.is_composite() && target.kind != btf::Kind::fwd) {
      record.valid = false;
      return nullptr;
    }
    field.btf = &btf_;
    field.type = target.id;
    if (kind != FieldKind::uptr) kernel_type(target, field);
    return &row;
  }

  // The kernel's type of that name, if it has one.
  void kernel_type(const btf::Type& target, Field& field) {
    const btf::Kind kind = target.kind == btf::Kind::fwd ? btf::Kind::struct_ : target.kind;
    const auto look = [&](const btf::Btf* btf) {
      if (btf == nullptr) return false;
      const auto id = btf->find(target.name(), kind);
      if (!id) return false;
      field.btf = btf;
      field.type = *id;
      return true;
    };
    if (look(model_.kernel_btf)) {
      if (model_.kernel_btf->type(field.type).kind != btf::Kind::unkn) return;
    }
    for (const ModuleModel& module : model_.modules)
      if (look(module.btf)) return;
  }

  // "contains:struct:member" on a root.
  bool contains(btf::TypeId holder, std::int32_t component, Field& field) {
    for (btf::TypeId id = btf_.first_id(); id < btf_.type_count(); id++) {
      const btf::Type tag = btf_.type(id);
      if (tag.kind != btf::Kind::decl_tag || tag.type() != holder || tag.component_index() != component)
        continue;
      std::string_view text = tag.name();
      if (!text.starts_with("contains:")) continue;
      text.remove_prefix(9);
      const std::size_t colon = text.find(':');
      if (colon == std::string_view::npos) return invalid();
      const auto object = btf_.find(text.substr(0, colon), btf::Kind::struct_);
      if (!object) return invalid();
      const std::string_view node_type = field.kind == FieldKind::list_head ? "bpf_list_node" : "bpf_rb_node";
      const btf::Type owner = btf_.type(*object);
      for (const btf::Member& member : owner.members()) {
        if (member.name != text.substr(colon + 1)) continue;
        if (btf_.name(member.type) != node_type || member.bit_offset % 64 != 0) return invalid();
        field.btf = &btf_;
        field.type = *object;
        field.node_offset = member.bit_offset / 8;
        return true;
      }
      return invalid();
    }
    return invalid();
  }
  bool invalid() {
    record.valid = false;
    return false;
  }

  const Model& model_;
  const btf::Btf& btf_;
  bool in_object_;
};

}  // namespace

std::string_view field_name(FieldKind kind) { return row_of(kind).name; }

const Field* Record::find(FieldKind kind) const {
  for (const Field& field : fields)
    if (field.kind == kind) return &field;
  return nullptr;
}
const Field* Record::at(std::uint32_t offset, FieldKind kind) const {
  for (const Field& field : fields)
    if (field.offset == offset && field.kind == kind) return &field;
  return nullptr;
}
const Field* Record::kptr_at(std::uint32_t offset) const {
  for (const Field& field : fields)
    if (field.offset == offset && field.is_kptr()) return &field;
  return nullptr;
}
const Field* Record::overlap(std::int64_t from, std::int64_t to) const {
  for (const Field& field : fields)
    if (from < std::int64_t{field.offset} + field.size && field.offset < to) return &field;
  return nullptr;
}

bool Records::is_kernel(const btf::Btf* btf) const {
  if (btf == nullptr) return false;
  if (btf == model_.kernel_btf) return true;
  for (const ModuleModel& module : model_.modules)
    if (module.btf == btf) return true;
  return false;
}

const Record* Records::get(const btf::Btf* btf, btf::TypeId type, std::uint32_t value_size, bool in_object) {
  auto& cache = in_object ? objects_ : maps_;
  auto [place, is_new] = cache.try_emplace({btf, type});
  if (is_new) {
    const auto resolved = btf->has(type) ? btf->skip_modifiers(type) : Result<btf::TypeId>(btf::TypeId{0});
    Finder finder(model_, *btf, in_object);
    if (resolved) finder.walk_root(*resolved);
    auto record = std::make_unique<Record>(std::move(finder.record));
    std::stable_sort(record->fields.begin(), record->fields.end(),
                     [](const Field& a, const Field& b) { return a.offset < b.offset; });
    std::uint32_t end = 0;
    for (const Field& field : record->fields) {
      if (field.offset < end || std::uint64_t{field.offset} + field.size > value_size) record->valid = false;
      end = field.offset + field.size;
    }
    place->second = std::move(record);
  }
  const Record* record = place->second.get();
  return record->fields.empty() && record->valid ? nullptr : record;
}

const Record* Records::of(const MapModel& map) {
  if (map.btf == nullptr || map.value_type == 0) return nullptr;
  const auto index = static_cast<std::size_t>(&map - model_.maps.data());
  if (index >= model_.maps.size()) return get(map.btf, map.value_type, map.value_size, false);
  by_map_.resize(model_.maps.size());
  std::optional<const Record*>& known = by_map_[index];
  if (!known) known = get(map.btf, map.value_type, map.value_size, false);
  return *known;
}

const Record* Records::of(const btf::Btf* btf, btf::TypeId type) {
  if (btf == nullptr || is_kernel(btf) || !btf->has(type) || !btf->type(type).is_composite()) return nullptr;
  return get(btf, type, btf->type(type).size(), true);
}

}  // namespace skep::verify
