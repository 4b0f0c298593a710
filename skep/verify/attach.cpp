// What a program is attached to, as far as the verdict depends on it, and which maps it may use.
#include <algorithm>

#include "skep/uapi/prog_types.h"
#include "skep/verify/checker.h"

namespace skep::verify {

using uapi::AttachType;
using uapi::MapType;
using uapi::ProgType;

namespace {

constexpr bool is_tracing(ProgType type) {
  return type == ProgType::kprobe || type == ProgType::tracepoint || type == ProgType::perf_event ||
         type == ProgType::raw_tracepoint || type == ProgType::raw_tracepoint_writable;
}

// Maps whose elements a sleepable program may use.
bool allowed_when_sleeping(MapType type) {
  switch (type) {
    case MapType::hash:
    case MapType::lru_hash:
    case MapType::array:
    case MapType::percpu_hash:
    case MapType::percpu_array:
    case MapType::lru_percpu_hash:
    case MapType::array_of_maps:
    case MapType::hash_of_maps:
    case MapType::ringbuf:
    case MapType::user_ringbuf:
    case MapType::inode_storage:
    case MapType::sk_storage:
    case MapType::task_storage:
    case MapType::cgrp_storage:
    case MapType::queue:
    case MapType::stack:
    case MapType::arena:
    case MapType::insn_array: return true;
    default: return false;
  }
}

// Hooks that programs may not attach to: what they return is no errno, or comes through a pointer.
constexpr std::string_view disabled_hooks[] = {
    "bpf_lsm_audit_rule_match",    "bpf_lsm_getprocattr",       "bpf_lsm_getselfattr",
    "bpf_lsm_inode_copy_up_xattr", "bpf_lsm_inode_getsecurity", "bpf_lsm_inode_listsecurity",
    "bpf_lsm_inode_need_killpriv", "bpf_lsm_ismaclabel",        "bpf_lsm_key_getsecurity",
    "bpf_lsm_setprocattr",         "bpf_lsm_vm_enough_memory",  "bpf_lsm_xfrm_decode_session",
};

// Functions that may be modified, and probed by code that sleeps, whether or not errors can be injected.
struct ModifiableRow {
  std::string_view function;
  KernelVersion since;
};
constexpr ModifiableRow modifiable[] = {
    {"bpf_fentry_test1", uapi::since(6, 3)},        {"bpf_modify_return_test", uapi::since(6, 3)},
    {"bpf_modify_return_test2", uapi::since(6, 5)}, {"bpf_modify_return_test_tp", uapi::since(6, 10)},
    {"update_socket_protocol", uapi::since(6, 6)},
};

// Operations that have no place for a program.
struct OperationRow {
  std::string_view operations, member;
};
constexpr OperationRow unsupported_operations[] = {{"tcp_congestion_ops", "get_info"}};

}  // namespace

bool Checker::check_operation() {
  const TargetModel& target = prog().target;
  if (!target.btf->has(target.id) || !target.btf->type(target.id).is_composite()) return true;
  const btf::Type operations = target.btf->type(target.id);
  if (target.member >= operations.vlen) return true;
  const std::string_view member = operations.members()[target.member].name;
  bool supported = std::none_of(
      std::begin(unsupported_operations), std::end(unsupported_operations),
      [&](const OperationRow& row) { return row.operations == operations.name() && row.member == member; });
  if (operations.name() == "bpf_dummy_ops" && (prog().flags & prog_flag::sleepable) != 0)
    supported = supported && member == "test_sleepable";
  return supported || fail(524, "attach to unsupported member {} of struct {}", member, operations.name());
}

// A kernel that cannot inject errors lets few functions be modified or probed by code that sleeps. Which ones
// can be when it can, its BTF does not tell.
bool Checker::check_probed_function() {
  const TargetModel& target = prog().target;
  if (model_.error_injection || target.prog != nullptr || target.btf != model_.kernel_btf ||
      !target.btf->has(target.id))
    return true;
  const std::string_view name = target.btf->name(target.id);
  const bool listed = std::any_of(
      std::begin(modifiable), std::end(modifiable),
      [&](const ModifiableRow& row) { return row.function == name && row.since <= model_.kernel; });
  const AttachType attach = prog().attach_type;
  const bool probe = attach == AttachType::trace_fentry || attach == AttachType::trace_fexit ||
                     attach == AttachType::modify_return;
  if ((prog().flags & prog_flag::sleepable) != 0 && probe && !listed)
    return fail(EINVAL, "{} is not sleepable", name);
  if (attach == AttachType::modify_return && !listed && !name.starts_with("security_"))
    return fail(EINVAL, "{}() is not modifiable", name);
  return true;
}

bool Checker::check_attach_target() {
  at_ = 0;
  const ProgModel& p = prog();
  if (p.type == ProgType::struct_ops && p.target.btf == nullptr)
    return fail(EINVAL, "attach_btf_id {} is not supported", 0);
  if ((p.type == ProgType::tracing || p.type == ProgType::lsm || p.type == ProgType::ext) &&
      p.target.btf == nullptr)
    return fail(EINVAL, "Tracing programs must provide btf_id");
  if (!p.gpl && p.type == ProgType::struct_ops)
    return fail(EINVAL, "struct ops programs must have a GPL compatible license");
  if (!p.gpl && p.type == ProgType::lsm)
    return fail(EINVAL, "LSM programs must have a GPL compatible license");
  if (p.type == ProgType::struct_ops) return check_operation();
  if (p.type == ProgType::tracing) return check_probed_function();
  if (p.type == ProgType::lsm && model_.at_least(6, 1) && p.target.btf->has(p.target.id)) {
    const std::string_view hook = p.target.btf->name(p.target.id);
    if (std::find(std::begin(disabled_hooks), std::end(disabled_hooks), hook) != std::end(disabled_hooks))
      return fail(EINVAL, "attach_btf_id {} points to disabled hook {}", p.target.id, hook);
  }
  return true;
}

bool Checker::target_returns_void() const {
  const TargetModel& target = prog().target;
  if (target.btf == nullptr || !target.btf->has(target.id)) return false;
  btf::Type type = target.btf->type(target.id);
  if (type.kind == btf::Kind::struct_) {  // struct_ops: the member's prototype
    const auto members = type.members();
    if (target.member >= members.size()) return false;
    const Result<btf::TypeId> pointer = target.btf->resolve(members[target.member].type);
    if (!pointer || target.btf->type(*pointer).kind != btf::Kind::ptr) return false;
    const Result<btf::TypeId> proto = target.btf->resolve(target.btf->type(*pointer).type());
    return proto && target.btf->type(*proto).kind == btf::Kind::func_proto &&
           target.btf->type(*proto).type() == 0;
  }
  if (type.kind != btf::Kind::func || !target.btf->has(type.type())) return false;
  return target.btf->type(type.type()).type() == 0;
}

// LSM hooks return 0 or an errno, some of them a bool.
std::optional<ReturnBounds> Checker::lsm_return_range() const {
  const TargetModel& target = prog().target;
  if (target.btf == nullptr || !target.btf->has(target.id)) return std::nullopt;
  constexpr std::string_view bools[] = {"bpf_lsm_inode_need_killpriv", "bpf_lsm_audit_rule_known",
                                        "bpf_lsm_inode_xattr_skipcap"};
  const std::string_view name = target.btf->name(target.id);
  for (std::string_view each : bools)
    if (name == each) return ReturnBounds{0, 1, false};
  constexpr std::int32_t most_errno = 4095;
  if (name == "bpf_lsm_ismaclabel" || name == "bpf_lsm_key_getsecurity" || name == "bpf_lsm_vm_enough_memory")
    return std::nullopt;
  return ReturnBounds{-most_errno, 0, false};
}

// May this program use the maps that it names?
bool Checker::check_maps() {
  const bool sleepable = (prog().flags & prog_flag::sleepable) != 0;
  const KernelVersion may_sleep = uapi::sleepable_since(prog().type);
  const bool raw = prog().type == ProgType::tracing && prog().attach_type == uapi::AttachType::trace_raw_tp;
  if (sleepable && (may_sleep == 0 || raw))
    return fail(EINVAL,
                "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable");
  if (sleepable && may_sleep > model_.kernel)
    return lacks({uapi::Lack::program_flag, "BPF_F_SLEEPABLE", may_sleep}, EINVAL,
                 "programs of this type cannot be sleepable");
  if (model_.maps.size() > 64 + 64)
    return fail(E2BIG, "The total number of maps per program has reached the limit of 64");
  for (std::size_t i = 0; i < model_.maps.size(); i++) {
    const MapModel& map = model_.maps[i];
    if (!used_maps_[i]) continue;
    const bool tracing = is_tracing(prog_type_);
    if (has_field(map, FieldKind::list_head) || has_field(map, FieldKind::rb_root)) {
      if (tracing) return fail(EINVAL, "tracing progs cannot use bpf_{{list_head,rb_root}} yet");
    }
    if (has_field(map, FieldKind::spin_lock) || has_field(map, FieldKind::res_spin_lock)) {
      if (prog_type_ == ProgType::socket_filter)
        return fail(EINVAL, "socket filter progs cannot use bpf_spin_lock yet");
      if (tracing) return fail(EINVAL, "tracing progs cannot use bpf_spin_lock yet");
    }
    if (has_field(map, FieldKind::timer) && tracing)
      return fail(EINVAL, "tracing progs cannot use bpf_timer yet");
    if (has_field(map, FieldKind::workqueue) && tracing)
      return fail(EINVAL, "tracing progs cannot use bpf_wq yet");
    if (map.type == MapType::struct_ops) return fail(EINVAL, "bpf_struct_ops map cannot be used in prog");
    if (sleepable && !allowed_when_sleeping(map.type))
      return fail(EINVAL, "Sleepable programs can only use array, hash, ringbuf and local storage maps");
    if (map.type == MapType::arena) {
      if (!bpf_capable() || !allow_ptr_leaks())
        return fail(EPERM, "CAP_BPF and CAP_PERFMON are required to use arena");
      if (has_arena_ && used_arena_ != i) return fail(EBUSY, "Only one arena per program");
      has_arena_ = true;
      used_arena_ = i;
    }
  }
  return true;
}

}  // namespace skep::verify
