// Walking kernel objects by their BTF: what lies at an offset of a struct, and whether a pointer to one
// struct is also a pointer to another (its first member, or the member at that offset).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "skep/btf/btf.h"

namespace skep::verify {

enum class WalkResult : std::uint8_t { scalar, pointer, structure, failed };

struct Walk {
  WalkResult result = WalkResult::failed;
  btf::TypeId type = 0;     // pointer: the struct pointed at; structure: the one that begins there
  std::uint16_t flags = 0;  // flag:: bits that tags and unions bring
  std::string_view field;   // pointer: the member's name
  int code = 0;             // failed: errno ...
  std::string message;      // ... and the kernel's line
};

// What `size` bytes at `off` of struct `type` are, going down into nested structs and arrays, one step: a
// struct that begins at `off` is reported before it is entered. `flags`: those found so far. `loose_unions`:
// a load from a union may reach beyond the member that is found first (Linux 6.6).
Walk walk_struct(const btf::Btf& btf, btf::TypeId type, std::int64_t off, std::uint32_t size,
                 bool flexible_arrays, bool loose_unions = true, std::uint16_t flags = 0);

// The same, entering such structs until a scalar or a pointer is reached.
Walk walk_to_value(const btf::Btf& btf, btf::TypeId type, std::int64_t off, std::uint32_t size,
                   bool flexible_arrays, bool loose_unions);

// Is there a `needed` at `off` of `type`? `strict`: only as the type itself, at 0.
bool struct_matches(const btf::Btf* btf, btf::TypeId type, std::int64_t off, const btf::Btf* needed_btf,
                    btf::TypeId needed, bool strict, bool flexible_arrays);

// One type under two views: a module's BTF contains its base's ids.
bool same_type(const btf::Btf* a, btf::TypeId a_id, const btf::Btf* b, btf::TypeId b_id);

// Whether the kernel lists `member` (which points to a `pointee`) of struct `type` under `suffix`
// ("__safe_rcu",
// "__safe_trusted", each also with "_or_null"): types of that name in its BTF are the list.
bool is_listed_member(const btf::Btf& kernel, const btf::Btf& btf, btf::TypeId type, std::string_view member,
                      btf::TypeId pointee, std::string_view suffix);

}  // namespace skep::verify
