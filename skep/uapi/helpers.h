// The helpers of bpf(2): id, name, result, argument kinds, C prototype, who may call it, first kernel.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

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
  ringbuf_size,    // constant size of a record
  percpu_btf_ptr,
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
};

struct Helper {
  std::uint32_t id;
  std::string_view name;  // without bpf_
  Ret ret;
  std::array<Arg, 5> args;
  std::uint64_t prog_types;  // bit n: program type n may call it (as of `evidence`)
  bool gpl_only;
  std::uint16_t since;       // kernel, major << 8 | minor
  std::uint32_t fixed_size;  // of fixed_mem arguments
  std::string_view
      prototype;  // "void *bpf_map_lookup_elem(void *map, const void *key)": for shipped headers and docs
  std::string_view evidence;  // which kernel confirms the row
};

// All helpers in order of their ids, from 1.
std::span<const Helper> helpers();
// By id or by name (with or without bpf_); null if unknown.
const Helper* find_helper(std::uint32_t id);
const Helper* find_helper(std::string_view name);

}  // namespace skep::uapi
