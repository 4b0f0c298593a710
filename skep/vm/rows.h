// The rows of isa's table as the interpreter lists them: each has a labelled piece of code in execute.h.
#pragma once

#include <array>
#include <cstddef>
#include <iterator>

#include "skep/isa/ops.h"

namespace skep::vm {

// Every row of the table. A missing or unknown name does not compile.
// clang-format off: it lays this out anew each time
#define SKEP_VM_WIDTHS(X, name) X(name##32_imm) X(name##32_reg) X(name##64_imm) X(name##64_reg)
#define SKEP_VM_BOTH(X, name) X(name##32) X(name##64)
#define SKEP_VM_ROWS(X)                                                                                   \
  SKEP_VM_WIDTHS(X, add) SKEP_VM_WIDTHS(X, sub) SKEP_VM_WIDTHS(X, mul)                                    \
  SKEP_VM_WIDTHS(X, div) SKEP_VM_WIDTHS(X, sdiv)                                                          \
  SKEP_VM_WIDTHS(X, mod) SKEP_VM_WIDTHS(X, smod)                                                          \
  SKEP_VM_WIDTHS(X, or) SKEP_VM_WIDTHS(X, and) SKEP_VM_WIDTHS(X, xor)                                     \
  SKEP_VM_WIDTHS(X, lsh) SKEP_VM_WIDTHS(X, rsh) SKEP_VM_WIDTHS(X, arsh)                                   \
  SKEP_VM_WIDTHS(X, mov) SKEP_VM_BOTH(X, neg)                                                             \
  X(movsx8_32) X(movsx16_32) X(movsx8_64) X(movsx16_64) X(movsx32_64)                                     \
  X(addr_space_cast)                                                                                      \
  X(le16) X(le32) X(le64) X(be16) X(be32) X(be64) X(bswap16) X(bswap32) X(bswap64)                        \
  X(ldxb) X(ldxh) X(ldxw) X(ldxdw) X(ldxsb) X(ldxsh) X(ldxsw)                                             \
  X(stb) X(sth) X(stw) X(stdw) X(stxb) X(stxh) X(stxw) X(stxdw)                                           \
  SKEP_VM_BOTH(X, atomic_add) SKEP_VM_BOTH(X, atomic_or)                                                  \
  SKEP_VM_BOTH(X, atomic_and) SKEP_VM_BOTH(X, atomic_xor)                                                 \
  SKEP_VM_BOTH(X, atomic_fetch_add) SKEP_VM_BOTH(X, atomic_fetch_or)                                      \
  SKEP_VM_BOTH(X, atomic_fetch_and) SKEP_VM_BOTH(X, atomic_fetch_xor)                                     \
  SKEP_VM_BOTH(X, xchg) SKEP_VM_BOTH(X, cmpxchg)                                                          \
  X(load_acquire8) X(load_acquire16) X(load_acquire32) X(load_acquire64)                                  \
  X(store_release8) X(store_release16) X(store_release32) X(store_release64)                              \
  X(lddw) X(lddw_map_fd) X(lddw_map_value) X(lddw_btf_id) X(lddw_func)                                    \
  X(lddw_map_idx) X(lddw_map_idx_value)                                                                   \
  X(ld_absb) X(ld_absh) X(ld_absw) X(ld_indb) X(ld_indh) X(ld_indw)                                       \
  X(ja) X(ja32)                                                                                           \
  SKEP_VM_WIDTHS(X, jeq) SKEP_VM_WIDTHS(X, jne) SKEP_VM_WIDTHS(X, jset)                                   \
  SKEP_VM_WIDTHS(X, jgt) SKEP_VM_WIDTHS(X, jge) SKEP_VM_WIDTHS(X, jlt) SKEP_VM_WIDTHS(X, jle)             \
  SKEP_VM_WIDTHS(X, jsgt) SKEP_VM_WIDTHS(X, jsge) SKEP_VM_WIDTHS(X, jslt)                                 \
  SKEP_VM_WIDTHS(X, jsle)                                                                                 \
  X(call_helper) X(call_local) X(call_kfunc) X(callx) X(exit) X(may_goto) X(gotox)
// clang-format on

inline constexpr isa::OpId listed_rows[] = {
#define SKEP_VM_ID(name) isa::op(#name),
    SKEP_VM_ROWS(SKEP_VM_ID)
#undef SKEP_VM_ID
};
static_assert(
    [] {
      bool seen[isa::op_count] = {};
      for (isa::OpId id : listed_rows) seen[id] = true;
      for (bool s : seen)
        if (!s) return false;
      return std::size(listed_rows) == isa::op_count;
    }(),
    "each row of isa's table needs its code");

using LabelTable = std::array<const void*, isa::op_count>;

// Labels in the order of the table, from labels in the order of the list above.
inline LabelTable order_labels(const void* const* listed) {
  LabelTable labels;
  for (std::size_t i = 0; i < isa::op_count; i++) labels[listed_rows[i]] = listed[i];
  return labels;
}

}  // namespace skep::vm
