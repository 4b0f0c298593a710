// The map types' rows, and the rules that they are read by.
#include "skep/uapi/map_types.h"

#include <algorithm>
#include <cstring>

#include "skep/uapi/rows.h"

namespace skep::uapi {
namespace {

using M = MapType;
using V = ValueKind;
using N = EntriesRule;
using Answers = std::array<std::int16_t, map_op_count>;

constexpr std::uint32_t page = 4096;
constexpr std::uint32_t kmalloc_max = 4u << 20;
constexpr std::uint32_t per_cpu_max = 32768;  // the allocator's smallest unit
constexpr std::uint32_t storage_max = 65407;  // 2^16 - 1 less the kernel's own 128 bytes
constexpr std::uint32_t hash_sum_max = kmalloc_max - 48 - 1;
constexpr std::uint32_t hash_entries_max = 1u << 27;  // buckets of 16 bytes below 4 GiB
constexpr std::uint32_t any = 0xffffffff;

constexpr SizeRule none{0, 0};
constexpr SizeRule four{4, 4};
constexpr SizeRule four_or_eight{4, 8, 4};
constexpr SizeRule eight_or_sixteen{8, 16, 8};
constexpr SizeRule up_to(std::uint32_t max, std::int16_t too_big = E2BIG) { return {1, max, 1, too_big}; }

constexpr std::uint32_t access = map_rdonly | map_wronly;
constexpr std::uint32_t access_prog = access | map_rdonly_prog | map_wronly_prog;
constexpr std::uint32_t array_flags = map_numa_node | access_prog;
constexpr std::uint32_t hash_flags = map_no_prealloc | map_numa_node | access_prog | map_zero_seed;
constexpr std::uint32_t hash_per_cpu_flags = hash_flags & ~map_numa_node;
constexpr std::uint32_t fd_flags = map_numa_node | access;
constexpr std::uint32_t storage_flags = map_no_prealloc | map_clone;

// Answers in the order of MapOp: lookup, update, remove, next_key, lookup_and_delete; the batches lookup,
// lookup_and_delete, update, delete.
constexpr std::int16_t no = enotsupp;    // the command has no such operation
constexpr std::int16_t op = EOPNOTSUPP;  // the type refuses
constexpr std::int16_t inv = EINVAL;
constexpr Answers all_work{};
constexpr Answers array_answers{0, 0, inv, 0, no, 0, no, 0, no};
constexpr Answers single{0, 0, 0, 0, no, no, no, no, no};
constexpr Answers write_only{no, 0, 0, 0, no, no, no, no, no};
constexpr Answers queue_answers{0, 0, inv, inv, 0, no, no, no, no};
constexpr Answers storage_answers{0, 0, 0, no, no, no, no, no, no};
constexpr Answers ring_answers{no, no, no, no, no, no, no, no, no};

constexpr MapPrivilege anyone = MapPrivilege::none;
constexpr MapPrivilege bpf = MapPrivilege::cap_bpf;
constexpr MapPrivilege net = MapPrivilege::cap_net_admin;

// type, kernel name, name, key, value, key + value, entries, most entries, per CPU, holds, flags, required
// flags, needs BTF, may be inner, for_each, privilege, answers, since, evidence
constexpr auto rows = std::to_array<MapTypeRow>({
    {M::hash, "BPF_MAP_TYPE_HASH", "hash", up_to(any), up_to(any), hash_sum_max, N::at_least_one,
     hash_entries_max, false, V::data, hash_flags, 0, false, true, true, anyone, all_work, since(3, 19),
     seen_6_1},
    {M::array, "BPF_MAP_TYPE_ARRAY", "array", four, up_to(0x7fffffff), 0, N::at_least_one, 0, false, V::data,
     array_flags | map_mmapable | map_inner_map, 0, false, true, true, anyone, array_answers, since(3, 19),
     seen_6_1},
    {M::prog_array, "BPF_MAP_TYPE_PROG_ARRAY", "prog_array", four, four, 0, N::at_least_one, 0, false,
     V::prog_fd, fd_flags, 0, false, false, false, anyone, single, since(4, 2), seen_6_1},
    {M::perf_event_array, "BPF_MAP_TYPE_PERF_EVENT_ARRAY", "perf_event_array", four, four, 0, N::at_least_one,
     0, false, V::perf_event_fd, fd_flags | map_preserve_elems, 0, false, true, false, anyone, write_only,
     since(4, 3), seen_6_1},
    {M::percpu_hash, "BPF_MAP_TYPE_PERCPU_HASH", "percpu_hash", up_to(any), up_to(per_cpu_max), hash_sum_max,
     N::at_least_one, hash_entries_max, true, V::data, hash_per_cpu_flags, 0, false, true, true, anyone,
     all_work, since(4, 6), seen_6_1},
    {M::percpu_array, "BPF_MAP_TYPE_PERCPU_ARRAY", "percpu_array", four, up_to(per_cpu_max), 0,
     N::at_least_one, 0, true, V::data, access_prog, 0, false, true, true, anyone, array_answers, since(4, 6),
     seen_6_1},
    {M::stack_trace,
     "BPF_MAP_TYPE_STACK_TRACE",
     "stack_trace",
     four,
     {8, 1016, 8, EINVAL},
     0,
     N::at_least_one,
     1u << 31,
     false,
     V::stack_ids,
     fd_flags | map_stack_build_id,
     0,
     false,
     true,
     false,
     bpf,
     {0, inv, 0, 0, 0, no, no, no, no},
     since(4, 6),
     seen_6_1},
    {M::cgroup_array, "BPF_MAP_TYPE_CGROUP_ARRAY", "cgroup_array", four, four, 0, N::at_least_one, 0, false,
     V::cgroup_fd, fd_flags, 0, false, true, false, anyone, write_only, since(4, 8), seen_6_1},
    {M::lru_hash, "BPF_MAP_TYPE_LRU_HASH", "lru_hash", up_to(any), up_to(any), hash_sum_max, N::at_least_one,
     hash_entries_max, false, V::data, (hash_flags & ~map_no_prealloc) | map_no_common_lru, 0, false, true,
     true, bpf, all_work, since(4, 10), seen_6_1},
    {M::lru_percpu_hash, "BPF_MAP_TYPE_LRU_PERCPU_HASH", "lru_percpu_hash", up_to(any), up_to(per_cpu_max),
     hash_sum_max, N::at_least_one, hash_entries_max, true, V::data,
     (hash_per_cpu_flags & ~map_no_prealloc) | map_no_common_lru, 0, false, true, true, bpf, all_work,
     since(4, 10), seen_6_1},
    {M::lpm_trie,
     "BPF_MAP_TYPE_LPM_TRIE",
     "lpm_trie",
     {5, 260, 1, EINVAL},
     up_to(kmalloc_max - 280, EINVAL),
     0,
     N::at_least_one,
     0,
     false,
     V::data,
     map_no_prealloc | array_flags,
     map_no_prealloc,
     false,
     true,
     false,
     bpf,
     {0, 0, 0, 0, no, 0, no, 0, 0},
     since(4, 11),
     seen_6_1},
    {M::array_of_maps,
     "BPF_MAP_TYPE_ARRAY_OF_MAPS",
     "array_of_maps",
     four,
     four,
     0,
     N::at_least_one,
     0,
     false,
     V::map_fd,
     fd_flags,
     0,
     false,
     false,
     false,
     anyone,
     {0, 0, 0, 0, no, 0, no, 0, no},
     since(4, 12),
     seen_6_1},
    {M::hash_of_maps,
     "BPF_MAP_TYPE_HASH_OF_MAPS",
     "hash_of_maps",
     up_to(any),
     four,
     hash_sum_max,
     N::at_least_one,
     hash_entries_max,
     false,
     V::map_fd,
     hash_flags,
     0,
     false,
     false,
     false,
     anyone,
     {0, 0, 0, 0, no, 0, 0, 0, 0},
     since(4, 12),
     seen_6_1},
    {M::devmap, "BPF_MAP_TYPE_DEVMAP", "devmap", four, four_or_eight, 0, N::at_least_one, 0, false, V::device,
     fd_flags, 0, false, true, false, net, single, since(4, 14), seen_6_1},
    {M::sockmap, "BPF_MAP_TYPE_SOCKMAP", "sockmap", four, four_or_eight, 0, N::at_least_one, 0, false,
     V::socket_fd, fd_flags, 0, false, true, false, net, single, since(4, 14), seen_6_1},
    {M::cpumap, "BPF_MAP_TYPE_CPUMAP", "cpumap", four, four_or_eight, 0, N::at_least_one, 0, false,
     V::cpu_queue, map_numa_node, 0, false, true, false, bpf, single, since(4, 15), seen_6_1},
    {M::xskmap,
     "BPF_MAP_TYPE_XSKMAP",
     "xskmap",
     four,
     four,
     0,
     N::at_least_one,
     0,
     false,
     V::xsk_fd,
     fd_flags,
     0,
     false,
     true,
     false,
     net,
     {op, 0, 0, 0, no, no, no, no, no},
     since(4, 18),
     seen_6_1},
    {M::sockhash, "BPF_MAP_TYPE_SOCKHASH", "sockhash", up_to(512), four_or_eight, 0, N::at_least_one, 0,
     false, V::socket_fd, fd_flags, 0, false, true, false, net, single, since(4, 18), seen_6_1},
    {M::cgroup_storage,
     "BPF_MAP_TYPE_CGROUP_STORAGE",
     "cgroup_storage",
     eight_or_sixteen,
     up_to(storage_max),
     0,
     N::zero,
     0,
     false,
     V::data,
     array_flags,
     0,
     false,
     false,
     false,
     anyone,
     {0, 0, inv, 0, no, no, no, no, no},
     since(4, 19),
     seen_6_1},
    {M::reuseport_sockarray, "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY", "reuseport_sockarray", four, four_or_eight,
     0, N::at_least_one, 0, false, V::socket_fd, array_flags, 0, false, true, false, bpf, single,
     since(4, 19), seen_6_1},
    {M::percpu_cgroup_storage,
     "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE",
     "percpu_cgroup_storage",
     eight_or_sixteen,
     up_to(per_cpu_max),
     0,
     N::zero,
     0,
     true,
     V::data,
     array_flags,
     0,
     false,
     false,
     false,
     anyone,
     {0, 0, inv, 0, no, no, no, no, no},
     since(4, 20),
     seen_6_1},
    {M::queue, "BPF_MAP_TYPE_QUEUE", "queue", none, up_to(kmalloc_max), 0, N::at_least_one, 0, false, V::data,
     array_flags, 0, false, true, false, bpf, queue_answers, since(4, 20), seen_6_1},
    {M::stack, "BPF_MAP_TYPE_STACK", "stack", none, up_to(kmalloc_max), 0, N::at_least_one, 0, false, V::data,
     array_flags, 0, false, true, false, bpf, queue_answers, since(4, 20), seen_6_1},
    {M::sk_storage, "BPF_MAP_TYPE_SK_STORAGE", "sk_storage", four, up_to(storage_max), 0, N::zero, 0, false,
     V::data, storage_flags, map_no_prealloc, true, true, false, bpf, storage_answers, since(5, 2), seen_6_1},
    {M::devmap_hash, "BPF_MAP_TYPE_DEVMAP_HASH", "devmap_hash", four, four_or_eight, 0, N::at_least_one, 0,
     false, V::device, fd_flags, 0, false, true, false, net, single, since(5, 4), seen_6_1},
    {M::struct_ops, "BPF_MAP_TYPE_STRUCT_OPS", "struct_ops", four, up_to(any), 0, N::one, 0, false,
     V::struct_ops, map_link | map_vtype_btf_obj_fd, 0, true, false, false, bpf, single, since(5, 6),
     seen_6_1},
    {M::ringbuf, "BPF_MAP_TYPE_RINGBUF", "ringbuf", none, none, 0, N::pages_power_of_two, 0, false, V::none,
     map_numa_node | map_rb_overwrite, 0, false, true, false, anyone, ring_answers, since(5, 8), seen_6_1},
    {M::inode_storage, "BPF_MAP_TYPE_INODE_STORAGE", "inode_storage", four, up_to(storage_max), 0, N::zero, 0,
     false, V::data, storage_flags, map_no_prealloc, true, true, false, bpf, storage_answers, since(5, 10),
     seen_6_1},
    {M::task_storage, "BPF_MAP_TYPE_TASK_STORAGE", "task_storage", four, up_to(storage_max), 0, N::zero, 0,
     false, V::data, storage_flags, map_no_prealloc, true, true, false, bpf, storage_answers, since(5, 11),
     seen_6_1},
    {M::bloom_filter,
     "BPF_MAP_TYPE_BLOOM_FILTER",
     "bloom_filter",
     none,
     up_to(kmalloc_max),
     0,
     N::at_least_one,
     0,
     false,
     V::data,
     array_flags | map_zero_seed,
     0,
     false,
     true,
     false,
     bpf,
     {0, 0, op, op, no, no, no, no, no},
     since(5, 16),
     seen_6_1},
    {M::user_ringbuf, "BPF_MAP_TYPE_USER_RINGBUF", "user_ringbuf", none, none, 0, N::pages_power_of_two, 0,
     false, V::none, map_numa_node, 0, false, true, false, anyone, ring_answers, since(6, 1), seen_6_1},
    {M::cgrp_storage, "BPF_MAP_TYPE_CGRP_STORAGE", "cgrp_storage", four, up_to(storage_max), 0, N::zero, 0,
     false, V::data, storage_flags, map_no_prealloc, true, true, false, bpf, storage_answers, since(6, 2),
     seen_6_12},
    {M::arena,
     "BPF_MAP_TYPE_ARENA",
     "arena",
     none,
     none,
     0,
     N::at_least_one,
     1u << 20,
     false,
     V::none,
     map_mmapable | map_segv_on_fault | map_no_user_conv,
     map_mmapable,
     false,
     true,
     false,
     bpf,
     {inv, op, op, op, no, no, no, no, no},
     since(6, 9),
     seen_6_12},
    {M::insn_array,
     "BPF_MAP_TYPE_INSN_ARRAY",
     "insn_array",
     four,
     {16, 16},
     0,
     N::at_least_one,
     0,
     false,
     V::data,
     0,
     0,
     false,
     false,
     false,
     bpf,
     {0, 0, inv, 0, no, no, no, no, no},
     since(6, 19),
     unseen},
    {M::rhash, "BPF_MAP_TYPE_RHASH", "rhash", up_to(65535), up_to(any), hash_sum_max, N::at_least_one,
     1u << 31, false, V::data, hash_flags & ~map_zero_seed, map_no_prealloc, false, true, true, bpf, all_work,
     since(7, 1), unseen},
});

static_assert(rows.size() == 35);
static_assert(in_order(rows, &MapTypeRow::type, 1));

constexpr std::uint64_t mask(M type) { return 1ull << static_cast<unsigned>(type); }
template <class... Types>
constexpr std::uint64_t types(Types... list) {
  return (mask(list) | ...);
}

// Helpers that take only maps of these types.
struct Claim {
  std::uint32_t helper_id;
  std::uint64_t types;
};
constexpr std::uint64_t perf = mask(M::perf_event_array);
constexpr std::uint64_t ring = mask(M::ringbuf);
constexpr std::uint64_t redirect = types(M::devmap, M::devmap_hash, M::cpumap, M::xskmap);
constexpr std::uint64_t per_cpu = types(M::percpu_array, M::percpu_hash, M::lru_percpu_hash);
constexpr std::uint64_t queues = types(M::queue, M::stack);
constexpr Claim claims[] = {
    {12, mask(M::prog_array)},                                     // tail_call
    {22, perf},                                                    // perf_event_read
    {25, perf},                                                    // perf_event_output
    {27, mask(M::stack_trace)},                                    // get_stackid
    {33, mask(M::cgroup_array)},                                   // skb_under_cgroup
    {37, mask(M::cgroup_array)},                                   // current_task_under_cgroup
    {51, redirect},                                                // redirect_map
    {52, mask(M::sockmap)},                                        // sk_redirect_map
    {53, mask(M::sockmap)},                                        // sock_map_update
    {55, perf},                                                    // perf_event_read_value
    {60, mask(M::sockmap)},                                        // msg_redirect_map
    {70, mask(M::sockhash)},                                       // sock_hash_update
    {71, mask(M::sockhash)},                                       // msg_redirect_hash
    {72, mask(M::sockhash)},                                       // sk_redirect_hash
    {81, types(M::cgroup_storage, M::percpu_cgroup_storage)},      // get_local_storage
    {82, types(M::reuseport_sockarray, M::sockmap, M::sockhash)},  // sk_select_reuseport
    {87, queues | mask(M::bloom_filter)},                          // map_push_elem
    {88, queues},                                                  // map_pop_elem
    {89, queues | mask(M::bloom_filter)},                          // map_peek_elem
    {107, mask(M::sk_storage)},                                    // sk_storage_get
    {108, mask(M::sk_storage)},                                    // sk_storage_delete
    {111, perf},                                                   // skb_output
    {121, perf},                                                   // xdp_output
    {130, ring},                                                   // ringbuf_output
    {131, ring},                                                   // ringbuf_reserve
    {134, ring},                                                   // ringbuf_query
    {145, mask(M::inode_storage)},                                 // inode_storage_get
    {146, mask(M::inode_storage)},                                 // inode_storage_delete
    {156, mask(M::task_storage)},                                  // task_storage_get
    {157, mask(M::task_storage)},                                  // task_storage_delete
    {195, per_cpu},                                                // map_lookup_percpu_elem
    {198, ring},                                                   // ringbuf_reserve_dynptr
    {199, ring},                                                   // ringbuf_submit_dynptr
    {200, ring},                                                   // ringbuf_discard_dynptr
    {209, mask(M::user_ringbuf)},                                  // user_ringbuf_drain
    {210, mask(M::cgrp_storage)},                                  // cgrp_storage_get
    {211, mask(M::cgrp_storage)},                                  // cgrp_storage_delete
};

constexpr std::uint32_t map_lookup_elem = 1, map_update_elem = 2, map_delete_elem = 3,
                        for_each_map_elem = 164, kptr_xchg = 194;

// Types that helpers without a claim may take: plain storage. All others take their claimants only, and
// these:
constexpr std::uint64_t open_types =
    types(M::hash, M::array, M::percpu_hash, M::percpu_array, M::lru_hash, M::lru_percpu_hash, M::lpm_trie,
          M::struct_ops, M::arena, M::rhash);
constexpr std::uint64_t lookup_too =
    types(M::devmap, M::devmap_hash, M::xskmap, M::array_of_maps, M::hash_of_maps, M::sockmap, M::sockhash);
constexpr std::uint64_t change_too = types(M::sockmap, M::sockhash);
constexpr std::uint64_t kptr_too = types(M::sk_storage, M::inode_storage, M::task_storage, M::cgrp_storage);

bool name_ok(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

Result<void> check_size(const MapTypeRow& row, std::string_view what, const SizeRule& rule,
                        std::uint32_t size) {
  if (rule.fits(size)) return {};
  int code = size > rule.max ? rule.too_big : EINVAL;
  if (rule.max == 0) return fail(EINVAL, "map type {}: {} is {}, must be 0", row.name, what, size);
  if (rule.min == rule.max)
    return fail(EINVAL, "map type {}: {} is {}, must be {}", row.name, what, size, rule.min);
  if (rule.max == rule.min + rule.step)
    return fail(EINVAL, "map type {}: {} is {}, must be {} or {}", row.name, what, size, rule.min, rule.max);
  if (size < rule.min)
    return fail(code, "map type {}: {} is {}, must be at least {}", row.name, what, size, rule.min);
  if (size > rule.max)
    return fail(code, "map type {}: {} is {}, must be at most {}", row.name, what, size, rule.max);
  return fail(code, "map type {}: {} is {}, must be a multiple of {}", row.name, what, size, rule.step);
}

Result<void> check_flags(const MapTypeRow& row, std::uint32_t flags) {
  flags &= ~map_token_fd;
  bool lru = row.type == M::lru_hash || row.type == M::lru_percpu_hash;
  // Flags that no hash takes are noticed first.
  if (lru && (flags & map_no_prealloc) && !(flags & ~(row.flags | map_no_prealloc | map_numa_node)))
    return fail(enotsupp, "map type {}: BPF_F_NO_PREALLOC is not supported: LRU maps are always preallocated",
                row.name);
  if (std::uint32_t unknown = flags & ~row.flags)
    return fail(EINVAL, "map type {}: map_flags has 0x{:x}, which this type does not take (it takes 0x{:x})",
                row.name, unknown, row.flags);
  if (std::uint32_t missing = row.required_flags & ~flags)
    return fail(EINVAL, "map type {}: map_flags is 0x{:x}, must contain 0x{:x}{}", row.name, flags, missing,
                missing == map_no_prealloc ? " (BPF_F_NO_PREALLOC)"
                : missing == map_mmapable  ? " (BPF_F_MMAPABLE)"
                                           : "");
  if ((flags & access) == access)
    return fail(EINVAL, "map type {}: BPF_F_RDONLY and BPF_F_WRONLY exclude each other", row.name);
  if ((flags & (map_rdonly_prog | map_wronly_prog)) == (map_rdonly_prog | map_wronly_prog))
    return fail(EINVAL, "map type {}: BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other", row.name);
  if ((flags & map_no_common_lru) && (flags & map_numa_node))
    return fail(EINVAL, "map type {}: BPF_F_NO_COMMON_LRU and BPF_F_NUMA_NODE exclude each other", row.name);
  return {};
}

Result<void> check_entries(const MapTypeRow& row, std::uint32_t entries) {
  switch (row.entries) {
    case N::zero:
      if (entries != 0) return fail(EINVAL, "map type {}: max_entries is {}, must be 0", row.name, entries);
      break;
    case N::one:
      if (entries != 1) return fail(EINVAL, "map type {}: max_entries is {}, must be 1", row.name, entries);
      break;
    case N::at_least_one:
      if (entries == 0) return fail(EINVAL, "map type {}: max_entries is 0, must be at least 1", row.name);
      break;
    case N::pages_power_of_two:
      if (entries < page || (entries & (entries - 1)) != 0)
        return fail(EINVAL, "map type {}: max_entries is {}, must be a power of two and at least {} (bytes)",
                    row.name, entries, page);
      break;
  }
  if (row.max_entries_max != 0 && entries > row.max_entries_max)
    return fail(E2BIG, "map type {}: max_entries is {}, must be at most {}", row.name, entries,
                row.max_entries_max);
  return {};
}

Result<void> check_extra(const MapTypeRow& row, const MapCreateAttr& attr) {
  std::uint64_t extra = attr.map_extra;
  if (extra == 0) return {};
  if (row.type == M::bloom_filter) {
    if (extra > 15)
      return fail(EINVAL, "map type {}: map_extra is {}, must be at most 15 (hash functions)", row.name,
                  extra);
    return {};
  }
  if (row.type == M::arena) {
    if (extra % page != 0)
      return fail(EINVAL, "map type {}: map_extra is 0x{:x}, must be an address on a page boundary", row.name,
                  extra);
    std::uint64_t last = extra + std::uint64_t{attr.max_entries} * page - 1;
    if (extra >> 32 != last >> 32)
      return fail(ERANGE, "map type {}: addresses 0x{:x} to 0x{:x} cross a 4 GiB boundary", row.name, extra,
                  last);
    return {};
  }
  if (row.type == M::rhash) {
    if (extra >> 32)
      return fail(EINVAL, "map type {}: map_extra is 0x{:x}, its upper half must be 0", row.name, extra);
    if (extra > 65535)
      return fail(E2BIG, "map type {}: map_extra is {}, must be at most 65535", row.name, extra);
    if (extra > attr.max_entries)
      return fail(EINVAL, "map type {}: map_extra is {}, must be at most max_entries ({})", row.name, extra,
                  attr.max_entries);
    return {};
  }
  return fail(EINVAL, "map type {}: map_extra is {}, must be 0", row.name, extra);
}

}  // namespace

std::span<const MapTypeRow> map_types() { return rows; }

const MapTypeRow* find_map_type(MapType type) { return row_of(rows, type, 1); }

const MapTypeRow* find_map_type(std::string_view name) {
  auto at = std::ranges::find_if(
      rows, [name](const MapTypeRow& row) { return row.name == name || row.kernel_name == name; });
  return at == rows.end() ? nullptr : &*at;
}

Result<void> check_map_create(const MapCreateAttr& attr) {
  const MapTypeRow* row = find_map_type(static_cast<MapType>(attr.map_type));
  if (!row) return fail(EINVAL, "map type {} does not exist (known: 1 to {})", attr.map_type, rows.size());

  bool vmlinux_value = attr.btf_vmlinux_value_type_id != 0;
  if (vmlinux_value && (row->type != M::struct_ops || attr.btf_key_type_id || attr.btf_value_type_id))
    return fail(EINVAL, "map type {}: btf_vmlinux_value_type_id is for struct_ops alone", row->name);
  if (attr.btf_key_type_id && !attr.btf_value_type_id)
    return fail(EINVAL, "map type {}: btf_key_type_id is given without btf_value_type_id", row->name);
  if (row->type == M::struct_ops && !vmlinux_value)
    return fail(EINVAL, "map type struct_ops: btf_vmlinux_value_type_id is 0");
  if (row->needs_btf && row->type != M::struct_ops && (!attr.btf_key_type_id || !attr.btf_value_type_id))
    return fail(EINVAL, "map type {}: needs BTF: btf_key_type_id and btf_value_type_id", row->name);

  // A bloom filter's value is measured before all else.
  if (row->type == M::bloom_filter && attr.value_size > row->value.max)
    TRY(check_size(*row, "value_size", row->value, attr.value_size));
  TRY(check_flags(*row, attr.map_flags));
  TRY(check_entries(*row, attr.max_entries));
  TRY(check_size(*row, "key_size", row->key, attr.key_size));
  SizeRule value = row->value;
  if (row->type == M::stack_trace && (attr.map_flags & map_stack_build_id))
    value = {32, 127 * 32, 32, EINVAL};
  TRY(check_size(*row, "value_size", value, attr.value_size));
  if (std::uint64_t sum = std::uint64_t{attr.key_size} + attr.value_size;
      row->key_value_max != 0 && sum > row->key_value_max)
    return fail(E2BIG, "map type {}: key_size + value_size is {}, must be at most {}", row->name, sum,
                row->key_value_max);
  TRY(check_extra(*row, attr));

  const char* end = static_cast<const char*>(std::memchr(attr.map_name, 0, sizeof attr.map_name));
  if (!end) return fail(EINVAL, "map_name: no NUL in its {} bytes", sizeof attr.map_name);
  for (const char* at = attr.map_name; at != end; ++at)
    if (!name_ok(*at))
      return fail(EINVAL, "map_name: byte {} is 0x{:02x}, allowed are letters, digits, '_' and '.'",
                  at - attr.map_name, static_cast<unsigned char>(*at));
  return {};
}

bool map_allows_helper(MapType type, std::uint32_t helper_id) {
  const MapTypeRow* row = find_map_type(type);
  if (!row) return false;
  std::uint64_t self = mask(type);
  for (const Claim& claim : claims)
    if (claim.helper_id == helper_id) return claim.types & self;
  if (helper_id == for_each_map_elem) return row->for_each;
  if (open_types & self) return true;
  switch (helper_id) {
    case map_lookup_elem: return lookup_too & self;
    case map_update_elem:
    case map_delete_elem: return change_too & self;
    case kptr_xchg: return kptr_too & self;
    default: return false;
  }
}

bool may_change_sockmap(ProgType type, AttachType attach_type, bool remove) {
  // Any other program could hold the socket's lock.
  constexpr ProgType unlocked[] = {ProgType::socket_filter, ProgType::sched_cls,    ProgType::sched_act,
                                   ProgType::xdp,           ProgType::sk_reuseport, ProgType::flow_dissector,
                                   ProgType::sk_lookup};
  if (type == ProgType::tracing) return attach_type == AttachType::trace_iter;
  if (type == ProgType::sock_ops) return remove;
  return std::ranges::find(unlocked, type) != std::end(unlocked);
}

}  // namespace skep::uapi
