// The 35 map types and their rules: what BPF_MAP_CREATE accepts, what each command answers, which helpers
// take the type.
//
// Source: the kernel's Documentation/bpf/map_*.rst and its behaviour; limits are those of x86-64 with 4 KiB
// pages. tests/unit/uapi holds the rules against the running kernel where it may.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "skep/base/result.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/evidence.h"
#include "skep/uapi/flags.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

// Sizes from min to max in steps of `step` from min. 0..0: the size must be 0.
struct SizeRule {
  std::uint32_t min, max;
  std::uint32_t step = 1;
  std::int16_t too_big = 22;  // errno for a size above max; any other misfit is EINVAL
  constexpr bool fits(std::uint32_t size) const {
    return size >= min && size <= max && (size - min) % step == 0;
  }
};

enum class EntriesRule : std::uint8_t {
  zero,  // must be 0
  one,   // must be 1
  at_least_one,
  pages_power_of_two,  // bytes: a power of two and a multiple of the page size
};

// What a user-space value stands for.
enum class ValueKind : std::uint8_t {
  data,           // bytes of the program
  prog_fd,        // written as descriptor, read as program id
  map_fd,         // written as descriptor, read as map id
  perf_event_fd,  // written as descriptor, not readable
  cgroup_fd,      // written as descriptor, not readable
  socket_fd,      // written as descriptor, read as socket cookie (8-byte values only)
  xsk_fd,         // written as descriptor of an AF_XDP socket, not readable
  device,         // ifindex and optionally the descriptor (read: id) of a program
  cpu_queue,      // queue length and optionally the descriptor (read: id) of a program
  stack_ids,      // addresses or build ids, written by bpf_get_stackid
  struct_ops,     // a kernel struct whose function pointers are programs
  none,           // no values: ring buffers, arena
};

// What the commands on elements answer for a type: 0 where they work, else the errno with which they refuse.
enum class MapOp : std::uint8_t {
  lookup,
  update,
  remove,
  next_key,
  lookup_and_delete,
  lookup_batch,
  lookup_and_delete_batch,
  update_batch,
  delete_batch,
};
inline constexpr std::size_t map_op_count = 9;

// Who may create it (else EPERM).
enum class MapPrivilege : std::uint8_t { none, cap_bpf, cap_net_admin };

struct MapTypeRow {
  MapType type;
  std::string_view kernel_name;  // BPF_MAP_TYPE_LRU_HASH
  std::string_view name;         // "lru_hash", as bpftool and libbpf print it
  SizeRule key, value;
  std::uint32_t key_value_max;  // key_size + value_size above this: E2BIG; 0: no such limit
  EntriesRule entries;
  std::uint32_t max_entries_max;  // above: E2BIG (0: no limit of its own)
  bool per_cpu;                   // a user-space value is possible_cpus values, each padded to 8 bytes
  ValueKind holds;
  std::uint32_t flags;           // allowed map_flags
  std::uint32_t required_flags;  // of these, all must be set
  bool needs_btf;                // btf_fd with key and value type ids
  bool inner_ok;                 // may be the inner map of a map-in-map
  bool for_each;                 // bpf_for_each_map_elem works
  MapPrivilege privilege;
  std::array<std::int16_t, map_op_count> answers;  // by MapOp
  std::uint16_t since;
  std::string_view evidence;

  constexpr bool can(MapOp op) const { return answers[static_cast<std::size_t>(op)] == 0; }
};

// All rows in order of their numbers, from 1.
std::span<const MapTypeRow> map_types();
// Null if unknown (0 too). The name is "lru_hash" or "BPF_MAP_TYPE_LRU_HASH".
const MapTypeRow* find_map_type(MapType type);
const MapTypeRow* find_map_type(std::string_view name);

// Would BPF_MAP_CREATE accept these attributes, as far as they alone decide (descriptors and privileges are
// not looked at)? The error carries the kernel's errno and names the member.
Result<void> check_map_create(const MapCreateAttr& attr);

// Does the verifier let a map of this type be passed to this helper? (On sockmap and sockhash
// bpf_map_update_elem and bpf_map_delete_elem also depend on the program: may_change_sockmap.)
bool map_allows_helper(MapType type, std::uint32_t helper_id);
bool may_change_sockmap(ProgType type, AttachType attach_type, bool remove);

// Bytes of a whole user-space value: value_size, or for per-CPU types every CPU's value padded to 8 bytes.
constexpr std::uint64_t user_value_size(const MapTypeRow& row, std::uint32_t value_size, std::uint32_t cpus) {
  return row.per_cpu ? (std::uint64_t{value_size} + 7) / 8 * 8 * cpus : value_size;
}

}  // namespace skep::uapi
