// Which types of two BTFs correspond. Everything is bounded: the BTF is as hostile as the object.
#include "skep/object/core_types.h"

#include <charconv>

#include "skep/object/core.h"

namespace skep::object {
namespace {

using btf::Btf;
using btf::Kind;
using btf::Type;
using btf::TypeId;

constexpr int max_depth = 32;
constexpr std::uint64_t max_bit_offset = std::uint64_t{1} << 40;

// The type behind typedefs and qualifiers; void for a hostile loop, which nothing is compatible with but
// void.
Type resolved(const Btf& btf, TypeId id) {
  Result<TypeId> found = btf.resolve(id);
  return btf.type(found ? *found : 0);
}

bool same_kind(const Type& a, const Type& b) { return a.kind == b.kind || (a.is_enum() && b.is_enum()); }

bool same_name(std::string_view a, std::string_view b) { return without_flavour(a) == without_flavour(b); }

// A member by name, through anonymous structs and unions. Adds to `field`.
bool find_member(const Btf& local, TypeId local_type, const Btf& target, const Type& in,
                 std::string_view name, Field& field, int& budget) {
  if (--budget < 0) return false;
  for (btf::Member member : in.members()) {
    if (member.name == name) {
      if (!fields_compatible(local, local_type, target, member.type)) return false;
      field.bit_offset += member.bit_offset;
      field.bits = member.bits;
      field.type = member.type;
      field.is_member = true;
      return true;
    }
    if (!member.name.empty()) continue;
    Type inner = resolved(target, member.type);
    if (!inner.is_composite()) continue;
    Field deeper = field;
    deeper.bit_offset += member.bit_offset;
    if (find_member(local, local_type, target, inner, name, deeper, budget)) {
      field = std::move(deeper);
      return true;
    }
  }
  return false;
}

bool index_into(const Btf& btf, std::uint32_t index, Field& field) {
  Type array = resolved(btf, field.type);
  if (array.kind != Kind::array) return false;
  btf::Array shape = array.array();
  if (shape.count != 0 && index >= shape.count) return false;  // 0: a flexible array
  Result<std::uint32_t> size = btf.size_of(shape.type);
  if (!size) return false;
  field.bit_offset += std::uint64_t{index} * *size * 8;
  field.bits = 0;
  field.type = shape.type;
  field.is_member = false;
  return field.bit_offset <= max_bit_offset;
}

// Comparing with a budget, for struct types refer to each other without end.
struct Matcher {
  const Btf& local;
  const Btf& target;
  int budget = 100'000;

  bool match(TypeId local_id, TypeId target_id, bool behind_pointer, int depth) {
    if (--budget < 0 || depth > max_depth) return false;
    Type a = resolved(local, local_id), b = resolved(target, target_id);
    if (!same_name(a.name(), b.name())) return false;
    if (behind_pointer && (a.kind == Kind::fwd || b.kind == Kind::fwd || a.is_composite())) {
      auto is_union = [](const Type& t) { return t.kind == Kind::union_ || t.is_union_fwd(); };
      bool both = (a.is_composite() || a.kind == Kind::fwd) && (b.is_composite() || b.kind == Kind::fwd);
      return both && is_union(a) == is_union(b);
    }
    if (!same_kind(a, b)) return false;
    switch (a.kind) {
      case Kind::unkn:
      case Kind::fwd: return a.kflag == b.kflag;
      case Kind::int_: {
        constexpr std::uint8_t sign = btf::int_encoding::is_signed;
        return a.size() == b.size() && (a.integer().encoding & sign) == (b.integer().encoding & sign);
      }
      case Kind::float_: return a.size() == b.size();
      case Kind::enum_:
      case Kind::enum64: return enums(a, b);
      case Kind::struct_:
      case Kind::union_: return members(a, b, behind_pointer, depth);
      case Kind::ptr: return match(a.type(), b.type(), true, depth + 1);
      case Kind::array:
        return a.array().count == b.array().count &&
               match(a.array().type, b.array().type, behind_pointer, depth + 1);
      case Kind::func_proto: {
        if (a.params().size() != b.params().size()) return false;
        for (std::size_t i = 0; i < a.params().size(); i++)
          if (!match(a.params()[i].type, b.params()[i].type, behind_pointer, depth + 1)) return false;
        return match(a.type(), b.type(), behind_pointer, depth + 1);
      }
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::decl_tag:
      case Kind::type_tag: return false;
    }
    return false;
  }

  bool enums(const Type& a, const Type& b) {
    if (a.size() != b.size()) return false;
    for (btf::Enumerator wanted : a.enumerators()) {
      bool found = false;
      for (btf::Enumerator has : b.enumerators()) {
        if (--budget < 0) return false;
        found = found || same_name(wanted.name, has.name);
      }
      if (!found) return false;
    }
    return true;
  }

