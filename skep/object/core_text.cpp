// The access string walked through the types; names in place of its numbers.
#include "skep/object/core_text.h"

#include <charconv>
#include <vector>

namespace skep::object {
namespace {

enum class Kind { field, type, enumerator };

struct KindRow {
  btf::CoreRelo relo;
  std::string_view name;  // LLVM's short one
  Kind kind;
};
constexpr KindRow kinds[] = {
    {btf::CoreRelo::field_byte_offset, "byte_off", Kind::field},
    {btf::CoreRelo::field_byte_size, "byte_sz", Kind::field},
    {btf::CoreRelo::field_exists, "field_exists", Kind::field},
    {btf::CoreRelo::field_signed, "signed", Kind::field},
    {btf::CoreRelo::field_lshift_u64, "lshift_u64", Kind::field},
    {btf::CoreRelo::field_rshift_u64, "rshift_u64", Kind::field},
    {btf::CoreRelo::type_id_local, "local_type_id", Kind::type},
    {btf::CoreRelo::type_id_target, "target_type_id", Kind::type},
    {btf::CoreRelo::type_exists, "type_exists", Kind::type},
    {btf::CoreRelo::type_size, "type_size", Kind::type},
    {btf::CoreRelo::enumval_exists, "enumval_exists", Kind::enumerator},
    {btf::CoreRelo::enumval_value, "enumval_value", Kind::enumerator},
    {btf::CoreRelo::type_matches, "type_matches", Kind::type},
};

const KindRow& row_of(btf::CoreRelo relo) {
  for (const KindRow& row : kinds)
    if (row.relo == relo) return row;
  return kinds[0];  // BtfExt::parse lets no other kind through
}

std::string named(std::string_view name, std::uint32_t number) {
  return name.empty() ? fmt::format("<anon {}>", number) : std::string(name);
}

Result<std::vector<std::uint32_t>> parse_access(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  const char* end = text.data() + text.size();
  for (const char* at = text.data();; ++at) {
    std::uint32_t number = 0;
    auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return fail(EINVAL, "the access string is no list of numbers");
    numbers.push_back(number);
    at = next;
    if (at == end) return numbers;
    if (*at != ':') return fail(EINVAL, "the access string has '{}' between its numbers", *at);
  }
}

std::string_view modifier_word(btf::Kind kind) {
  return kind == btf::Kind::const_      ? " const"
         : kind == btf::Kind::volatile_ ? " volatile"
         : kind == btf::Kind::restrict_ ? " restrict"
                                        : "";
}

std::string_view kind_word(const btf::Type& type) {
  if (type.is_enum()) return " enum";
  if (type.kind == btf::Kind::struct_) return " struct";
  if (type.kind == btf::Kind::union_) return " union";
  if (type.kind == btf::Kind::typedef_) return " typedef";
  if (type.kind == btf::Kind::fwd) return type.is_union_fwd() ? " fwd union" : " fwd struct";
  return "";
}

// " const struct task_struct": the modifiers of a type and what they modify.
Result<std::string> print_root(const btf::Btf& btf, btf::TypeId id) {
  std::string out;
  TRY(btf.skip_modifiers(id));  // no endless chain
  while (id != 0 && btf.type(id).is_modifier()) {
    out += modifier_word(btf.type(id).kind);
    id = btf.type(id).type();
  }
  if (id == 0) return out + " void";
  return out + std::string(kind_word(btf.type(id))) + " " + named(btf.name(id), id);
}

// "member.array[3]", each number after the first a step.
Result<std::string> print_path(const btf::Btf& btf, btf::TypeId id,
                               const std::vector<std::uint32_t>& access) {
  std::string out = access[0] != 0 ? fmt::format("[{}]", access[0]) : "";
  for (std::size_t i = 1; i < access.size(); ++i) {
    btf::TypeId resolved = TRY(btf.resolve(id));
    btf::Type type = btf.type(resolved);
    if (type.kind == btf::Kind::array) {
      out += fmt::format("[{}]", access[i]);
      id = type.array().type;
      continue;
    }
    if (!type.is_composite()) return fail(EINVAL, "type {} has no member {}", resolved, access[i]);
    auto members = type.members();
    if (access[i] >= members.size())
      return fail(EINVAL, "member {} of type {}, which has {}", access[i], resolved, members.size());
    btf::Member member = members[access[i]];
    if (!out.empty()) out += '.';
    out += named(member.name, access[i]);
    id = member.type;
  }
  return out;
}

Result<std::string> print_enumerator(const btf::Btf& btf, btf::TypeId id,
                                     const std::vector<std::uint32_t>& access) {
  btf::TypeId resolved = TRY(btf.resolve(id));
  btf::Type type = btf.type(resolved);
  auto values = type.enumerators();
  if (access.size() != 1 || access[0] >= values.size())
    return fail(EINVAL, "type {} has no such enumerator, it has {}", resolved, values.size());
  btf::Enumerator found = values[access[0]];
  std::string name = named(found.name, access[0]);
  if (type.is_signed_enum()) return fmt::format("{} = {}", name, found.value);
  bool narrow = type.kind == btf::Kind::enum_;
  std::uint64_t value = static_cast<std::uint64_t>(found.value);
  return fmt::format("{} = {}", name, narrow ? static_cast<std::uint32_t>(value) : value);
}

Result<std::string> describe(const btf::Btf& btf, const btf::CoreRelocation& relocation, Kind kind,
                             std::string_view access_text) {
  std::vector<std::uint32_t> access = TRY(parse_access(access_text));
  std::string out = TRY(print_root(btf, relocation.type_id));
  switch (kind) {
    case Kind::type:
      if (access.size() != 1 || access[0] != 0) return fail(EINVAL, "must be 0 for a type");
      return out;
    case Kind::enumerator: {
      std::string value = TRY(print_enumerator(btf, relocation.type_id, access));
      return out + "::" + value;
    }
    case Kind::field: {
      std::string path = TRY(print_path(btf, relocation.type_id, access));
      return fmt::format("{}::{} ({})", out, path, access_text);
    }
  }
  return out;
}

}  // namespace

std::string print_core(const btf::Btf& btf, const btf::CoreRelocation& relocation) {
  const KindRow& row = row_of(relocation.kind);
  std::string_view access = btf.string(relocation.access_str_off);
  auto text = describe(btf, relocation, row.kind, access);
  if (text) return fmt::format("<{}> [{}]{}", row.name, relocation.type_id, *text);
  return fmt::format("<{}> [{}] '{}' <{}>", row.name, relocation.type_id, access, text.error().message);
}

}  // namespace skep::object
