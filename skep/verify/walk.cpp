// Bodies of walk.h.
#include "skep/verify/walk.h"

#include <fmt/format.h>

#include "skep/verify/state.h"

namespace skep::verify {

namespace {

Walk failed(int code, std::string message) {
  Walk walk;
  walk.code = code;
  walk.message = std::move(message);
  return walk;
}
Walk scalar(std::uint16_t flags) {
  Walk walk;
  walk.result = WalkResult::scalar;
  walk.flags = flags;
  return walk;
}

struct Element {
  btf::Type type;           // what a member is, arrays unwrapped
  std::uint64_t total = 0;  // bytes of the member
  std::uint64_t count = 1;  // elements, when it is an array
  bool is_array = false;
};

// The member's type without modifiers and typedefs, arrays of arrays flattened. No size: false.
bool element_of(const btf::Btf& btf, btf::TypeId id, Element& element) {
  const auto size = btf.size_of(id);
  if (!size) return false;
  element.total = *size;
  auto resolved = btf.resolve(id);
  if (!resolved) return false;
  element.type = btf.type(*resolved);
  for (int depth = 0; element.type.kind == btf::Kind::array && depth < 32; depth++) {
    element.is_array = true;
    const btf::Array array = element.type.array();
    element.count *= array.count;
    resolved = btf.resolve(array.type);
    if (!resolved) return false;
    element.type = btf.type(*resolved);
  }
  return true;
}

// A trailing array without a length, as [0] at the end of the struct.
bool flexible(const btf::Btf& btf, const btf::Type& type, std::int64_t off, btf::Type& element,
              std::int64_t& inner) {
  if (type.vlen == 0) return false;
  const btf::Member last = type.members()[type.vlen - 1u];
  const auto resolved = btf.resolve(last.type);
  if (!resolved) return false;
  const btf::Type array_type = btf.type(*resolved);
  if (array_type.kind != btf::Kind::array || array_type.array().count != 0) return false;
  const std::int64_t begin = last.bit_offset / 8;
  if (off < begin) return false;
  const auto element_id = btf.resolve(array_type.array().type);
  if (!element_id) return false;
  element = btf.type(*element_id);
  if (element.kind == btf::Kind::int_) return true;
  if (!element.is_composite() || element.size() == 0) return false;
  inner = (off - begin) % element.size();
  return true;
}

}  // namespace

Walk walk_struct(const btf::Btf& btf, btf::TypeId id, std::int64_t off, std::uint32_t size,
                 bool flexible_arrays, bool loose_unions, std::uint16_t flags) {
  for (int depth = 0; depth < 64; depth++) {
    const auto resolved = btf.resolve(id);
    if (!resolved) return failed(EINVAL, fmt::format("Type '{}' is not a struct", btf.name(id)));
    const btf::Type type = btf.type(*resolved);
    if (!type.is_composite()) return failed(EINVAL, fmt::format("Type '{}' is not a struct", type.name()));
    if (type.kind == btf::Kind::union_ && type.vlen != 1) flags |= flag::untrusted;
    if (off + size > type.size()) {
      btf::Type element;
      std::int64_t inner = 0;
      if (!flexible_arrays || !flexible(btf, type, off, element, inner))
        return failed(EACCES,
                      fmt::format("access beyond struct {} at off {} size {}", type.name(), off, size));
      if (element.kind == btf::Kind::int_) return scalar(flags);
      id = element.id;
      off = inner;
      continue;
    }
    bool entered = false;
    for (const btf::Member& member : type.members()) {
      std::int64_t begin = member.bit_offset / 8;
      if (off + size <= begin) break;  // members come in order; nothing later can cover it
      if (member.bits != 0) {
        const std::int64_t end = (std::int64_t{member.bit_offset} + member.bits + 7) / 8;
        if (off <= begin && end <= off + size) return scalar(flags);
        continue;
      }
      if (off < begin) break;
      Element element;
      if (!element_of(btf, member.type, element))
        return failed(EFAULT, fmt::format("field {} doesn't have size", member.name));
      std::uint64_t bytes = element.total;
      const std::int64_t end = begin + static_cast<std::int64_t>(bytes);
      if (off >= end) continue;
      if (element.is_array) {
        if (bytes == 0 || element.count == 0) continue;
        bytes /= element.count;
        begin += (off - begin) / static_cast<std::int64_t>(bytes) * static_cast<std::int64_t>(bytes);
      }
      if (element.type.is_composite()) {
        if (off == begin) {
          Walk walk;
          walk.result = WalkResult::structure;
          walk.type = element.type.id;
          walk.flags = flags;
          return walk;
        }
        off -= begin;
        id = element.type.id;
        entered = true;
        break;
      }
      if (element.type.kind == btf::Kind::ptr) {
        if (bytes != size || off != begin)
          return failed(
              EACCES, fmt::format("cannot access ptr member {} with moff {} in struct {} with off {} size {}",
                                  member.name, begin, type.name(), off, size));
        const btf::Type target = btf.type(element.type.type());
        std::uint16_t tags = 0;
        if (target.kind == btf::Kind::type_tag) {
          if (target.name() == "user") tags = flag::user;
          if (target.name() == "percpu") tags = flag::percpu;
          if (target.name() == "rcu") tags = flag::rcu;
        }
        const auto pointee = btf.resolve(target.id);
        if (pointee && btf.type(*pointee).is_composite()) {
          Walk walk;
          walk.result = WalkResult::pointer;
          walk.type = *pointee;
          walk.flags = static_cast<std::uint16_t>(flags | tags);
          walk.field = member.name;
          return walk;
        }
      }
      if (off + size > end && !(loose_unions && (flags & flag::untrusted) != 0))
        return failed(
            EACCES,
            fmt::format("access beyond the end of member {} (mend:{}) in struct {} with off {} size {}",
                        member.name, end, type.name(), off, size));
      return scalar(flags);
    }
    if (!entered)
      return failed(EINVAL, fmt::format("struct {} doesn't have field at offset {}", type.name(), off));
  }
  return failed(EINVAL, "type nests too deeply");
}

Walk walk_to_value(const btf::Btf& btf, btf::TypeId type, std::int64_t off, std::uint32_t size,
                   bool flexible_arrays, bool loose_unions) {
  std::uint16_t flags = 0;
  for (int depth = 0; depth < 64; depth++) {
    Walk walk = walk_struct(btf, type, off, size, flexible_arrays, loose_unions, flags);
    if (walk.result != WalkResult::structure) return walk;
    type = walk.type;
    flags = walk.flags;
    off = 0;
  }
  return failed(EINVAL, "type nests too deeply");
}

bool same_type(const btf::Btf* a, btf::TypeId a_id, const btf::Btf* b, btf::TypeId b_id) {
  if (a == nullptr || b == nullptr || a_id != b_id || a_id == 0) return false;
  if (a == b) return true;
  // A split BTF shares its base's ids.
  if (a->base() == b) return a_id < a->first_id();
  if (b->base() == a) return b_id < b->first_id();
  return a->base() != nullptr && a->base() == b->base() && a_id < a->first_id() && b_id < b->first_id();
}

bool struct_matches(const btf::Btf* btf, btf::TypeId type, std::int64_t off, const btf::Btf* needed_btf,
                    btf::TypeId needed, bool strict, bool flexible_arrays) {
  if (off == 0 && same_type(btf, type, needed_btf, needed)) return true;
  if (strict || btf == nullptr || !btf->has(type)) return false;
  std::uint16_t flags = 0;
  for (int depth = 0; depth < 64; depth++) {
    const Walk walk = walk_struct(*btf, type, off, 1, flexible_arrays, true, flags);
    if (walk.result != WalkResult::structure) return false;
    type = walk.type;
    flags = walk.flags;
    if (same_type(btf, type, needed_btf, needed)) return true;
    off = 0;
  }
  return false;
}

bool is_listed_member(const btf::Btf& kernel, const btf::Btf& btf, btf::TypeId type, std::string_view member,
                      btf::TypeId pointee, std::string_view suffix) {
  const auto list = kernel.find(std::string(btf.name(type)).append(suffix), btf::Kind::struct_);
  if (!list) return false;
  for (const btf::Member& row : kernel.type(*list).members()) {
    if (row.name != member) continue;
    const auto pointer = kernel.resolve(row.type);
    if (!pointer || kernel.type(*pointer).kind != btf::Kind::ptr) continue;
    const auto target = kernel.resolve(kernel.type(*pointer).type());
    if (target && same_type(&kernel, *target, &btf, pointee)) return true;
  }
  return false;
}

}  // namespace skep::verify
