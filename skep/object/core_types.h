// Inside of CO-RE: comparing types of two BTFs, and paths into them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "skep/base/result.h"
#include "skep/btf/btf.h"

namespace skep::object {

// May a field of the one type be read as the other? Sizes of integers may differ.
bool fields_compatible(const btf::Btf& local, btf::TypeId local_id, const btf::Btf& target,
                       btf::TypeId target_id, int depth = 0);
// The question of type_exists, once the names agree: kinds along pointers, arrays and prototypes.
bool types_compatible(const btf::Btf& local, btf::TypeId local_id, const btf::Btf& target,
                      btf::TypeId target_id, int depth = 0);
// The question of type_matches: every member and value of the local type is in the target's, too.
bool types_match(const btf::Btf& local, btf::TypeId local_id, const btf::Btf& target, btf::TypeId target_id);

// One step of a path: an array index, or a named member of a struct.
struct Step {
  std::string_view name{};  // empty: an index
  std::uint32_t index = 0;
  btf::TypeId type = 0;  // of the member, in the local types
};

// A place inside a type.
struct Field {
  std::vector<Step> steps{};  // anonymous members left out
  std::uint64_t bit_offset = 0;
  std::uint32_t bits = 0;  // of a bitfield; 0: an ordinary one
  btf::TypeId type = 0;    // of the field
  bool is_member = false;  // the last step is a member, not an index
};

// The field that "0:1:2" names below `root`. EINVAL where the path does not fit the type.
Result<Field> local_field(const btf::Btf& btf, btf::TypeId root, std::string_view access);
// The same field by names below a target's type; nothing if it has none that is compatible.
std::optional<Field> target_field(const btf::Btf& local, const Field& field, const btf::Btf& target,
                                  btf::TypeId root);

// The numbers of "0:1:2". EINVAL for anything else, or more than 64.
Result<std::vector<std::uint32_t>> parse_access(std::string_view access);

}  // namespace skep::object
