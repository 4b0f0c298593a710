// Looking at types: decoding records, names, resolving references, sizes and alignments.
#include "skep/btf/btf.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "skep/base/check.h"
#include "skep/btf/kinds.h"

namespace skep::btf {
namespace {

// Chains of typedefs and qualifiers longer than this are loops (the kernel gives up at 32).
constexpr int longest_chain = 64;
// Structs nested deeper than this contain themselves.
constexpr int deepest_nesting = 64;
constexpr std::uint32_t pointer_bytes = 8;

std::uint32_t u32(const std::uint8_t* at) { return base::load<std::uint32_t>(at); }

// FNV-1a over the first bytes of a name: enough to tell kernel names apart, bounded for hostile ones.
std::uint32_t hash_name(std::string_view name) {
  std::uint32_t hash = 2166136261;
  for (char c : name.substr(0, 64)) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619;
  return hash ^ hash >> 15;
}

}  // namespace

std::string_view kind_name(Kind kind) { return kind_rows[static_cast<std::size_t>(kind)].name; }

// ---- records ----

std::string_view Type::name() const { return btf ? btf->string(name_off) : std::string_view(); }

Int Type::integer() const {
  if (kind != Kind::int_) return {};
  std::uint32_t data = u32(extra);
  return {static_cast<std::uint8_t>(data >> 24 & 15), static_cast<std::uint8_t>(data >> 16),
          static_cast<std::uint8_t>(data)};
}
Array Type::array() const {
  if (kind != Kind::array) return {};
  return {u32(extra), u32(extra + 4), u32(extra + 8)};
}
std::uint32_t Type::var_linkage() const { return kind == Kind::var ? u32(extra) : 0; }
std::int32_t Type::component_index() const {
  return kind == Kind::decl_tag ? static_cast<std::int32_t>(u32(extra)) : -1;
}
Records<Member> Type::members() const {
  if (!is_composite()) return {};
  return {*this, vlen, Member::record_size};
}
Records<Enumerator> Type::enumerators() const {
  if (!is_enum()) return {};
  return {*this, vlen, kind_rows[static_cast<std::size_t>(kind)].item_bytes};
}
Records<Param> Type::params() const {
  if (kind != Kind::func_proto) return {};
  return {*this, vlen, Param::record_size};
}
Records<VarSecinfo> Type::vars() const {
  if (kind != Kind::datasec) return {};
  return {*this, vlen, VarSecinfo::record_size};
}

Member Member::decode(const Type& of, const std::uint8_t* at) {
  std::uint32_t offset = u32(at + 8);
  Member member{of.btf->string(u32(at)), u32(at + 4), offset, 0};
  if (of.kflag) {
    member.bits = offset >> 24;
    member.bit_offset = offset & 0xffffff;
  }
  return member;
}
Enumerator Enumerator::decode(const Type& of, const std::uint8_t* at) {
  std::string_view name = of.btf->string(u32(at));
  if (of.kind == Kind::enum64)
    return {name, static_cast<std::int64_t>(std::uint64_t{u32(at + 8)} << 32 | u32(at + 4))};
  if (of.kflag) return {name, static_cast<std::int32_t>(u32(at + 4))};
  return {name, u32(at + 4)};
}
Param Param::decode(const Type& of, const std::uint8_t* at) { return {of.btf->string(u32(at)), u32(at + 4)}; }
VarSecinfo VarSecinfo::decode(const Type&, const std::uint8_t* at) {
  return {u32(at), u32(at + 4), u32(at + 8)};
}

// ---- lookup ----

// Chained hash table over the names of the types that a Btf adds to its base.
struct Btf::NameIndex {
  std::once_flag built;
  std::vector<TypeId> buckets;  // 0: empty
  std::vector<TypeId> next;     // by id - first_id; 0: last

