// Calls of helpers: may this program call it here, what happens before the call, what is known afterwards.
#include <algorithm>
#include <optional>

#include "skep/uapi/flags.h"
#include "skep/uapi/format.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/callbacks.h"
#include "skep/verify/helper_call.h"
#include "skep/verify/objects.h"
#include "skep/verify/walk.h"

namespace skep::verify {

using uapi::Arg;
using uapi::MapType;
using uapi::ProgType;

ProgType rules_of(const ProgModel& prog) {
  if (prog.type == ProgType::ext && prog.target.prog != nullptr) return prog.target.prog->type;
  return prog.type;
}

namespace {

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

}  // namespace

bool HelperCall::releases(unsigned index) const {
  if ((helper_->traits & uapi::helper_releases) == 0) return false;
  return index == (id_ == helper_id::kptr_xchg ? 1u : 0u);
}

bool HelperCall::allowed() {
  helper_ = insn_.imm < 0 || insn_.imm > 0xffffff ? nullptr
                                                  : uapi::find_helper(static_cast<std::uint32_t>(insn_.imm));
  if (helper_ != nullptr && helper_->since > c.model().kernel)
    return c.lacks({uapi::Lack::helper, std::string(helper_->name), helper_->since}, EINVAL,
                   "invalid func unknown#{}", insn_.imm);
  if (helper_ == nullptr) return c.fail(EINVAL, "invalid func unknown#{}", insn_.imm);
  id_ = helper_->id;
  types_ = helper_types(id_);
  const ProgType type = rules_of(c.prog());
  const bool configured = id_ != helper_id::override_return || c.model().error_injection;
  const Needs needs = helper_needs(id_);
  const bool capable = needs == Needs::nothing || (needs == Needs::bpf && c.bpf_capable()) ||
                       (needs == Needs::perfmon && c.model().privileges.perfmon);
  // Device and sysctl programs too, but only when loaded with their attach type: 0 is another's, which hides
  // it.
  const bool retval = id_ == helper_id::get_retval || id_ == helper_id::set_retval;
  const bool by_attach_type = retval && (type == ProgType::cgroup_device || type == ProgType::cgroup_sysctl);
  if ((!uapi::may_call(*helper_, type) && !by_attach_type) || !capable || !configured) {
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

namespace {

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

}  // namespace

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
    if (map_ == nullptr || map_->type != MapType::prog_array) {
      if (c.model().at_least(6, 18)) return c.fail(EINVAL, "expected prog array map for tail call");
      return map_and_helper();
    }
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

bool HelperCall::callbacks() {
  if (types_ == nullptr) return true;
  switch (types_->callback) {
    case Callback::none: return true;
    case Callback::for_each_map_elem:
      if (!c.model().at_least(6, 10) && c.facts(c.at()).map < 0)  // this call has met two maps
        return c.fail(EINVAL, "tail_call abusing map_ptr");
      return c.push_callback(insn_, subprog_, set_for_each);
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
    case helper_id::tail_call:
      if (!c.check_nothing_held(false, true, "tail_call")) return false;
      // A tail call leaves a callback with whatever the other program returns; the kernel wants that number
      // to be in the callback's range and then cannot follow it back (seen on 6.18.44).
      if (c.state().frame().in_callback && c.model().at_least(6, 18))
        return c.fail(EFAULT, "verifier bug: callback unexpected regs 1");
      return true;
    case helper_id::get_local_storage:
      if (!c.reg(2).is_null()) return c.fail(EINVAL, "get_local_storage() doesn't support non-zero flags");
      return c.mark_precise(2);
    case helper_id::snprintf: {
      const RegState& length = c.reg(5);
      if (!length.is_const_scalar()) return true;
      if (length.value.value() % 8 != 0) return c.fail(EINVAL, "");
      const long arguments = uapi::format_arguments(const_string(c.reg(3)));
      if (arguments < 0 || static_cast<std::uint64_t>(arguments) > length.value.value() / 8)
        return c.fail(EINVAL, "Invalid format string");
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

bool Checker::check_helper_call(const Code& insn) { return HelperCall(*this, insn).run(); }

}  // namespace skep::verify
