// .BTF.ext: which instructions belong to which function, source line and CO-RE access.
//
// Format: Documentation/bpf/btf.rst, section "ELF File Format Interface". A header, then up to three streams;
// each begins with its record size and holds blocks {section name, count, records}. Larger records than known
// are accepted and the rest of each skipped.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/btf/btf.h"

namespace skep::btf {

// Offsets are in bytes from the start of the section; slot() is the index of the 8-byte instruction slot.
struct FuncInfo {
  std::uint32_t insn_off = 0;
  TypeId type_id = 0;  // in range; a FUNC in sane objects
  std::uint32_t slot() const { return insn_off / 8; }
};
struct LineInfo {
  std::uint32_t insn_off = 0;
  std::uint32_t file_name_off = 0, line_off = 0;  // strings of the Btf; in range
  std::uint32_t line_col = 0;
  std::uint32_t slot() const { return insn_off / 8; }
  std::uint32_t line() const { return line_col >> 10; }      // from 1; 0: code of the compiler's own
  std::uint32_t column() const { return line_col & 0x3ff; }  // from 1; 0: unknown
};
// BPF_CORE_*: what a CO-RE record asks of the target's types.
enum class CoreRelo : std::uint32_t {
  field_byte_offset = 0,
  field_byte_size = 1,
  field_exists = 2,
  field_signed = 3,
  field_lshift_u64 = 4,
  field_rshift_u64 = 5,
  type_id_local = 6,
  type_id_target = 7,
  type_exists = 8,
  type_size = 9,
  enumval_exists = 10,
  enumval_value = 11,
  type_matches = 12,
};
// "field_byte_offset" and so on.
std::string_view core_relo_name(CoreRelo kind);

struct CoreRelocation {
  std::uint32_t insn_off = 0;
  TypeId type_id = 0;                // the local root type; in range
  std::uint32_t access_str_off = 0;  // "0:1:2"; a string of the Btf, in range
  CoreRelo kind = CoreRelo::field_byte_offset;
  std::uint32_t slot() const { return insn_off / 8; }
};

// The records of one ELF section, in the file's order.
template <class T>
struct ExtSection {
  std::string_view section;
  std::vector<T> records;
};

struct BtfExt {
  std::vector<ExtSection<FuncInfo>> funcs;
  std::vector<ExtSection<LineInfo>> lines;
  std::vector<ExtSection<CoreRelocation>> relocations;

  // Reads the section; names are views into `btf`'s strings. EINVAL with the offset for a bad header, record
  // size, length, misaligned instruction offset, string offset or type id; also for an unknown CO-RE kind.
  static Result<BtfExt> parse(Bytes data, const Btf& btf);
};

}  // namespace skep::btf