  void build(const Btf& btf) {
    std::size_t count = btf.offsets_.size();
    buckets.assign(std::bit_ceil(count + 1), 0);
    next.assign(count, 0);
    // Backwards, so that each chain ascends.
    for (TypeId id = btf.type_count(); id-- > btf.first_id();) {
      std::string_view name = btf.name(id);
      if (name.empty()) continue;
      TypeId& bucket = buckets[hash_name(name) & (buckets.size() - 1)];
      next[id - btf.first_id()] = bucket;
      bucket = id;
    }
  }
};

Btf::Btf() : index_(std::make_unique<NameIndex>()) {}
Btf::Btf(Btf&&) noexcept = default;
Btf& Btf::operator=(Btf&&) noexcept = default;
Btf::~Btf() = default;

const Btf::NameIndex& Btf::index() const {
  std::call_once(index_->built, [this] { index_->build(*this); });
  return *index_;
}

Type Btf::type(TypeId id) const {
  check(id < type_count(), "BTF type id in range");
  Type type;
  type.btf = this;
  type.id = id;
  if (id == 0) return type;
  if (id < first_id_) return base_->type(id);
  const std::uint8_t* record = &types_[offsets_[id - first_id_]];
  std::uint32_t info = u32(record + 4);
  type.kind = static_cast<Kind>((info & info_kind) >> 24);
  type.kflag = (info & info_kflag) != 0;
  type.vlen = static_cast<std::uint16_t>(info & info_vlen);
  type.name_off = u32(record);
  type.size_or_type = u32(record + 8);
  type.extra = record + 12;
  return type;
}

std::string_view Btf::string(std::uint32_t offset) const {
  if (offset == 0) return {};
  if (offset < first_string_) return base_->string(offset);
  check(offset < string_end(), "BTF string offset in range");
  return reinterpret_cast<const char*>(&strings_[offset - first_string_]);
}

std::optional<TypeId> Btf::find_own(std::string_view name, const Kind* kind) const {
  const NameIndex& index = this->index();
  TypeId id = index.buckets[hash_name(name) & (index.buckets.size() - 1)];
  for (; id != 0; id = index.next[id - first_id_]) {
    Type type = this->type(id);
    if ((!kind || type.kind == *kind) && type.name() == name) return id;
  }
  return std::nullopt;
}

std::optional<TypeId> Btf::find(std::string_view name, Kind kind) const {
  if (base_)
    if (auto found = base_->find(name, kind)) return found;
  return find_own(name, &kind);
}

std::optional<TypeId> Btf::find(std::string_view name) const {
  if (base_)
    if (auto found = base_->find(name)) return found;
  return find_own(name, nullptr);
}

std::vector<TypeId> Btf::find_all(std::string_view name) const {
  std::vector<TypeId> all;
  if (base_) all = base_->find_all(name);
  const NameIndex& index = this->index();
  TypeId id = index.buckets[hash_name(name) & (index.buckets.size() - 1)];
  for (; id != 0; id = index.next[id - first_id_])
    if (this->name(id) == name) all.push_back(id);
  return all;
}

// ---- resolving ----

Result<TypeId> Btf::resolve(TypeId id) const {
  TypeId at = id;
  for (int step = 0; step < longest_chain; step++) {
    Type type = this->type(at);
    if (!type.is_modifier() && type.kind != Kind::typedef_) return at;
    at = type.type();
  }
  return fail(EINVAL, "BTF type {}: its chain of typedefs and qualifiers never ends", id);
}

Result<TypeId> Btf::skip_modifiers(TypeId id) const {
  TypeId at = id;
  for (int step = 0; step < longest_chain; step++) {
    Type type = this->type(at);
    if (!type.is_modifier()) return at;
    at = type.type();
  }
  return fail(EINVAL, "BTF type {}: its chain of qualifiers never ends", id);
}

Result<std::uint32_t> Btf::size_of(TypeId id) const {
  std::uint64_t count = 1;
  TypeId at = id;
  for (int step = 0; step < longest_chain; step++) {
    at = TRY(resolve(at));
    Type type = this->type(at);
    std::uint64_t size = 0;
    switch (type.kind) {
      case Kind::int_:
      case Kind::struct_:
      case Kind::union_:
      case Kind::enum_:
      case Kind::datasec:
      case Kind::float_:
      case Kind::enum64: size = type.size(); break;
      case Kind::ptr: size = pointer_bytes; break;
      case Kind::array:
        count *= type.array().count;
        if (count > UINT32_MAX)
          return fail(EINVAL, "BTF type {}: an array of {} elements is too large", id, count);
        at = type.array().type;
        continue;
      case Kind::var: at = type.type(); continue;
      case Kind::unkn:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::func_proto:
      case Kind::decl_tag:
      case Kind::type_tag:
        return fail(EINVAL, "BTF type {}: a {} '{}' has no size", id, kind_name(type.kind), type.name());
    }
    if (size * count > UINT32_MAX)
      return fail(EINVAL, "BTF type {}: {} elements of {} bytes are too large", id, count, size);
    return static_cast<std::uint32_t>(size * count);
  }
  return fail(EINVAL, "BTF type {}: an array that contains itself", id);
}

namespace {

// Alignments of structs met on the way, so that each is computed once.
class Alignment {
 public:
  explicit Alignment(const Btf& btf) : btf_(btf) {}

