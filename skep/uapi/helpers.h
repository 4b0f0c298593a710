// The helpers of bpf(2): id, name, result, argument kinds, C prototype, who may call it, first kernel.
//
// A row describes the helper as most program types see it. Where a program type gets the same id with other
// arguments (bpf_setsockopt takes the context of a sock_ops program and the socket of an LSM program),
// helper_form() answers for that type.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "skep/uapi/numbers.h"

namespace skep::uapi {

// What a helper takes in one register, in the verifier's terms (Documentation/bpf/verifier.rst).
enum class Arg : std::uint8_t {
  none,
  anything,          // any initialised value
  map,               // pointer to a map (lddw src 1)
  map_key,           // pointer to key_size readable bytes
  map_value,         // pointer to value_size readable bytes
  uninit_map_value,  // pointer to value_size writable bytes
  mem,               // pointer to readable bytes; the next argument is their number
  mem_or_null,
  uninit_mem,  // pointer to writable bytes; the next argument is their number
  uninit_mem_or_null,
  fixed_mem,         // pointer to as many readable bytes as the row says (fixed_size)
  fixed_uninit_mem,  // the same, written
  size,              // number of bytes, at least 1
  size_or_zero,
  context,    // the program's context
  spin_lock,  // inside a map value
  timer,
  kptr,            // address of a kptr in a map value
  dynptr,          // on the stack
  function,        // lddw src 4
  stack,           // pointer to the stack (bpf_loop's and for_each's callback context; may be null)
  const_str,       // NUL-terminated, in a read-only map
  sock,            // sock_common or more
  btf_ptr,         // pointer to a kernel object
  ringbuf_record,  // from ringbuf_reserve
  ringbuf_size,    // constant size of a record or of a dynptr's slice
  percpu_btf_ptr,
  scalar,             // a number, never a pointer
  map_value_or_null,  // pointer to value_size readable bytes, or null
  inout_mem,          // pointer to bytes that are read and written; the next argument is their number
  inout_mem_or_null,
  fixed_inout_mem,  // as many bytes as the row says, read and written
  context_or_null,
  sock_or_null,
  btf_ptr_or_null,
  uninit_dynptr,  // 16 bytes of stack that become a dynptr
};

// What comes back in r0.
enum class Ret : std::uint8_t {
  integer,
  none,  // r0 is unreadable
  map_value_or_null,
  sock_or_null,
  record_or_null,  // ringbuf_reserve
  mem_or_null,     // dynptr_data
  btf_ptr_or_null,
  btf_ptr,
  mem,                 // this_cpu_ptr
  mem_or_null_percpu,  // per_cpu_ptr
  map_value,           // get_local_storage: never null
  sock_common_or_null,
  tcp_sock_or_null,
};

// What a call does beside its result. Bits of Helper::traits.
// The result is a reference that the program must release:
inline constexpr std::uint8_t helper_acquires = 1;
// Gives back the reference that it takes (bpf_kptr_xchg in its second argument, the others in the first):
inline constexpr std::uint8_t helper_releases = 2;
// Packet pointers read before the call are dead after it:
inline constexpr std::uint8_t helper_changes_packet = 4;
// Sleepable programs only:
inline constexpr std::uint8_t helper_may_sleep = 8;
// bpf_fastcall: where the kernel inlines it (6.12), it clobbers r0 alone:
inline constexpr std::uint8_t helper_fastcall = 16;

struct Helper {
  std::uint32_t id;
  std::string_view name;  // without bpf_
  Ret ret;
  std::array<Arg, 5> args;
  // Bit n: program type n may call it, under at least one of the type's attach types (as of `evidence`).
  // Bit 28 (ext) is never set: an ext program may call what its target may.
  std::uint64_t prog_types;
  bool gpl_only;
  std::uint16_t since;       // kernel, major << 8 | minor
  std::uint32_t fixed_size;  // of fixed_* arguments; ask fixed_size_of(): one helper has two sizes
  // "void *bpf_map_lookup_elem(void *map, const void *key)": for shipped headers and docs.
  std::string_view prototype;
  std::string_view evidence;            // which kernel confirms the row
  std::uint8_t traits = 0;              // helper_* bits
  std::uint32_t second_fixed_size = 0;  // of the second fixed_* argument, where it differs
};

// How a call looks to one program type.
struct HelperForm {
  std::array<Arg, 5> args;
  bool gpl_only;
};

// All helpers in order of their ids, from 1.
std::span<const Helper> helpers();
// By id or by name (with or without bpf_); null if unknown.
const Helper* find_helper(std::uint32_t id);
const Helper* find_helper(std::string_view name);

// May a program of this type call it at all? For ext ask with the type of the target.
bool may_call(const Helper& helper, ProgType type);
// The argument kinds that this type's programs see: the row's, unless the type has a form of its own.
HelperForm helper_form(const Helper& helper, ProgType type);
// Bytes behind argument `index` (0..4) if it is one of the fixed_* kinds, otherwise 0.
std::uint32_t fixed_size_of(const Helper& helper, unsigned index);

}  // namespace skep::uapi
