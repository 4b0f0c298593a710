// Calls of helpers: may this program call it here, does every argument keep its promise, what is known
// afterwards.
#include "skep/verify/callbacks.h"
#include "skep/verify/objects.h"
#include "skep/verify/walk.h"

#include <algorithm>
#include <optional>

#include "skep/uapi/flags.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"

namespace skep::verify {

namespace {

using uapi::Arg;
using uapi::MapType;
using uapi::ProgType;

namespace helper_id {
inline constexpr std::uint32_t map_lookup_elem = 1, map_update_elem = 2, map_delete_elem = 3, tail_call = 12,
                               get_smp_processor_id = 8, probe_read_str = 45, get_stack = 67,
                               get_local_storage = 81, map_push_elem = 87, map_pop_elem = 88,
                               map_peek_elem = 89, spin_lock = 93, sk_release = 86, sk_storage_get = 107,
                               sk_storage_delete = 108, d_path = 147, probe_read_user_str = 114,
                               probe_read_kernel_str = 115, get_task_stack = 141, per_cpu_ptr = 153,
                               this_cpu_ptr = 154, snprintf = 165, get_func_ip = 173, kptr_xchg = 194,
                               dynptr_from_mem = 197, ringbuf_reserve_dynptr = 198,
                               ringbuf_submit_dynptr = 199, ringbuf_discard_dynptr = 200, dynptr_write = 202,
                               dynptr_data = 203, setsockopt = 49, getsockopt = 57, get_retval = 186,
                               set_retval = 187;
}

// A register type that an argument takes.
struct Accepted {
  Kind kind;
  std::uint16_t flags = 0;
};

constexpr Accepted mem_kinds[] = {{Kind::stack},
                                  {Kind::packet},
                                  {Kind::packet_meta},
                                  {Kind::map_key},
                                  {Kind::map_value},
                                  {Kind::mem},
                                  {Kind::mem, flag::ringbuf},
                                  {Kind::buf},
                                  {Kind::btf_object, flag::trusted}};
constexpr Accepted sock_kinds[] = {{Kind::sock_common}, {Kind::socket}, {Kind::tcp_sock}, {Kind::xdp_sock}};
constexpr Accepted btf_sock_kinds[] = {{Kind::sock_common}, {Kind::socket},
                                       {Kind::tcp_sock},    {Kind::xdp_sock},
                                       {Kind::btf_object},  {Kind::btf_object, flag::trusted}};
constexpr Accepted lock_kinds[] = {{Kind::map_value}, {Kind::btf_object, flag::alloc}};
constexpr Accepted socket_kinds[] = {{Kind::socket}};
constexpr Accepted scalar_kinds[] = {{Kind::scalar}};
constexpr Accepted context_kinds[] = {{Kind::context}};
constexpr Accepted record_kinds[] = {{Kind::mem, flag::ringbuf}};
constexpr Accepted map_kinds[] = {{Kind::map_ptr}};
constexpr Accepted btf_kinds[] = {
    {Kind::btf_object}, {Kind::btf_object, flag::trusted}, {Kind::btf_object, flag::rcu}};
constexpr Accepted percpu_kinds[] = {{Kind::btf_object, flag::percpu},
                                     {Kind::btf_object, flag::percpu | flag::rcu},
                                     {Kind::btf_object, flag::percpu | flag::trusted}};
constexpr Accepted function_kinds[] = {{Kind::func}};
constexpr Accepted stack_kinds[] = {{Kind::stack}};
constexpr Accepted map_value_kinds[] = {{Kind::map_value}};
constexpr Accepted dynptr_kinds[] = {{Kind::stack}, {Kind::dynptr}};

// How one kind of argument is checked.
struct ArgRow {
  Arg arg;
  std::span<const Accepted> kinds;
  bool nullable = false;
  bool rdonly_ok = false;  // the callee only reads
  bool writes = false, uninit = false;
};

constexpr ArgRow arg_rows[] = {
    {Arg::map, map_kinds},
    {Arg::map_key, mem_kinds},
    {Arg::map_value, mem_kinds},
    {Arg::uninit_map_value, mem_kinds, false, false, true, true},
    {Arg::mem, mem_kinds, false, true},
    {Arg::mem_or_null, mem_kinds, true, true},
    {Arg::uninit_mem, mem_kinds, false, false, true, true},
    {Arg::uninit_mem_or_null, mem_kinds, true, false, true, true},
    {Arg::fixed_mem, mem_kinds, false, true},
    {Arg::fixed_uninit_mem, mem_kinds, false, false, true, true},
    {Arg::size, scalar_kinds},
    {Arg::size_or_zero, scalar_kinds},
    {Arg::context, context_kinds},
    {Arg::spin_lock, lock_kinds},
    {Arg::timer, map_value_kinds},
    {Arg::kptr, lock_kinds},
    {Arg::dynptr, dynptr_kinds, false, true},
    {Arg::function, function_kinds},
    {Arg::stack, stack_kinds, true},
    {Arg::const_str, map_value_kinds},
    {Arg::sock, btf_sock_kinds},
    {Arg::btf_ptr, btf_kinds},
    {Arg::ringbuf_record, record_kinds},
    {Arg::ringbuf_size, scalar_kinds},
    {Arg::percpu_btf_ptr, percpu_kinds},
    {Arg::scalar, scalar_kinds},
    {Arg::map_value_or_null, mem_kinds, true},
    {Arg::inout_mem, mem_kinds, false, false, true},
    {Arg::inout_mem_or_null, mem_kinds, true, false, true},
    {Arg::fixed_inout_mem, mem_kinds, false, false, true},
    {Arg::context_or_null, context_kinds, true},
    {Arg::sock_or_null, btf_sock_kinds, true},
    {Arg::btf_ptr_or_null, btf_kinds, true},
    {Arg::uninit_dynptr, dynptr_kinds, false, false, true, true},
};

const ArgRow* arg_row(Arg arg) {
  for (const ArgRow& row : arg_rows)
    if (row.arg == arg) return &row;
  return nullptr;
}

bool is_memory(Arg arg) {
  switch (arg) {
    case Arg::mem:
    case Arg::mem_or_null:
    case Arg::uninit_mem:
    case Arg::uninit_mem_or_null:
    case Arg::fixed_mem:
    case Arg::fixed_uninit_mem:
    case Arg::inout_mem:
    case Arg::inout_mem_or_null:
    case Arg::fixed_inout_mem: return true;
    default: return false;
  }
}

// The program type whose rules count: an extension follows its target.
ProgType rules_of(const ProgModel& prog) {
  if (prog.type == ProgType::ext && prog.target.prog != nullptr) return prog.target.prog->type;
  return prog.type;
}

// Hooks of cgroups whose result does not matter, so that programs may not look at it.
bool hides_result(uapi::AttachType type) {
  using enum uapi::AttachType;
  switch (type) {
    case cgroup_inet_ingress:
    case cgroup_inet_egress:
    case cgroup_sock_ops:
    case cgroup_udp4_recvmsg:
    case cgroup_udp6_recvmsg:
    case cgroup_unix_recvmsg:
    case cgroup_inet4_getpeername:
    case cgroup_inet6_getpeername:
    case cgroup_unix_getpeername:
    case cgroup_inet4_getsockname:
    case cgroup_inet6_getsockname:
    case cgroup_unix_getsockname: return true;
    default: return false;
  }
}

class HelperCall {
 public:
  HelperCall(Checker& checker, const Code& insn) : c(checker), insn_(insn) {}
  bool run();