  bool members(const Type& a, const Type& b, bool behind_pointer, int depth) {
    for (btf::Member wanted : a.members()) {
      bool found = false;
      for (btf::Member has : b.members()) {
        if (--budget < 0) return false;
        if (same_name(wanted.name, has.name) && match(wanted.type, has.type, behind_pointer, depth + 1)) {
          found = true;
          break;
        }
      }
      if (!found) return false;
    }
    return true;
  }
};

}  // namespace

bool fields_compatible(const Btf& local, TypeId local_id, const Btf& target, TypeId target_id, int depth) {
  if (depth > max_depth) return false;
  Type a = resolved(local, local_id), b = resolved(target, target_id);
  if (a.is_composite() && b.is_composite()) return true;
  if (!same_kind(a, b)) return false;
  if (a.kind == Kind::fwd || a.is_enum())
    return a.name().empty() || b.name().empty() || same_name(a.name(), b.name());
  if (a.kind == Kind::ptr || a.kind == Kind::float_) return true;
  if (a.kind == Kind::int_) return a.integer().offset == 0 && b.integer().offset == 0;
  if (a.kind == Kind::array)
    return fields_compatible(local, a.array().type, target, b.array().type, depth + 1);
  return false;
}

bool types_compatible(const Btf& local, TypeId local_id, const Btf& target, TypeId target_id, int depth) {
  if (depth > max_depth) return false;
  Type a = resolved(local, local_id), b = resolved(target, target_id);
  if (!same_kind(a, b)) return false;
  if (a.kind == Kind::unkn || a.kind == Kind::fwd || a.is_composite() || a.is_enum()) return true;
  if (a.kind == Kind::int_) return a.integer().offset == 0 && b.integer().offset == 0;
  if (a.kind == Kind::ptr) return types_compatible(local, a.type(), target, b.type(), depth + 1);
  if (a.kind == Kind::array)
    return types_compatible(local, a.array().type, target, b.array().type, depth + 1);
  if (a.kind != Kind::func_proto || a.params().size() != b.params().size()) return false;
  if (depth > 8 && a.params().size() > 1) return false;  // prototypes of prototypes branch
  for (std::size_t i = 0; i < a.params().size(); i++)
    if (!types_compatible(local, a.params()[i].type, target, b.params()[i].type, depth + 1)) return false;
  return types_compatible(local, a.type(), target, b.type(), depth + 1);
}

bool types_match(const Btf& local, TypeId local_id, const Btf& target, TypeId target_id) {
  return Matcher{local, target}.match(local_id, target_id, false, 0);
}

Result<std::vector<std::uint32_t>> parse_access(std::string_view access) {
  std::vector<std::uint32_t> numbers;
  const char* at = access.data();
  const char* end = at + access.size();
  while (true) {
    std::uint32_t number = 0;
    auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc() || numbers.size() == 64)
      return fail(EINVAL, "CO-RE access string '{}': must be up to 64 numbers with ':' between", access);
    numbers.push_back(number);
    if (next == end) return numbers;
    if (*next != ':')
      return fail(EINVAL, "CO-RE access string '{}': '{}' where ':' is expected", access, *next);
    at = next + 1;
  }
}

Result<Field> local_field(const Btf& btf, TypeId root, std::string_view access) {
  std::vector<std::uint32_t> numbers = TRY(parse_access(access));
  Field field{.steps = {{.index = numbers[0]}}, .type = root};
  std::uint32_t root_size = TRY(btf.size_of(root));
  field.bit_offset = std::uint64_t{numbers[0]} * root_size * 8;
  for (std::size_t i = 1; i < numbers.size(); i++) {
    Type type = resolved(btf, field.type);
    if (type.is_composite()) {
      if (numbers[i] >= type.members().size())
        return fail(EINVAL, "CO-RE access string '{}': {} '{}' has no member {}", access,
                    btf::kind_name(type.kind), type.name(), numbers[i]);
      btf::Member member = type.members()[numbers[i]];
      field.bit_offset += member.bit_offset;
      field.bits = member.bits;
      field.type = member.type;
      field.is_member = true;
      if (!member.name.empty()) field.steps.push_back({member.name, 0, member.type});
    } else if (index_into(btf, numbers[i], field)) {
      field.steps.push_back({.index = numbers[i]});
    } else {
      return fail(EINVAL, "CO-RE access string '{}': number {} does not fit into {}", access, i,
                  btf::kind_name(type.kind));
    }
  }
  if (field.bit_offset > max_bit_offset)
    return fail(EINVAL, "CO-RE access string '{}': reaches {} bytes far", access, field.bit_offset / 8);
  return field;
}

std::optional<Field> target_field(const Btf& local, const Field& field, const Btf& target, TypeId root) {
  Result<std::uint32_t> root_size = target.size_of(root);
  if (!root_size) return std::nullopt;
  Field found{.steps = field.steps, .type = root};
  found.bit_offset = std::uint64_t{field.steps[0].index} * *root_size * 8;
  int budget = 100'000;
  for (std::size_t i = 1; i < field.steps.size(); i++) {
    const Step& step = field.steps[i];
    if (step.name.empty()) {
      if (!index_into(target, step.index, found)) return std::nullopt;
      continue;
    }
    Type in = resolved(target, found.type);
    if (!in.is_composite() || !find_member(local, step.type, target, in, step.name, found, budget))
      return std::nullopt;
  }
  if (found.bit_offset > max_bit_offset) return std::nullopt;
  return found;
}

}  // namespace skep::object
