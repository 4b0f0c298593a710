// The 39 commands of bpf(2): which members of union bpf_attr each reads and writes.
//
// A caller may give more bytes than a command knows if they are zero, and fewer (the rest counts as zero).
// attr_size says where the known part ends: the kernel refuses (EINVAL) a non-zero byte behind the last
// member that the command uses, and (E2BIG) one behind the union.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

enum class FieldKind : std::uint8_t {
  in,          // read
  out,         // written back into the attr
  in_out,      // both
  text,        // bytes in the attr, NUL-terminated name
  in_ptr,      // address of bytes that the command reads
  out_ptr,     // address of bytes that the command writes
  in_out_ptr,  // both
  fd,          // descriptor, read
};

struct AttrField {
  std::string_view name;  // as in union bpf_attr: "test.data_in"
  std::uint16_t offset, size;
  FieldKind kind;
};

struct CommandRow {
  Command command;
  std::string_view kernel_name;  // BPF_MAP_CREATE
  std::string_view name;         // "map_create"
  std::span<const AttrField> fields;
  std::uint16_t attr_size;  // end of the last member that the newest kernel knows for this command
  std::uint16_t since;
  std::string_view evidence;
};

// All rows in order of their numbers, from 0.
std::span<const CommandRow> commands();
// Null if unknown. The name is "map_create" or "BPF_MAP_CREATE".
const CommandRow* find_command(Command command);
const CommandRow* find_command(std::string_view name);

// sizeof(union bpf_attr) that the tables describe.
inline constexpr std::uint32_t attr_union_size = 168;

// The rule for foreign attrs: 0; -E2BIG if a byte behind the union is set or size is above a page; -EINVAL if
// a byte behind the command's last member is set or the command is unknown.
long check_attr(Command command, const void* attr, std::uint32_t size);

}  // namespace skep::uapi