 private:
  bool allowed();
  bool argument(unsigned index);
  bool check_type(unsigned number, const ArgRow& row, std::span<const Accepted> kinds);
  bool check_btf_type(unsigned number, const ArgRow& row);
  bool memory(unsigned number, std::uint32_t size, bool zero_ok, const ArgRow& row, bool size_known);
  bool size_argument(unsigned index, bool zero_ok);
  bool timer(unsigned number);
  bool kptr(unsigned number);
  void constant_key(unsigned number);
  bool record_map();
  bool release();
  bool special();
  bool callbacks();
  bool result();
  bool map_and_helper();
  bool find_struct(std::string_view name, const btf::Btf*& btf, btf::TypeId& type);
  bool releases(unsigned index) const;
  std::string_view operation_name() const;
  bool allowed_in_probe() const;

  Checker& c;
  const Code& insn_;
  const uapi::Helper* helper_ = nullptr;
  const HelperTypes* types_ = nullptr;
  uapi::HelperForm form_{};
  std::uint32_t id_ = 0;

  // What arguments found out.
  const MapModel* map_ = nullptr;
  std::uint32_t map_uid_ = 0;
  std::optional<std::uint32_t> key_;  // array: the constant index
  std::uint32_t ref_id_ = 0;
  unsigned release_number_ = 0;
  std::uint32_t mem_size_ = 0;
  std::uint64_t max_size_ = 0;
  std::uint32_t subprog_ = 0;
  const btf::Btf* percpu_btf_ = nullptr;
  btf::TypeId percpu_type_ = 0;
  const Field* kptr_field_ = nullptr;
  std::uint32_t dynptr_id_ = 0;
  bool changes_packet_ = false, cpu_pointer_to_alloc_ = false;
  unsigned fill_number_ = 0;
  std::uint32_t fill_size_ = 0;
};

bool HelperCall::releases(unsigned index) const {
  if ((helper_->traits & uapi::helper_releases) == 0) return false;
  return index == (id_ == helper_id::kptr_xchg ? 1u : 0u);
}

bool HelperCall::allowed() {
  helper_ = insn_.imm < 0 || insn_.imm > 0xffffff ? nullptr
                                                  : uapi::find_helper(static_cast<std::uint32_t>(insn_.imm));
  if (helper_ == nullptr || helper_->since > c.model().kernel)
    return c.fail(EINVAL, "invalid func unknown#{}", insn_.imm);
  id_ = helper_->id;
  types_ = helper_types(id_);
  const ProgType type = rules_of(c.prog());
  const Needs needs = helper_needs(id_);
  const bool capable = needs == Needs::nothing || (needs == Needs::bpf && c.bpf_capable()) ||
                       (needs == Needs::perfmon && c.model().privileges.perfmon);
  // Device and sysctl programs too, but only when loaded with their attach type: 0 is another's, which hides
  // it.
  const bool retval = id_ == helper_id::get_retval || id_ == helper_id::set_retval;
  const bool by_attach_type = retval && (type == ProgType::cgroup_device || type == ProgType::cgroup_sysctl);
  if ((!uapi::may_call(*helper_, type) && !by_attach_type) || !capable) {
    if (c.model().at_least(6, 10))
      return c.fail(EINVAL, "program of this type cannot use helper bpf_{}#{}", helper_->name, id_);
    return c.fail(EINVAL, "unknown func bpf_{}#{}", helper_->name, id_);
  }
  if (retval && hides_result(c.prog().attach_type) && rules_of(c.prog()) != ProgType::lsm)
    return c.fail(EINVAL, "program of this type cannot use helper bpf_{}#{}", helper_->name, id_);
  if ((id_ == helper_id::setsockopt || id_ == helper_id::getsockopt) &&
      c.prog().type == ProgType::struct_ops &&
      operation_name() == "release")  // the socket is about to leave congestion control: no way back in
    return c.fail(EINVAL, "program of this type cannot use helper bpf_{}#{}", helper_->name, id_);
  form_ = uapi::helper_form(*helper_, type);
  if (!c.prog().gpl && form_.gpl_only)
    return c.fail(EINVAL, "cannot call GPL-restricted function from non-GPL compatible program");
  if (!allowed_in_probe()) return c.fail(EINVAL, "helper call is not allowed in probe");
  const bool sleeps = (helper_->traits & uapi::helper_may_sleep) != 0;
  if (sleeps && !c.state().sleepable) {
    return c.fail(EINVAL, "helper call might sleep in a non-sleepable prog");
  }
  changes_packet_ = (helper_->traits & uapi::helper_changes_packet) != 0;
  const char* section = c.state().rcu_locks != 0       ? "rcu_read_lock region"
                        : c.state().preempt_locks != 0 ? "non-preemptible region"
                        : c.state().irq_id != 0        ? "IRQ-disabled region"
                                                       : nullptr;
  if (sleeps && section != nullptr)
    return c.fail(EINVAL, "sleepable helper bpf_{}#{} in {}", helper_->name, id_, section);
  return true;
}

// Functions at whose entry and exit bpf_d_path cannot meet locks that it needs (Linux 6.12).
constexpr std::string_view d_path_functions[] = {"dentry_open",
                                                 "filp_close",
                                                 "security_file_open",
                                                 "security_file_permission",
                                                 "security_inode_getattr",
                                                 "security_path_truncate",
                                                 "vfs_fallocate",
                                                 "vfs_getattr",
                                                 "vfs_truncate"};

// Some helpers may be called from some functions' probes alone.
bool HelperCall::allowed_in_probe() const {
  const ProgModel& prog = c.prog();
  if (prog.type != ProgType::tracing || prog.target.btf == nullptr || !prog.target.btf->has(prog.target.id))
    return true;
  const std::string_view function = prog.target.btf->name(prog.target.id);
  if (id_ == helper_id::d_path)
    return prog.attach_type == uapi::AttachType::trace_iter ||
           std::find(std::begin(d_path_functions), std::end(d_path_functions), function) !=
               std::end(d_path_functions);
  if (id_ != helper_id::sk_storage_get && id_ != helper_id::sk_storage_delete) return true;
  if (prog.attach_type == uapi::AttachType::trace_iter || prog.attach_type == uapi::AttachType::trace_raw_tp)
    return true;
  return prog.target.prog == nullptr && !function.starts_with("bpf_sk_storage");
}

// The member of the struct of operations that the program is for.
std::string_view HelperCall::operation_name() const {
  const TargetModel& target = c.prog().target;
  if (target.btf == nullptr || !target.btf->has(target.id)) return {};
  const btf::Type type = target.btf->type(target.id);
  return type.is_composite() && target.member < type.vlen ? type.members()[target.member].name
                                                          : std::string_view();
}

bool HelperCall::find_struct(std::string_view name, const btf::Btf*& btf, btf::TypeId& type) {
  btf = c.model().kernel_btf;
  if (btf == nullptr) return c.fail(EINVAL, "in-kernel BTF is needed for struct {}", name);
  const auto found = btf->find(name, btf::Kind::struct_);
  if (!found) return c.fail(EINVAL, "struct {} is not in the kernel's BTF", name);
  type = *found;
  return true;
}

bool HelperCall::check_type(unsigned number, const ArgRow& row, std::span<const Accepted> kinds) {
  const RegState& reg = c.reg(number);
  std::uint16_t flags = reg.flags;
  if (row.rdonly_ok) flags &= static_cast<std::uint16_t>(~flag::rdonly);
  if (row.nullable) flags &= static_cast<std::uint16_t>(~flag::maybe_null);
  if (id_ == helper_id::kptr_xchg && number == 2 && (flags & flag::alloc) != 0)
    flags &= static_cast<std::uint16_t>(~(flag::alloc | flag::percpu));
  bool found = false;
  for (const Accepted& accepted : kinds)
    found = found || (reg.kind == accepted.kind && flags == accepted.flags);
  // Slices of dynptrs say where they come from; only plain memory arguments overlook it.
  if (found && reg.kind == Kind::mem && reg.dynptr != DynptrKind::none && !is_memory(row.arg)) found = false;
  if (!found) {
    std::string expected;
    for (const Accepted& accepted : kinds) {
      if (!expected.empty()) expected += ", ";
      expected += c.kind_name(RegState::pointer(accepted.kind, accepted.flags));
    }
    return c.fail(EACCES, "R{} type={} expected={}", number, c.kind_name(reg), expected);
  }
  if (reg.kind != Kind::btf_object) return true;
  if (kinds.data() == std::data(mem_kinds)) {
    if (row.rdonly_ok) return true;
    return c.fail(EACCES, "bpf_{}() may write into memory pointed by R{} type={}", helper_->name, number,
                  c.kind_name(reg));
  }
  return check_btf_type(number, row);
}

bool HelperCall::check_btf_type(unsigned number, const ArgRow& row) {
  const RegState& reg = c.reg(number);
  const bool release = releases(number - 1);
  if (reg.has(flag::alloc)) {
    if (id_ == helper_id::kptr_xchg && number == 2) return check_kptr_match(c, *kptr_field_, number);
    return true;  // spin locks and the destination of kptr_xchg: checked by what they point at
  }
  if (reg.has(flag::percpu)) return true;
  if (reg.has(flag::maybe_null) && (!row.nullable || release))
    return c.fail(EACCES, "Possibly NULL pointer passed to helper arg{}", number);
  if (id_ == helper_id::kptr_xchg) return check_kptr_match(c, *kptr_field_, number);
  const std::string_view wanted = row.kinds.data() == std::data(btf_sock_kinds)
                                      ? std::string_view("sock_common")
                                  : types_ != nullptr ? types_->takes
                                                      : std::string_view();
  if (wanted.empty()) return c.unsupported("the type of argument {} of helper bpf_{}", number, helper_->name);
  const btf::Btf* btf = nullptr;
  btf::TypeId type = 0;
  if (!find_struct(wanted, btf, type)) return false;
  const bool strict = release && id_ != helper_id::sk_release;
  if (struct_matches(reg.btf(), reg.type, reg.off, btf, type, strict, true)) return true;
  return c.fail(EACCES, "R{} is of type {} but {} is expected", number, reg.btf()->name(reg.type), wanted);
}

bool HelperCall::memory(unsigned number, std::uint32_t size, bool zero_ok, const ArgRow& row,
                        bool size_known) {
  Checker::HelperMemory use;
  use.mode = row.writes ? Mode::write : Mode::read;
  use.zero_ok = zero_ok;
  use.uninit = row.uninit && size_known;
  if (!c.check_helper_memory(number, size, use)) return false;
  if (use.fills_stack) {
    fill_number_ = number;
    fill_size_ = use.fill_size;
  }
  return true;
}

bool HelperCall::size_argument(unsigned index, bool zero_ok) {
  const unsigned number = index + 1;
  const RegState& reg = c.reg(number);
  const auto& bounds = reg.value.full;
  max_size_ = bounds.umax;
  if (bounds.smin < 0)
    return c.fail(EACCES, "R{} min value is negative, either use unsigned or 'var &= const'", number);
  const ArgRow* row = arg_row(form_.args[index - 1]);
  if (bounds.umin == 0 && c.model().at_least(6, 8)) {
    if (!zero_ok)
      return c.fail(EACCES, "R{} invalid zero-sized read: u64=[{},{}]", number, bounds.umin, bounds.umax);
  } else if (bounds.umin == 0 && !memory(number - 1, 0, zero_ok, *row, false)) {
    return false;  // older kernels check the access of no bytes like any other
  }
  if (bounds.umax >= (1u << 29))
    return c.fail(EACCES, "R{} unbounded memory access, use 'var &= const' or 'if (var < const)'", number);
  if (!memory(number - 1, static_cast<std::uint32_t>(bounds.umax), zero_ok, *row, reg.value.is_const()))
    return false;
  return c.mark_precise(number);
}

bool HelperCall::timer(unsigned number) {
  const RegState& reg = c.reg(number);
  const MapModel& map = *reg.map();
  if (!reg.value.is_const())
    return c.fail(EINVAL, "R{} doesn't have constant offset. bpf_timer has to be at the constant offset",
                  number);
  if (map.btf == nullptr)
    return c.fail(EINVAL, "map '{}' has to have BTF in order to use bpf_timer", map.name);
  const Record* record = c.records().of(map);
  const Field* field = record == nullptr ? nullptr : record->find(FieldKind::timer);
  if (field == nullptr) return c.fail(EINVAL, "map '{}' has no valid bpf_timer", map.name);
  const std::int64_t off = static_cast<std::int64_t>(reg.value.value()) + reg.off;
  if (off != field->offset)
    return c.fail(EINVAL, "off {} doesn't point to 'struct bpf_timer' that is at {}", off, field->offset);
  map_ = &map;
  map_uid_ = reg.type;
  return true;
}

bool HelperCall::kptr(unsigned number) {
  const RegState& reg = c.reg(number);
  if (reg.kind == Kind::map_value) {
    if (reg.map()->btf == nullptr)
      return c.fail(EINVAL, "map '{}' has to have BTF in order to use bpf_kptr_xchg", reg.map()->name);
    map_ = reg.map();
  }
  const Record* record = record_of(c, reg);
  if (!reg.value.is_const())
    return c.fail(EINVAL, "R{} doesn't have constant offset. kptr has to be at the constant offset", number);
  const auto is_kptr = [](const Field& field) { return field.is_kptr(); };
  if (record == nullptr || std::none_of(record->fields.begin(), record->fields.end(), is_kptr))
    return c.fail(EINVAL, "R{} has no valid kptr", number);
  const auto off = static_cast<std::uint32_t>(reg.off + static_cast<std::int64_t>(reg.value.value()));
  kptr_field_ = record->kptr_at(off);
  if (kptr_field_ == nullptr) return c.fail(EACCES, "off={} doesn't point to kptr", off);
  if (kptr_field_->kind == FieldKind::kptr_untrusted)
    return c.fail(EACCES, "off={} kptr isn't referenced kptr", off);
  return true;
}

// Since 6.14: the index of an array lookup, when it is a constant on the stack: the result is never null
// then.
void HelperCall::constant_key(unsigned number) {
  if (!c.model().at_least(6, 14) || !c.bpf_capable()) return;
  if (map_->type != MapType::array && map_->type != MapType::percpu_array) return;
  const RegState& reg = c.reg(number);
  if (reg.kind != Kind::stack || !reg.value.is_const()) return;
  const std::int64_t off = reg.off + static_cast<std::int64_t>(reg.value.value());
  if (off >= 0) return;
  const auto byte = static_cast<std::size_t>(-off - 1);
  const Frame& frame = c.state().frame_of(reg);
  if (byte / 8 >= frame.stack.size()) return;
  const StackSlot& slot = frame.stack[byte / 8];
  const auto count = [&](Byte what) {
    std::uint32_t n = 0;
    for (std::size_t i = byte % 8 + 1; i-- > 0 && slot.bytes[i] == what;) n++;
    return n;
  };
  if (count(Byte::zero) >= map_->key_size) {
    key_ = 0;
    return;
  }
  if (!slot.is_spilled_scalar() || count(Byte::spill) != map_->key_size || !slot.spilled.value.is_const())
    return;
  const std::uint64_t value = slot.spilled.value.value();
  if (!c.mark_stack_slot_precise(reg.frame, static_cast<unsigned>(byte / 8))) return;
  if (value <= 0xffffffff) key_ = static_cast<std::uint32_t>(value);
}

bool HelperCall::argument(unsigned index) {
  const unsigned number = index + 1;
  const Arg arg = form_.args[index];
  if (arg == Arg::none) return true;
  if (!c.check_reg_read(number)) return false;
  RegState& reg = c.reg(number);
  if (arg == Arg::anything) {
    if (reg.is_pointer() && !c.allow_ptr_leaks())
      return c.fail(EACCES, "R{} leaks addr into helper function", number);
    return true;
  }
  const ArgRow* row = arg_row(arg);
  std::span<const Accepted> kinds = row->kinds;
  if (reg.is_packet()) {
    const uapi::ProgTypeRow* type = uapi::find_prog_type(rules_of(c.prog()));
    const bool may = type != nullptr && type->packet_access &&
                     (rules_of(c.prog()) == ProgType::cgroup_sockopt || helper_takes_packet(id_));
    if (!may) return c.fail(EACCES, "helper access to the packet is not allowed");
  }
  const bool is_value =
      arg == Arg::map_value || arg == Arg::uninit_map_value || arg == Arg::map_value_or_null;
  if (is_value) {
    if (map_ == nullptr) return c.fail(EACCES, "invalid map_ptr to access map->type");
    if (map_->type == MapType::sockmap || map_->type == MapType::sockhash) {
      if (arg != Arg::map_value) return c.fail(EINVAL, "invalid arg_type for sockmap/sockhash");
      kinds = btf_sock_kinds;
    }
    if (map_->type == MapType::bloom_filter && id_ == helper_id::map_peek_elem) row = arg_row(Arg::map_value);
  }
  if (arg == Arg::sock || arg == Arg::sock_or_null) {
    if (types_ != nullptr && types_->sock == SockArg::sock_only) kinds = sock_kinds;
    if (types_ != nullptr && types_->sock == SockArg::full_socket) kinds = socket_kinds;
  }
  const bool release = releases(index);
  const bool is_dynptr = arg == Arg::dynptr || arg == Arg::uninit_dynptr;
  if (reg.is_null() && row->nullable) {
    if (!c.mark_precise(number)) return false;
  } else {
    ArgRow checked = *row;
    checked.kinds = kinds;
    if (!check_type(number, checked, kinds)) return false;
    if (!check_argument_offset(c, number, release, is_dynptr)) return false;
  }
  if (release) {
    if (is_dynptr) {
      if (reg.kind != Kind::stack) return c.fail(EINVAL, "cannot release unowned const bpf_dynptr");
      const int slot = object_slot(c, reg, "dynptr", 2);
      if (slot < 0 || c.state().frame_of(reg).stack[static_cast<unsigned>(slot)].spilled.ref_id == 0)
        return c.fail(EINVAL, "arg {} is an unacquired reference", number);
    } else if (reg.ref_id == 0 && !reg.is_null()) {
      return c.fail(EINVAL, "R{} must be referenced when passed to release function", number);
    }
    release_number_ = number;
  }
  if (reg.ref_id != 0 && arg != Arg::kptr) {
    if (ref_id_ != 0) {
      if (c.model().at_least(6, 17))
        return c.fail(EACCES, "more than one arg with ref_obj_id R{} {} {}", number, reg.ref_id, ref_id_);
      return c.fail(EFAULT, "verifier internal error: more than one arg with ref_obj_id R{} {} {}", number,
                    reg.ref_id, ref_id_);
    }
    ref_id_ = reg.ref_id;
  }
  switch (arg) {
    case Arg::map:
      if (map_ != nullptr && (map_ != reg.map() || map_uid_ != reg.type))
        return c.fail(EINVAL, "timer pointer in R1 map_uid={} doesn't match map pointer in R2 map_uid={}",
                      map_uid_, reg.type);
      map_ = reg.map();
      map_uid_ = reg.type;
      return true;
    case Arg::map_key:
      if (map_ == nullptr) return c.fail(EACCES, "invalid map_ptr to access map->key");
      if (!memory(number, map_->key_size, false, *row, true)) return false;
      constant_key(number);
      return true;
    case Arg::map_value:
    case Arg::uninit_map_value:
    case Arg::map_value_or_null:
      if (row->nullable && reg.is_null()) return true;
      if (kinds.data() == std::data(btf_sock_kinds)) {
        // A socket for a sockmap: its value_size is a descriptor's, not the object's.
        return true;
      }
      return memory(number, map_->value_size, false, *row, true);
    case Arg::fixed_mem:
    case Arg::fixed_uninit_mem:
    case Arg::fixed_inout_mem: {
      const std::uint32_t size = uapi::fixed_size_of(*helper_, index);
      if (!memory(number, size, false, *row, true)) return false;
      return !helper_wants_aligned(id_) || !c.model().at_least(6, 1) ||
             c.check_alignment(c.reg(number), 0, size, true);
    }
    case Arg::size: return size_argument(index, false);
    case Arg::size_or_zero: return size_argument(index, true);
    case Arg::spin_lock:
      if (in_tree_callback(c)) return c.fail(EACCES, "can't spin_{{lock,unlock}} in rbtree cb");
      return process_lock(c, number, {.lock = id_ == helper_id::spin_lock});
    case Arg::timer: return timer(number);
    case Arg::kptr: return kptr(number);
    case Arg::dynptr: {
      // Reading and writing data leave the dynptr itself alone; ending it does not.
      const bool ends = release;
      const DynptrKind kind =
          id_ == helper_id::ringbuf_submit_dynptr || id_ == helper_id::ringbuf_discard_dynptr
              ? DynptrKind::ringbuf
              : DynptrKind::none;
      return process_dynptr(c, number, ends ? DynptrUse::mutate : DynptrUse::read, kind);
    }
    case Arg::uninit_dynptr:
      return process_dynptr(
          c, number, DynptrUse::make,
          id_ == helper_id::ringbuf_reserve_dynptr ? DynptrKind::ringbuf : DynptrKind::local);
    case Arg::function: subprog_ = reg.subprog; return true;
    case Arg::ringbuf_size:
      if (!reg.value.is_const()) return c.fail(EACCES, "R{} is not a known constant'", number);
      mem_size_ = static_cast<std::uint32_t>(reg.value.value());
      return c.mark_precise(number);
    case Arg::const_str: return check_const_string(c, number);
    case Arg::percpu_btf_ptr:
      if (reg.type == 0) return c.fail(EACCES, "Helper has invalid btf_id in R{}", number);
      percpu_btf_ = reg.btf();
      percpu_type_ = reg.type;
      return true;
    case Arg::none:
    case Arg::anything:
    case Arg::mem:
    case Arg::mem_or_null:
    case Arg::uninit_mem:
    case Arg::uninit_mem_or_null:
    case Arg::inout_mem:
    case Arg::inout_mem_or_null:
    case Arg::context:
    case Arg::context_or_null:
    case Arg::stack:
    case Arg::sock:
    case Arg::sock_or_null:
    case Arg::btf_ptr:
    case Arg::btf_ptr_or_null:
    case Arg::ringbuf_record:
    case Arg::scalar: return true;
  }
  return c.unsupported("argument {} of helper bpf_{}", number, helper_->name);
}

bool HelperCall::record_map() {
  InsnFacts& facts = c.facts(c.at());
  if (map_ != nullptr) {
    const auto index = static_cast<std::int32_t>(map_ - c.model().maps.data());
    facts.map = facts.map == -1 && facts.processed <= 1 ? index : facts.map == index ? index : -1;
    const bool writes = id_ == helper_id::map_update_elem || id_ == helper_id::map_delete_elem ||
                        id_ == helper_id::map_push_elem || id_ == helper_id::map_pop_elem;
    if (writes && (map_->flags & uapi::map_rdonly_prog) != 0)
      return c.fail(EACCES, "write into map forbidden");
  }
  if (id_ == helper_id::tail_call) {
    if (map_ == nullptr || map_->type != MapType::prog_array) return map_and_helper();
    const RegState& index = c.reg(3);
    if (index.is_const_scalar() && index.value.value() < map_->max_entries) return c.mark_precise(3);
  }
  return true;
}

bool HelperCall::release() {
  if (release_number_ == 0) return true;
  RegState& reg = c.reg(release_number_);
  bool done = false;
  if (form_.args[release_number_ - 1] == Arg::dynptr) {
    done = release_dynptr(c, reg);
  } else if (id_ == helper_id::kptr_xchg && ref_id_ != 0) {
    const bool in_rcu = in_rcu_section(c);
    const std::uint32_t id = ref_id_;
    done = drop_reference(c.state(), id);
    if (done)
      c.state().each_reg([&](RegState& r) {
        if (r.kind == Kind::not_init || r.ref_id != id) return;
        if (in_rcu && r.has(flag::alloc) && r.has(flag::percpu)) {
          r.ref_id = 0;
          r.flags = static_cast<std::uint16_t>((r.flags & ~flag::alloc) | flag::rcu);
        } else {
          invalidate(c, r);
        }
      });
  } else if (ref_id_ != 0) {
    done = c.release_reference(ref_id_);
  } else {
    done = reg.is_null();
  }
  if (!done)
    return c.fail(EINVAL, "func bpf_{}#{} reference has not been acquired before", helper_->name, id_);
  return true;
}

// --- Callbacks ---

void begin_callback(Checker& c, Frame& callee) {
  for (unsigned i = 0; i <= 5; i++) c.mark_not_init(callee.regs[i]);
  callee.in_callback = true;
  callee.callback_return = {0, 1, true};
}

RegState map_pointer(const RegState& from, Kind kind) {
  RegState reg = RegState::pointer(kind);
  reg.object = from.object;
  reg.type = from.type;
  return reg;
}

bool set_for_each(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  const MapModel& map = *caller.regs[1].map();
  const uapi::MapTypeRow* row = uapi::find_map_type(map.type);
  if (row == nullptr || !row->for_each) return c.fail(524, "callback function not allowed for map");
  begin_callback(c, callee);
  callee.regs[1] = caller.regs[1];
  callee.regs[2] = map_pointer(caller.regs[1], Kind::map_key);
  callee.regs[3] = map_pointer(caller.regs[1], Kind::map_value);
  callee.regs[4] = caller.regs[3];
  return true;
}

bool set_loop(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  begin_callback(c, callee);
  c.mark_unknown(callee.regs[1]);
  callee.regs[2] = caller.regs[3];
  return true;
}

bool set_find_vma(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  const auto type = c.model().kernel_btf == nullptr
                        ? std::nullopt
                        : c.model().kernel_btf->find("vm_area_struct", btf::Kind::struct_);
  if (!type) return c.fail(EINVAL, "struct vm_area_struct is not in the kernel's BTF");
  begin_callback(c, callee);
  callee.regs[1] = caller.regs[1];
  callee.regs[2] = RegState::pointer(Kind::btf_object);
  callee.regs[2].object = c.model().kernel_btf;
  callee.regs[2].type = *type;
  callee.regs[3] = caller.regs[4];
  return true;
}

bool set_user_ringbuf(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  begin_callback(c, callee);
  callee.regs[1] = RegState::pointer(Kind::dynptr);
  callee.regs[1].dynptr = DynptrKind::local;
  callee.regs[1].first_slot = true;
  callee.regs[1].id = c.new_id();
  callee.regs[2] = caller.regs[3];
  return true;
}

}  // namespace

bool set_timer_callback(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  const RegState timer = caller.regs[1];
  for (unsigned i = 0; i <= 5; i++) c.mark_not_init(callee.regs[i]);
  callee.regs[1] = map_pointer(timer, Kind::map_ptr);
  callee.regs[2] = map_pointer(timer, Kind::map_key);
  callee.regs[3] = map_pointer(timer, Kind::map_value);
  callee.in_async_callback = true;
  callee.callback_return = {0, 0, true};
  return true;
}

namespace {

bool HelperCall::callbacks() {
  if (types_ == nullptr) return true;
  switch (types_->callback) {
    case Callback::none: return true;
    case Callback::for_each_map_elem: return c.push_callback(insn_, subprog_, set_for_each);
    case Callback::find_vma: return c.push_callback(insn_, subprog_, set_find_vma);
    case Callback::user_ringbuf_drain: return c.push_callback(insn_, subprog_, set_user_ringbuf);
    case Callback::timer: return c.push_async_callback(insn_, subprog_, set_timer_callback, false);
    case Callback::loop: {
      if (!c.mark_precise(1)) return false;
      Frame& frame = c.state().frame();
      if (frame.callback_depth < c.reg(1).value.full.umax) return c.push_callback(insn_, subprog_, set_loop);
      frame.callback_depth = 0;
      return true;
    }
  }
  return true;
}

// --- Before the call ---

bool HelperCall::special() {
  switch (id_) {
    case helper_id::tail_call: return c.check_nothing_held(false, true, "tail_call");
    case helper_id::get_local_storage:
      if (!c.reg(2).is_null()) return c.fail(EINVAL, "get_local_storage() doesn't support non-zero flags");
      return c.mark_precise(2);
    case helper_id::snprintf: {
      const RegState& length = c.reg(5);
      if (length.is_const_scalar() && length.value.value() % 8 != 0) return c.fail(EINVAL, "");
      return true;
    }
    case helper_id::dynptr_from_mem:
      if (!c.reg(1).is(Kind::map_value))
        return c.fail(EACCES, "Unsupported reg type {} for bpf_dynptr_from_mem data", c.kind_name(c.reg(1)));
      return true;
    case helper_id::dynptr_data: {
      const RegState& dynptr = dynptr_of(c, c.reg(1));
      dynptr_id_ = dynptr.id;
      ref_id_ = dynptr.ref_id;
      return true;
    }
    case helper_id::dynptr_write: {
      const DynptrKind kind = dynptr_of(c, c.reg(1)).dynptr;
      if (kind == DynptrKind::skb || kind == DynptrKind::skb_meta) changes_packet_ = true;
      return true;
    }
    case helper_id::per_cpu_ptr:
    case helper_id::this_cpu_ptr: cpu_pointer_to_alloc_ = c.reg(1).has(flag::rcu); return true;
    case helper_id::set_retval:
      if (c.prog().type == ProgType::lsm && c.prog().attach_type == uapi::AttachType::lsm_cgroup &&
          c.prog().target.btf != nullptr) {
        const btf::Type func = c.prog().target.btf->type(c.prog().target.id);
        if (func.kind == btf::Kind::func && c.prog().target.btf->type(func.type()).type() == 0)
          return c.fail(EINVAL, "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
      }
      return true;
    default: return true;
  }
}

bool HelperCall::map_and_helper() {
  if (map_ == nullptr) return true;
  bool fits = uapi::map_allows_helper(map_->type, id_);
  const bool sockets = map_->type == MapType::sockmap || map_->type == MapType::sockhash;
  if (fits && sockets && (id_ == helper_id::map_update_elem || id_ == helper_id::map_delete_elem) &&
      !uapi::may_change_sockmap(rules_of(c.prog()), c.prog().attach_type,
                                id_ == helper_id::map_delete_elem)) {
    c.note("cannot update sockmap in this context\n");
    fits = false;
  }
  if (fits) return true;
  return c.fail(EINVAL, "cannot pass map_type {} into func bpf_{}#{}", static_cast<unsigned>(map_->type),
                helper_->name, id_);
}

// --- After the call ---

bool HelperCall::result() {
  RegState& r0 = c.reg(0);
  const auto pointer = [&](Kind kind, std::uint16_t flags = 0) { c.mark_pointer(r0, kind, flags); };
  const auto kernel_struct = [&](std::uint16_t flags) {
    const btf::Btf* btf = nullptr;
    btf::TypeId type = 0;
    if (types_ == nullptr || types_->returns.empty())
      return c.unsupported("the result of helper bpf_{}", helper_->name);
    if (!find_struct(types_->returns, btf, type)) return false;
    pointer(Kind::btf_object,
            static_cast<std::uint16_t>(flags | (types_->returns_trusted ? flag::trusted : 0)));
    r0.object = btf;
    r0.type = type;
    return true;
  };
  using uapi::Ret;
  switch (helper_->ret) {
    case Ret::integer: c.mark_unknown(r0); break;
    case Ret::none: c.mark_not_init(r0); break;
    case Ret::map_value_or_null:
    case Ret::map_value: {
      if (map_ == nullptr) return c.fail(EINVAL, "kernel subsystem misconfigured verifier");
      bool nullable = helper_->ret == Ret::map_value_or_null;
      if (id_ == helper_id::map_lookup_elem && key_ && *key_ < map_->max_entries && map_->inner < 0)
        nullable = false;
      pointer(Kind::map_value, nullable ? flag::maybe_null : std::uint16_t{0});
      r0.object = map_;
      r0.type = map_uid_;
      const Record* record = c.records().of(*map_);
      if (!nullable && record != nullptr &&
          (record->has(FieldKind::spin_lock) || record->has(FieldKind::res_spin_lock)))
        r0.id = c.new_id();
      break;
    }
    case Ret::sock_or_null: pointer(Kind::socket, flag::maybe_null); break;
    case Ret::sock_common_or_null: pointer(Kind::sock_common, flag::maybe_null); break;
    case Ret::tcp_sock_or_null: pointer(Kind::tcp_sock, flag::maybe_null); break;
    case Ret::record_or_null:
      pointer(Kind::mem, flag::maybe_null | flag::ringbuf);
      r0.mem_size = mem_size_;
      break;
    case Ret::mem_or_null:
      pointer(Kind::mem, flag::maybe_null);
      r0.mem_size = mem_size_;
      break;
    case Ret::mem:
    case Ret::mem_or_null_percpu: {
      const std::uint16_t null_flag =
          helper_->ret == Ret::mem_or_null_percpu ? flag::maybe_null : std::uint16_t{0};
      const auto resolved = percpu_btf_->resolve(percpu_type_);
      if (!resolved) return c.fail(EINVAL, "unable to resolve the type of a per-CPU variable");
      if (percpu_btf_->type(*resolved).is_composite()) {
        pointer(Kind::btf_object, cpu_pointer_to_alloc_
                                      ? static_cast<std::uint16_t>(flag::alloc | flag::rcu)
                                      : static_cast<std::uint16_t>(flag::trusted | null_flag));
        r0.object = percpu_btf_;
        r0.type = percpu_type_;
      } else {
        const auto size = percpu_btf_->size_of(*resolved);
        if (!size)
          return c.fail(EINVAL, "unable to resolve the size of type '{}': -22", percpu_btf_->name(*resolved));
        pointer(Kind::mem, static_cast<std::uint16_t>(flag::rdonly | null_flag));
        r0.mem_size = *size;
      }
      break;
    }
    case Ret::btf_ptr_or_null:
    case Ret::btf_ptr: {
      const std::uint16_t null_flag =
          helper_->ret == Ret::btf_ptr_or_null ? flag::maybe_null : std::uint16_t{0};
      if (id_ == helper_id::kptr_xchg) {
        std::uint16_t flags = null_flag;
        if (!c.records().is_kernel(kptr_field_->btf)) {
          flags |= flag::alloc;
          if (kptr_field_->kind == FieldKind::kptr_percpu) flags |= flag::percpu;
        }
        pointer(Kind::btf_object, flags);
        r0.object = kptr_field_->btf;
        r0.type = kptr_field_->type;
      } else if (!kernel_struct(null_flag)) {
        return false;
      }
      break;
    }
  }
  if (r0.is_pointer() && r0.has(flag::maybe_null)) r0.id = c.new_id();
  if (id_ == helper_id::dynptr_data) r0.type = dynptr_id_;
  const bool lookup_of_socket = id_ == helper_id::map_lookup_elem &&
                                (map_->type == MapType::sockmap || map_->type == MapType::sockhash);
  if (id_ == helper_id::dynptr_data || (types_ != nullptr && types_->casts_pointer)) {
    r0.ref_id = ref_id_;
  } else if ((helper_->traits & uapi::helper_acquires) != 0 || lookup_of_socket) {
    r0.id = r0.ref_id = acquire_reference(c);
  }
  switch (id_) {
    case helper_id::get_stack:
    case helper_id::get_task_stack:
    case helper_id::probe_read_str:
    case helper_id::probe_read_kernel_str:
    case helper_id::probe_read_user_str:
      r0.value.full.smax = static_cast<std::int64_t>(max_size_);
      r0.value.low.smax = static_cast<std::int32_t>(max_size_);
      r0.value.full.smin = -4095;
      r0.value.low.smin = -4095;
      sync(r0.value, c.arithmetic());
      break;
    case helper_id::get_smp_processor_id:
      if (!c.model().at_least(6, 9)) break;
      r0.value.full = {0, c.model().cpus - 1, 0, c.model().cpus - 1};
      r0.value.low = {0, c.model().cpus - 1, 0, static_cast<std::int32_t>(c.model().cpus - 1)};
      sync(r0.value, c.arithmetic());
      break;
    default: break;
  }
  return true;
}

bool HelperCall::run() {
  if (!allowed()) return false;
  for (unsigned i = 0; i < 5; i++)
    if (!argument(i)) return false;
  if (!record_map()) return false;
  for (std::uint32_t i = 0; i < fill_size_; i++)
    if (!c.check_mem_access(c.at(), fill_number_, static_cast<std::int32_t>(i), 1, Mode::write, -1))
      return false;
  if (!release() || !special() || !callbacks()) return false;
  c.clobber_caller_saved();
  if (!result()) return false;
  if (!map_and_helper()) return false;
  if (id_ == helper_id::get_func_ip) {
    const ProgType type = rules_of(c.prog());
    if (type == ProgType::tracing) {
      const auto at = c.prog().attach_type;
      if (at != uapi::AttachType::trace_fentry && at != uapi::AttachType::trace_fexit &&
          at != uapi::AttachType::modify_return)
        return c.fail(524, "func bpf_{}#{} supported only for fentry/fexit/fmod_ret programs", helper_->name,
                      id_);
    } else if (type != ProgType::kprobe) {
      return c.fail(524, "func bpf_{}#{} not supported for program type {}", helper_->name, id_,
                    static_cast<unsigned>(type));
    }
  }
  if (changes_packet_) c.clear_packet_pointers();
  return true;
}

}  // namespace

bool Checker::check_helper_call(const Code& insn) { return HelperCall(*this, insn).run(); }

}  // namespace skep::verify