  Result<std::uint32_t> of(TypeId id, int depth) {
    if (depth > deepest_nesting)
      return fail(EINVAL, "BTF type {}: nested deeper than {}", id, deepest_nesting);
    TypeId resolved = TRY(btf_.resolve(id));
    Type type = btf_.type(resolved);
    switch (type.kind) {
      case Kind::int_:
      case Kind::float_:
      case Kind::enum_:
      case Kind::enum64: return std::bit_floor(std::clamp(type.size(), 1U, 16U));
      case Kind::ptr: return pointer_bytes;
      case Kind::array: return of(type.array().type, depth + 1);
      case Kind::var: return of(type.type(), depth + 1);
      case Kind::struct_:
      case Kind::union_: return composite(type, depth);
      case Kind::unkn:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::func_proto:
      case Kind::datasec:
      case Kind::decl_tag:
      case Kind::type_tag: break;
    }
    return fail(EINVAL, "BTF type {}: a {} '{}' has no alignment", id, kind_name(type.kind), type.name());
  }

 private:
  Result<std::uint32_t> composite(const Type& type, int depth) {
    if (auto known = known_.find(type.id); known != known_.end()) return known->second;
    std::uint32_t align = 1;
    bool packed = false;
    for (Member member : type.members()) {
      std::uint32_t mine = TRY(of(member.type, depth + 1));
      align = std::max(align, mine);
      std::uint32_t unit = 8 * mine, within = member.bit_offset % unit;
      if (member.bits == 0 ? within != 0 : within + member.bits > unit) packed = true;
    }
    if (packed || type.size() % align != 0) align = 1;
    known_.emplace(type.id, align);
    return align;
  }

  const Btf& btf_;
  std::unordered_map<TypeId, std::uint32_t> known_;
};

}  // namespace

Result<std::uint32_t> Btf::align_of(TypeId id) const { return Alignment(*this).of(id, 0); }

Result<void> Btf::set_datasec(TypeId id, std::uint32_t size, std::span<const VarSecinfo> vars) {
  if (!writable_) return fail(EPERM, "BTF type {}: the BTF is read-only", id);
  if (id < first_id_ || !has(id) || type(id).kind != Kind::datasec)
    return fail(EINVAL, "BTF type {}: is no DATASEC of this BTF", id);
  Type section = type(id);
  if (vars.size() != section.vlen)
    return fail(EINVAL, "BTF type {}: {} variables given, the section has {}", id, vars.size(), section.vlen);
  for (const VarSecinfo& var : vars)
    if (!has(var.type)) return fail(EINVAL, "BTF type {}: variable of type {}, out of range", id, var.type);
  std::size_t at = static_cast<std::size_t>(&types_[offsets_[id - first_id_]] - owned_.data());
  base::store(&owned_[at + 8], size);
  for (const VarSecinfo& var : vars) {
    base::store(&owned_[at + 12], var.type);
    base::store(&owned_[at + 16], var.offset);
    base::store(&owned_[at + 20], var.size);
    at += VarSecinfo::record_size;
  }
  return {};
}

Result<void> Btf::set_func_linkage(TypeId id, std::uint32_t linkage) {
  if (!writable_) return fail(EPERM, "BTF type {}: the BTF is read-only", id);
  if (id < first_id_ || !has(id) || type(id).kind != Kind::func)
    return fail(EINVAL, "BTF type {}: is no FUNC of this BTF", id);
  if (linkage > linkage::extern_) return fail(EINVAL, "BTF type {}: there is no linkage {}", id, linkage);
  std::size_t at = static_cast<std::size_t>(&types_[offsets_[id - first_id_]] - owned_.data());
  auto info = base::load<std::uint32_t>(&owned_[at + 4]);
  base::store(&owned_[at + 4], (info & ~0xffffu) | linkage);
  return {};
}

}  // namespace skep::btf
