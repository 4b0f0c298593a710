// Loads and stores through pointers that BTF describes: kernel objects, allocated objects, the structs of
// maps, and contexts that are arrays of a function's arguments.
#include <algorithm>
#include <iterator>
#include <optional>

#include "skep/uapi/map_types.h"
#include "skep/verify/objects.h"
#include "skep/verify/walk.h"

namespace skep::verify {

using uapi::AttachType;
using uapi::ProgType;

namespace {

constexpr std::uint16_t untrust(std::uint16_t flags) {
  return static_cast<std::uint16_t>(flags & ~(flag::trusted | flag::rcu | flag::alloc | flag::non_owning));
}

// What a walk found goes into a register.
void set_loaded(Checker& c, int value, const btf::Btf* btf, const Walk& walk, std::uint16_t flags) {
  if (value < 0) return;
  RegState& reg = c.reg(static_cast<unsigned>(value));
  if (walk.result != WalkResult::pointer) {
    c.mark_unknown(reg);
    return;
  }
  c.mark_pointer(reg, Kind::btf_object, flags);
  reg.object = btf;
  reg.type = walk.type;
  if ((flags & flag::maybe_null) != 0) reg.id = c.new_id();
}

// Members of kernel structs that programs may write, by who runs them: the operations of a struct_ops
// program, or a packet program ("").
struct WritableRow {
  std::string_view operations, object;
  std::string_view owner, member;  // empty member: all of the object
  bool exact;                      // stores begin at the member's start
  KernelVersion since = 0;
};
constexpr WritableRow writable[] = {
    {"tcp_congestion_ops", "tcp_sock", "sock", "sk_pacing_rate", true},
    {"tcp_congestion_ops", "tcp_sock", "sock", "sk_pacing_status", true},
    {"tcp_congestion_ops", "tcp_sock", "inet_connection_sock", "icsk_ca_priv", false},
    {"tcp_congestion_ops", "tcp_sock", "inet_connection_sock", "icsk_ack.pending", true},
    {"tcp_congestion_ops", "tcp_sock", "tcp_sock", "snd_cwnd", true},
    {"tcp_congestion_ops", "tcp_sock", "tcp_sock", "snd_cwnd_cnt", true},
    {"tcp_congestion_ops", "tcp_sock", "tcp_sock", "snd_cwnd_stamp", true},
    {"tcp_congestion_ops", "tcp_sock", "tcp_sock", "snd_ssthresh", true},
    {"tcp_congestion_ops", "tcp_sock", "tcp_sock", "ecn_flags", true},
    {"tcp_congestion_ops", "tcp_sock", "tcp_sock", "app_limited", true, uapi::since(6, 10)},
    {"bpf_dummy_ops", "bpf_dummy_ops_state", "bpf_dummy_ops_state", "", false},
    {"sched_ext_ops", "task_struct", "task_struct", "scx.slice", false},
    {"sched_ext_ops", "task_struct", "task_struct", "scx.dsq_vtime", false},
    {"sched_ext_ops", "task_struct", "task_struct", "scx.disallow", false},
    {"", "nf_conn", "nf_conn", "mark", true},
    {"", "nf_conn___init", "nf_conn", "mark", true},
};

// Hooks whose objects are not yet, or no longer, in order.
bool lsm_arguments_untrusted(std::string_view hook) {
  constexpr std::string_view hooks[] = {
      "bpf_lsm_bpf_map_free",       "bpf_lsm_bpf_prog_free",     "bpf_lsm_file_alloc_security",
      "bpf_lsm_file_free_security", "bpf_lsm_sk_alloc_security", "bpf_lsm_sk_free_security",
      "bpf_lsm_task_free"};
  return std::find(std::begin(hooks), std::end(hooks), hook) != std::end(hooks);
}

struct Extent {
  std::int64_t begin = 0, end = 0;
};

// Where a member lies, "a.b" going into a; members of anonymous structs count as the outer one's.
std::optional<Extent> extent_of(const btf::Btf& btf, btf::TypeId id, std::string_view path, int depth = 0) {
  const auto resolved = btf.resolve(id);
  if (!resolved || depth > 16) return std::nullopt;
  const btf::Type type = btf.type(*resolved);
  const std::size_t dot = path.find('.');
  for (const btf::Member& member : type.members()) {
    std::optional<Extent> found;
    if (member.name == path.substr(0, dot)) {
      if (dot == std::string_view::npos) {
        const auto size = btf.size_of(member.type);
        const std::int64_t bytes = member.bits != 0 ? (member.bits + 7) / 8 : size ? *size : 0;
        found = Extent{0, bytes};
      } else {
        found = extent_of(btf, member.type, path.substr(dot + 1), depth + 1);
      }
    } else if (member.name.empty()) {
      found = extent_of(btf, member.type, path, depth + 1);
    }
    if (!found) continue;
    const std::int64_t begin = member.bit_offset / 8;
    return Extent{found->begin + begin, found->end + begin};
  }
  return std::nullopt;
}

bool check_kernel_store(Checker& c, const btf::Btf& btf, btf::TypeId type, std::int32_t off, unsigned size) {
  const ProgModel& prog = c.prog();
  std::string_view operations;
  switch (prog.type) {
    case ProgType::struct_ops:
      if (prog.target.btf == nullptr) return c.unsupported("a store to a kernel struct without a target");
      operations = prog.target.btf->name(prog.target.id);
      break;
    case ProgType::xdp:
    case ProgType::sched_cls:
    case ProgType::sched_act: break;
    default: return c.fail(EACCES, "only read is supported");
  }
  const std::string_view name = btf.name(type);
  bool known_operations = false, known_object = false;
  for (const WritableRow& row : writable) {
    if (row.operations != operations || row.since > c.model().kernel) continue;
    known_operations = true;
    if (row.object != name) continue;
    known_object = true;
    const auto owner = btf.find(row.owner, btf::Kind::struct_);
    if (!owner) continue;
    const auto extent = row.member.empty() ? std::optional(Extent{0, btf.type(*owner).size()})
                                           : extent_of(btf, *owner, row.member);
    if (!extent || off < extent->begin || off >= extent->end || (row.exact && off != extent->begin)) continue;
    if (off + static_cast<std::int64_t>(size) <= extent->end) return true;
    return c.fail(EACCES, "write access at off {} with size {} beyond the member of {} ended at {}", off,
                  size, name, extent->end);
  }
  if (!known_operations)
    return c.unsupported("a store to kernel struct {} by operations {}", name, operations);
  if (!known_object) return c.fail(EACCES, "only read is supported");
  return c.fail(EACCES, "no write support to {} at off {}", name, off);
}

}  // namespace

bool Checker::check_btf_access(unsigned number, std::int32_t off, unsigned size, Mode mode, int value) {
  const RegState pointer = reg(number);
  const btf::Btf& btf = *pointer.btf();
  const std::string_view name = btf.name(pointer.type);
  const bool kernel = records().is_kernel(&btf);
  if (!allow_ptr_leaks())
    return fail(EPERM, "'struct {}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", name);
  if (!prog().gpl && kernel)
    return fail(EINVAL, "Cannot access kernel 'struct {}' from non-GPL compatible program", name);
  if (off < 0) return fail(EACCES, "R{} is ptr_{} invalid negative access: off={}", number, name, off);
  if (!pointer.value.is_const() || pointer.value.value() != 0)
    return fail(EACCES, "R{} is ptr_{} invalid variable offset: off={}, var_off={}", number, name, off,
                print(pointer.value.bits));
  if (pointer.has(flag::user))
    return fail(EACCES, "R{} is ptr_{} access user memory: off={}", number, name, off);
  if (pointer.has(flag::percpu))
    return fail(EACCES, "R{} is ptr_{} access percpu memory: off={}", number, name, off);
  const bool alloc = pointer.has(flag::alloc);
  if (mode == Mode::write) {
    if (pointer.has(flag::untrusted)) return fail(EACCES, "only read is supported");
    if (!alloc) {
      return check_kernel_store(*this, btf, pointer.type, off, size);
    }
    if (!pointer.has(flag::non_owning) && !pointer.has(flag::rcu) && pointer.ref_id == 0)
      return fail(EFAULT, "verifier internal error: ref_obj_id for allocated object must be non-zero");
    if (pointer.has(flag::rcu) && pointer.flags != (flag::alloc | flag::non_owning | flag::rcu) &&
        pointer.flags != (flag::alloc | flag::rcu))
      return fail(EACCES, "only read is supported");
  }
  if (alloc) {
    const Record* record = records().of(&btf, pointer.type);
    if (record != nullptr)
      for (const Field& field : record->fields)
        if (off < static_cast<std::int64_t>(field.offset) + field.size &&
            field.offset < static_cast<std::int64_t>(off) + size)
          return fail(EACCES, "direct access to {} is disallowed", field_name(field.kind));
  }
  Walk walk = walk_to_value(btf, pointer.type, off, size, !alloc, model().at_least(6, 6));
  if (walk.result == WalkResult::failed) return fail(walk.code, "{}", walk.message);
  if (alloc) walk.result = WalkResult::scalar;  // pointers inside are just numbers
  std::uint16_t flags = walk.flags;
  if (walk.result == WalkResult::pointer) {
    const auto listed = [&](std::string_view suffix) {
      return model().kernel_btf != nullptr &&
             is_listed_member(*model().kernel_btf, btf, pointer.type, walk.field, walk.type, suffix);
    };
    if (pointer.has(flag::untrusted)) {
      flags = flag::untrusted;
    } else if (is_trusted(pointer) || is_rcu(pointer)) {
      if (listed("__safe_trusted")) {
        flags |= flag::trusted;
      } else if (listed("__safe_trusted_or_null")) {
        flags |= flag::trusted | flag::maybe_null;
      } else if (in_rcu_section(*this) && !pointer.has(flag::maybe_null)) {
        if (listed("__safe_rcu")) {
          flags |= flag::rcu;
        } else if ((flags & flag::rcu) != 0 || listed("__safe_rcu_or_null")) {
          flags |= flag::rcu | flag::maybe_null;
          if (listed("__safe_rcu_or_null")) flags &= static_cast<std::uint16_t>(~flag::untrusted);
        } else if ((flags & (flag::percpu | flag::user)) == 0) {
          flags = untrust(flags);
        }
      } else {
        flags = flag::untrusted;
      }
    } else {
      flags = untrust(flags);
    }
  }
  if (mode == Mode::read) set_loaded(*this, value, &btf, walk, flags);
  return true;
}

// --- Maps as structs ---

namespace {

struct MapStructRow {
  uapi::MapType type;
  std::string_view name;
};
// Types that are not here show a plain struct bpf_map.
constexpr MapStructRow map_structs[] = {
    {uapi::MapType::hash, "bpf_htab"},
    {uapi::MapType::percpu_hash, "bpf_htab"},
    {uapi::MapType::lru_hash, "bpf_htab"},
    {uapi::MapType::lru_percpu_hash, "bpf_htab"},
    {uapi::MapType::hash_of_maps, "bpf_htab"},
    {uapi::MapType::array, "bpf_array"},
    {uapi::MapType::percpu_array, "bpf_array"},
    {uapi::MapType::prog_array, "bpf_array"},
    {uapi::MapType::perf_event_array, "bpf_array"},
    {uapi::MapType::cgroup_array, "bpf_array"},
    {uapi::MapType::array_of_maps, "bpf_array"},
    {uapi::MapType::lpm_trie, "lpm_trie"},
    {uapi::MapType::stack_trace, "bpf_stack_map"},
    {uapi::MapType::queue, "bpf_queue_stack"},
    {uapi::MapType::stack, "bpf_queue_stack"},
    {uapi::MapType::devmap, "bpf_dtab"},
    {uapi::MapType::devmap_hash, "bpf_dtab"},
    {uapi::MapType::cpumap, "bpf_cpu_map"},
    {uapi::MapType::xskmap, "xsk_map"},
    {uapi::MapType::sockmap, "bpf_stab"},
    {uapi::MapType::sockhash, "bpf_shtab"},
    {uapi::MapType::ringbuf, "bpf_ringbuf_map"},
    {uapi::MapType::user_ringbuf, "bpf_ringbuf_map"},
    {uapi::MapType::reuseport_sockarray, "reuseport_array"},
    {uapi::MapType::cgroup_storage, "bpf_cgroup_storage_map"},
    {uapi::MapType::percpu_cgroup_storage, "bpf_cgroup_storage_map"},
    {uapi::MapType::sk_storage, "bpf_local_storage_map"},
    {uapi::MapType::task_storage, "bpf_local_storage_map"},
    {uapi::MapType::inode_storage, "bpf_local_storage_map"},
    {uapi::MapType::cgrp_storage, "bpf_local_storage_map"},
    {uapi::MapType::bloom_filter, "bpf_bloom_filter"},
    {uapi::MapType::arena, "bpf_arena"},
};

}  // namespace

bool Checker::check_map_struct_access(unsigned number, std::int32_t off, unsigned size, Mode mode,
                                      int value) {
  const RegState pointer = reg(number);
  const btf::Btf* btf = model().kernel_btf;
  if (btf == nullptr) return fail(524, "map_ptr access not supported without CONFIG_DEBUG_INFO_BTF");
  std::string_view name = "bpf_map";
  for (const MapStructRow& row : map_structs)
    if (row.type == pointer.map()->type) name = row.name;
  const auto type = btf->find(name, btf::Kind::struct_);
  if (!type)
    return fail(524, "map_ptr access not supported for map type {}",
                static_cast<unsigned>(pointer.map()->type));
  if (!allow_ptr_leaks())
    return fail(EPERM, "'struct {}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", name);
  if (off < 0) return fail(EACCES, "R{} is {} invalid negative access: off={}", number, name, off);
  if (mode != Mode::read) return fail(EACCES, "only read from {} is supported", name);
  const Walk walk = walk_to_value(*btf, *type, off, size, true, model().at_least(6, 6));
  if (walk.result == WalkResult::failed) return fail(walk.code, "{}", walk.message);
  set_loaded(*this, value, btf, walk, walk.flags);
  return true;
}

// --- Arguments as contexts ---

namespace {

// Arguments of iterators that are more than what their type says (Linux 6.12's registrations).
struct IteratorArg {
  std::string_view function;  // without bpf_iter_
  std::uint8_t index;         // of the argument; 0 is the meta structure
  Kind kind;
  std::uint16_t flags;
  std::string_view type = {};
};
constexpr IteratorArg iterator_args[] = {
    {"ksym", 1, Kind::btf_object, flag::maybe_null},
    {"bpf_prog", 1, Kind::btf_object, flag::maybe_null},
    {"bpf_link", 1, Kind::btf_object, flag::maybe_null},
    {"cgroup", 1, Kind::btf_object, flag::maybe_null | flag::trusted},
    {"task", 1, Kind::btf_object, flag::maybe_null | flag::trusted},
    {"task_file", 1, Kind::btf_object, flag::maybe_null},
    {"task_file", 3, Kind::btf_object, flag::maybe_null},
    {"task_vma", 1, Kind::btf_object, flag::maybe_null},
    {"task_vma", 2, Kind::btf_object, flag::maybe_null},
    {"bpf_map", 1, Kind::btf_object, flag::maybe_null | flag::trusted},
    {"bpf_map_elem", 2, Kind::buf, flag::maybe_null | flag::rdonly},
    {"bpf_map_elem", 3, Kind::buf, flag::maybe_null},
    {"netlink", 1, Kind::btf_object, flag::maybe_null},
    {"ipv6_route", 1, Kind::btf_object, flag::maybe_null},
    {"sockmap", 2, Kind::buf, flag::maybe_null | flag::rdonly},
    {"sockmap", 3, Kind::btf_object, flag::maybe_null},
    {"bpf_sk_storage_map", 2, Kind::btf_object, flag::maybe_null},
    {"bpf_sk_storage_map", 3, Kind::buf, flag::maybe_null},
    {"unix", 1, Kind::btf_object, flag::maybe_null},
    {"tcp", 1, Kind::btf_object, flag::maybe_null | flag::trusted},
    {"udp", 1, Kind::btf_object, flag::maybe_null | flag::trusted},
    {"kmem_cache", 1, Kind::btf_object, flag::maybe_null | flag::trusted},
    {"dmabuf", 1, Kind::btf_object, flag::maybe_null},
};

// Tracepoints whose pointers may be null, or errors in disguise (bit n: argument n).
struct TracepointArgs {
  std::string_view name;
  std::uint16_t null, error;
};
constexpr TracepointArgs tracepoint_args[] = {
    {"afs_flock_ev", 2, 0},
    {"afs_make_fs_call", 2, 0},
    {"afs_make_fs_call1", 2, 0},
    {"afs_make_fs_call2", 2, 0},
    {"afs_make_fs_calli", 2, 0},
    {"afs_protocol_error", 1, 0},
    {"bpf_testmod_test_read", 0, 0},
    {"break_lease_block", 2, 0},
    {"break_lease_noblock", 2, 0},
    {"break_lease_unblock", 2, 0},
    {"cachefiles_io_error", 1, 0},
    {"cachefiles_lookup", 1, 4},
    {"cachefiles_mark_active", 1, 0},
    {"cachefiles_mark_failed", 1, 0},
    {"cachefiles_mark_inactive", 1, 0},
    {"cachefiles_ondemand_close", 1, 0},
    {"cachefiles_ondemand_copen", 1, 0},
    {"cachefiles_ondemand_cread", 1, 0},
    {"cachefiles_ondemand_fd_release", 1, 0},
    {"cachefiles_ondemand_fd_write", 1, 0},
    {"cachefiles_ondemand_open", 1, 0},
    {"cachefiles_ondemand_read", 1, 0},
    {"cachefiles_prep_read", 1, 0},
    {"cachefiles_rename", 1, 0},
    {"cachefiles_unlink", 1, 0},
    {"cachefiles_vfs_error", 1, 0},
    {"device_pm_callback_start", 2, 0},
    {"ext4_mballoc_discard", 2, 0},
    {"ext4_mballoc_free", 2, 0},
    {"fcntl_setlk", 2, 0},
    {"fib_table_lookup", 4, 0},
    {"flock_lock_inode", 2, 0},
    {"folio_wait_writeback", 2, 0},
    {"generic_delete_lease", 2, 0},
    {"host1x_cdma_push_gather", 16, 0},
    {"kfree_skb", 8, 0},
    {"locks_remove_posix", 2, 0},
    {"mm_collapse_huge_page_isolate", 1, 0},
    {"mm_khugepaged_collapse_file", 2, 0},
    {"mm_khugepaged_scan_file", 2, 0},
    {"mm_khugepaged_scan_pmd", 2, 0},
    {"mm_page_alloc", 1, 0},
    {"mm_page_alloc_zone_locked", 1, 0},
    {"mm_page_pcpu_drain", 1, 0},
    {"mr_integ_alloc", 0, 8},
    {"netfs_failure", 2, 0},
    {"posix_lock_inode", 2, 0},
    {"qdisc_dequeue", 8, 0},
    {"rxrpc_recvdata", 1, 0},
    {"rxrpc_resend", 2, 0},
    {"sched_pi_setprio", 2, 0},
    {"sched_process_wait", 1, 0},
    {"sched_stick_numa", 4, 0},
    {"sched_swap_numa", 4, 0},
    {"signal_deliver", 0, 2},
    {"signal_generate", 0, 2},
    {"tcp_send_reset", 3, 0},
    {"tegra_dma_tx_status", 4, 0},
    {"time_out_leases", 2, 0},
    {"tmigr_update_events", 1, 0},
    {"writeback_dirty_folio", 2, 0},
    {"xprt_get_cong", 2, 0},
    {"xprt_put_cong", 2, 0},
    {"xprt_release_cong", 2, 0},
    {"xprt_reserve_cong", 2, 0},
    {"xs_stream_read_data", 1, 0},
};

bool is_small_scalar(const btf::Type& type) { return type.kind == btf::Kind::int_ || type.is_enum(); }

}  // namespace

bool Checker::check_btf_context(std::int32_t off, unsigned size, Mode mode, int value) {
  const TargetModel& target = prog().target;
  const bool iterator = prog().type == ProgType::tracing && prog().attach_type == AttachType::trace_iter;
  const auto refuse = [&] { return fail(EACCES, "invalid bpf_context access off={} size={}", off, size); };
  const auto scalar = [&] {
    if (value >= 0) mark_unknown(reg(static_cast<unsigned>(value)));
    return true;
  };
  if (off < 0 || off >= 12 * 8) return refuse();
  if (mode != Mode::read) return refuse();
  if (off % static_cast<std::int32_t>(size) != 0) return refuse();
  if (target.btf == nullptr || target.id == 0) {
    if (prog().type == ProgType::raw_tracepoint || prog().type == ProgType::raw_tracepoint_writable)
      return scalar();
    return unsupported("the context of a program without a known target");
  }
  const btf::Btf& btf = *target.btf;
  // The prototype: of a function, behind the pointer of a tracepoint's typedef, or of an operation.
  btf::TypeId proto_id = 0;
  std::string_view name = btf.name(target.id);
  const btf::Type of = btf.type(target.id);
  bool skip_first = false;
  if (of.kind == btf::Kind::func) {
    proto_id = of.type();
  } else if (of.kind == btf::Kind::typedef_) {
    const auto pointer = btf.resolve(of.id);
    if (!pointer || btf.type(*pointer).kind != btf::Kind::ptr) return refuse();
    proto_id = btf.type(*pointer).type();
    skip_first = true;
  } else if (of.is_composite()) {
    if (target.member >= of.vlen) return refuse();
    const btf::Member member = of.members()[target.member];
    name = member.name;
    const auto pointer = btf.resolve(member.type);
    if (!pointer || btf.type(*pointer).kind != btf::Kind::ptr) return refuse();
    proto_id = btf.type(*pointer).type();
  }
  if (proto_id == 0 || btf.type(proto_id).kind != btf::Kind::func_proto) return refuse();
  const btf::Type proto = btf.type(proto_id);
  if (off % 8 != 0) {
    note("func '{}' offset {} is not multiple of 8\n", name, off);
    return refuse();
  }
  const auto params = proto.params();
  const std::size_t first = skip_first ? 1 : 0;
  const std::size_t count = params.size() < first ? 0 : params.size() - first;
  // Arguments of 16 bytes take two words.
  std::size_t index = 0;
  for (std::int32_t at = 0; index < count; index++) {
    const auto bytes = btf.size_of(params[index + first].type);
    at += static_cast<std::int32_t>((bytes ? *bytes : 8u) + 7) / 8 * 8;
    if (off < at) break;
  }
  btf::TypeId type_id = 0;
  std::string_view param_name;
  if (index >= count) {
    const AttachType attach = prog().attach_type;
    // What the function returned lies behind its arguments.
    std::size_t words = 0;
    for (std::size_t i = 0; i < count; i++) {
      const auto bytes = btf.size_of(params[i + first].type);
      words += ((bytes ? *bytes : 8u) + 7) / 8;
    }
    const bool is_result = static_cast<std::size_t>(off) / 8 == words;
    const bool sees_result = attach == AttachType::trace_fexit || attach == AttachType::modify_return ||
                             attach == AttachType::lsm_mac || attach == AttachType::lsm_cgroup;
    if (!is_result || !sees_result || prog().type == ProgType::struct_ops || iterator) {
      note("func '{}' doesn't have {}-th argument\n", name, off / 8 + 1);
      return refuse();
    }
    type_id = proto.type();
    // What the hook would return is known to be one of its values.
    if (prog().type == ProgType::lsm && attach == AttachType::lsm_mac && checks_lsm_result_ && value >= 0)
      if (const std::optional<ReturnBounds> range = lsm_return_range()) {
        mark_unknown(reg(static_cast<unsigned>(value)));
        reg(static_cast<unsigned>(value)).value = Scalar::between_signed(range->min, range->max);
        return true;
      }
  } else {
    type_id = params[index + first].type;
    param_name = params[index + first].name;
  }
  const auto resolved = btf.resolve(type_id);
  if (!resolved) return refuse();
  btf::Type type = btf.type(*resolved);
  if (type.kind == btf::Kind::unkn) return scalar();
  if (is_small_scalar(type) || type.is_composite()) return scalar();
  if (type.kind != btf::Kind::ptr) {
    note("func '{}' arg{} '{}' has type {}. Only pointer access is allowed\n", name, index, type.name(),
         btf::kind_name(type.kind));
    return refuse();
  }
  if (size != 8) {
    note("func '{}' size {} must be 8\n", name, size);
    return refuse();
  }
  const IteratorArg* special = nullptr;
  if (iterator && name.starts_with("bpf_iter_"))
    for (const IteratorArg& row : iterator_args)
      if (row.function == name.substr(9) && row.index == index) special = &row;
  if (special != nullptr && special->kind == Kind::buf) {
    if (value >= 0) {
      RegState& loaded = reg(static_cast<unsigned>(value));
      mark_pointer(loaded, Kind::buf, special->flags);
      loaded.id = new_id();
    }
    return true;
  }
  const auto pointee = btf.resolve(type.type());
  if (!pointee) return refuse();
  const btf::Type target_type = btf.type(*pointee);
  if (target_type.kind == btf::Kind::unkn || target_type.kind == btf::Kind::int_) return scalar();
  std::uint16_t flags = 0;
  const AttachType attach = prog().attach_type;
  const bool raw_tp = prog().type == ProgType::tracing && attach == AttachType::trace_raw_tp;
  if (special != nullptr) {
    flags = special->flags;
  } else {
    if (raw_tp || iterator || prog().type == ProgType::struct_ops ||
        (prog().type == ProgType::lsm && !lsm_arguments_untrusted(name)))
      flags |= flag::trusted;
    if (param_name.ends_with("__nullable")) flags |= flag::maybe_null;
    if (prog().type == ProgType::struct_ops && of.is_composite() && model().kernel_btf != nullptr) {
      // The stub function of the operation carries the tags of its arguments.
      const auto stub = model().kernel_btf->find(fmt::format("{}__{}", of.name(), name), btf::Kind::func);
      if (stub) {
        const btf::Type stub_proto = model().kernel_btf->type(model().kernel_btf->type(*stub).type());
        if (index < stub_proto.params().size() && stub_proto.params()[index].name.ends_with("__nullable"))
          flags |= flag::maybe_null;
      }
    }
    bool error = false;
    if (raw_tp && skip_first && name.starts_with("btf_trace_")) {
      for (const TracepointArgs& row : tracepoint_args)
        if (row.name == name.substr(10)) {
          if ((row.null >> index & 1) != 0) flags |= flag::maybe_null;
          if ((row.error >> index & 1) != 0) error = true;
        }
      if (&btf != model().kernel_btf) flags |= flag::maybe_null;
    }
    if (error) return scalar();
  }
  if (target.prog != nullptr) return unsupported("pointer arguments of another program's function");
  const btf::Type direct = btf.type(type.type());
  if (direct.kind == btf::Kind::type_tag) {
    if (direct.name() == "user") flags |= flag::user;
    if (direct.name() == "percpu") flags |= flag::percpu;
  }
  if (!target_type.is_composite()) {
    note("func '{}' arg{} type {} is not a struct\n", name, index, btf::kind_name(target_type.kind));
    return refuse();
  }
  btf::TypeId loaded_type = target_type.id;
  // Congestion control is always TCP's.
  if (prog().type == ProgType::struct_ops && of.name() == "tcp_congestion_ops" &&
      target_type.name() == "sock")
    if (const auto tcp = btf.find("tcp_sock", btf::Kind::struct_)) loaded_type = *tcp;
  if (value >= 0) {
    RegState& loaded = reg(static_cast<unsigned>(value));
    mark_pointer(loaded, Kind::btf_object, flags);
    loaded.object = &btf;
    loaded.type = loaded_type;
    if ((flags & flag::maybe_null) != 0) loaded.id = new_id();
  }
  note("func '{}' arg{} has btf_id {} type {} '{}'\n", name, index, target_type.id,
       btf::kind_name(target_type.kind), target_type.name());
  return true;
}

// --- Arguments of global functions ---

bool Checker::check_dynptr_argument(unsigned number) {
  if (!check_argument_offset(*this, number, false, true)) return false;
  return process_dynptr(*this, number, DynptrUse::read, DynptrKind::none);
}

bool Checker::check_btf_argument(unsigned number, std::uint16_t flags, btf::TypeId type) {
  const RegState& r = reg(number);
  const bool nullable = (flags & flag::maybe_null) != 0;
  if (r.is_null() && nullable) return true;
  const std::uint16_t seen = nullable ? static_cast<std::uint16_t>(r.flags & ~flag::maybe_null) : r.flags;
  const bool fits = r.kind == Kind::btf_object && (seen == 0 || seen == flag::trusted || seen == flag::rcu);
  if (!fits) return fail(EACCES, "R{} type={} expected=ptr_, trusted_ptr_, rcu_ptr_", number, kind_name(r));
  if (r.has(flag::maybe_null) && !nullable)
    return fail(EACCES, "Possibly NULL pointer passed to helper arg{}", number);
  if (!struct_matches(r.btf(), r.type, r.off, model().kernel_btf, type, false, true))
    return fail(EACCES, "R{} is of type {} but {} is expected", number, r.btf()->name(r.type),
                model().kernel_btf->name(type));
  return check_argument_offset(*this, number, false, false);
}

}  // namespace skep::verify
