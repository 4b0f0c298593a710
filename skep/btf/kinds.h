// The table of BTF's kinds: what follows each record, and which fields refer to what.
// Source: the kernel's Documentation/bpf/btf.rst, "Type Encoding"; include/uapi/linux/btf.h.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "skep/btf/btf.h"

namespace skep::btf {

inline constexpr std::uint32_t info_vlen = 0xffff, info_kind = 0x1f000000, info_kflag = 0x80000000;

struct KindRow {
  Kind kind;
  std::string_view name;       // the kernel's
  std::uint8_t fixed_bytes;    // after the 12 bytes of the record
  std::uint8_t item_bytes;     // then vlen times
  bool refers;                 // size_or_type is a type id
  std::uint32_t info_allowed;  // bits of info that may be set besides the kind
  std::uint16_t vlen_limit;    // highest vlen
};

inline constexpr auto kind_rows = std::to_array<KindRow>({
    {Kind::unkn, "UNKN", 0, 0, false, 0, 0},
    {Kind::int_, "INT", 4, 0, false, 0, 0},
    {Kind::ptr, "PTR", 0, 0, true, 0, 0},
    {Kind::array, "ARRAY", 12, 0, false, 0, 0},
    {Kind::struct_, "STRUCT", 0, 12, false, info_vlen | info_kflag, 0xffff},
    {Kind::union_, "UNION", 0, 12, false, info_vlen | info_kflag, 0xffff},
    {Kind::enum_, "ENUM", 0, 8, false, info_vlen | info_kflag, 0xffff},
    {Kind::fwd, "FWD", 0, 0, false, info_kflag, 0},
    {Kind::typedef_, "TYPEDEF", 0, 0, true, 0, 0},
    {Kind::volatile_, "VOLATILE", 0, 0, true, 0, 0},
    {Kind::const_, "CONST", 0, 0, true, 0, 0},
    {Kind::restrict_, "RESTRICT", 0, 0, true, 0, 0},
    {Kind::func, "FUNC", 0, 0, true, info_vlen, 2},  // vlen is the linkage
    {Kind::func_proto, "FUNC_PROTO", 0, 8, true, info_vlen, 0xffff},
    {Kind::var, "VAR", 4, 0, true, 0, 0},
    {Kind::datasec, "DATASEC", 0, 12, false, info_vlen, 0xffff},
    {Kind::float_, "FLOAT", 0, 0, false, 0, 0},
    {Kind::decl_tag, "DECL_TAG", 4, 0, true, info_kflag, 0},  // kflag since Linux 6.15: an attribute
    {Kind::type_tag, "TYPE_TAG", 0, 0, true, info_kflag, 0},
    {Kind::enum64, "ENUM64", 0, 12, false, info_vlen | info_kflag, 0xffff},
});
static_assert(kind_rows.size() == kind_count);
static_assert([] {
  for (std::size_t i = 0; i < kind_rows.size(); i++)
    if (static_cast<std::size_t>(kind_rows[i].kind) != i) return false;
  return true;
}());

}  // namespace skep::btf
