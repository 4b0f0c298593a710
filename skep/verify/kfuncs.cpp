// Calls of kernel functions: flags from the table, and the few functions that change what the verifier itself
// tracks (RCU and preempt sections, allocation, lists and trees, iterators, dynptr slices, exceptions).
#include "skep/uapi/kfuncs.h"

#include "skep/uapi/prog_types.h"
#include "skep/verify/callbacks.h"
#include "skep/verify/kfunc_call.h"
#include "skep/verify/objects.h"

namespace skep::verify {

bool KfuncCall::sections() {
  State& state = c.state();
  const bool sleepable = has(kf::sleepable);
  if (state.rcu_locks != 0) {
    if (in_tree_callback(c) && (k_.special == Special::rcu_lock || k_.special == Special::rcu_unlock))
      return c.fail(EACCES, "Calling bpf_rcu_read_{{lock,unlock}} in unnecessary rbtree callback");
    if (k_.special == Special::rcu_lock)
      return c.fail(EINVAL, "nested rcu read lock (kernel function {})", k_.name);
    if (k_.special == Special::rcu_unlock) {
      const auto leave = [](RegState& reg) {
        if (!reg.has(flag::rcu)) return;
        reg.flags =
            static_cast<std::uint16_t>((reg.flags & ~(flag::rcu | flag::maybe_null)) | flag::untrusted);
      };
      state.each_reg([&](RegState& reg) {
        if (reg.is_pointer()) leave(reg);
      });
      for (std::uint32_t i = 0; i <= state.depth; i++)
        for (StackSlot& slot : state.frames[i]->stack)
          if (slot.bytes[0] == Byte::iter) leave(slot.spilled);
      state.rcu_locks = 0;
    } else if (sleepable) {
      return c.fail(EACCES, "kernel func {} is sleepable within rcu_read_lock region", k_.name);
    }
  } else if (k_.special == Special::rcu_lock) {
    state.rcu_locks = 1;
  } else if (k_.special == Special::rcu_unlock) {
    return c.fail(EINVAL, "unmatched rcu read unlock (kernel function {})", k_.name);
  }
  if (c.model().at_least(6, 18) && has(kf::rcu_protected) && !in_rcu_section(c))
    return c.fail(EACCES, "kernel func {} requires RCU critical section protection", k_.name);
  if (k_.special == Special::preempt_disable) {
    state.preempt_locks++;
  } else if (k_.special == Special::preempt_enable) {
    if (state.preempt_locks == 0)
      return c.fail(EINVAL, "unmatched attempt to enable preemption (kernel function {})", k_.name);
    state.preempt_locks--;
  } else if (state.preempt_locks != 0 && sleepable) {
    return c.fail(EACCES, "kernel func {} is sleepable within non-preemptible region", k_.name);
  }
  if (state.irq_id != 0 && sleepable)
    return c.fail(EACCES, "kernel func {} is sleepable within IRQ-disabled region", k_.name);
  return true;
}

bool KfuncCall::release() {
  if (release_number_ == 0) return true;
  if (k_.special == Special::obj_drop || k_.special == Special::percpu_obj_drop)
    c.facts(c.at()).hidden_btf_id = object_type_;
  if (c.release_reference(c.reg(release_number_).ref_id)) return true;
  return c.fail(EINVAL, "kfunc {}#{} reference has not been acquired before", k_.name, insn_.imm);
}

// A node that goes into a list or tree is no longer the program's own, but may still be looked at under the
// lock.
bool KfuncCall::insert_node() {
  if (k_.special != Special::list_push && k_.special != Special::rbtree_add) return true;
  c.facts(c.at()).constant = root_->node_offset;
  c.facts(c.at()).hidden_btf_id = object_type_;
  const std::uint32_t id = c.reg(2).ref_id;
  bool fine = true;
  c.state().each_reg([&](RegState& reg) {
    if (!fine || reg.kind == Kind::not_init || reg.ref_id != id) return;
    reg.ref_id = 0;
    fine = set_non_owning(c, reg);
  });
  if (!fine) return false;
  if (c.release_reference(id)) return true;
  return c.fail(EINVAL, "kfunc {}#{} reference has not been acquired before", k_.name, insn_.imm);
}

void KfuncCall::graph_node(RegState& reg) const {
  c.mark_pointer(reg, Kind::btf_object, flag::alloc);
  reg.object = root_->btf;
  reg.type = root_->type;
  reg.off = static_cast<std::int32_t>(root_->node_offset);
}

bool KfuncCall::object_result() {
  RegState& r0 = c.reg(0);
  InsnFacts& facts = c.facts(c.at());
  switch (k_.special) {
    case Special::obj_new:
    case Special::percpu_obj_new: {
      const bool percpu = k_.special == Special::percpu_obj_new;
      const std::uint64_t id = constant_.value_or(0);
      if (id > 0xffffffff) return c.fail(EINVAL, "local type ID argument must be in range [0, U32_MAX]");
      const btf::Btf* btf = c.prog().btf;
      if (btf == nullptr) return c.fail(EINVAL, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF");
      const auto type_id = static_cast<btf::TypeId>(id);
      if (!btf->has(type_id) || btf->type(type_id).kind != btf::Kind::struct_)
        return c.fail(EINVAL, "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct");
      const btf::Type type = btf->type(type_id);
      const Record* record = c.records().of(btf, type_id);
      if (record != nullptr && !record->valid)
        return c.fail(EINVAL, "struct {} has misplaced special fields", type.name());
      if (percpu) {
        if (type.size() > 512)
          return c.fail(EINVAL, "bpf_percpu_obj_new type size ({}) is greater than {}", type.size(), 512);
        Callee saved = k_;
        k_.btf = btf;
        const bool scalars = is_scalar_struct(type, 0);
        k_ = saved;
        if (!scalars)
          return c.fail(EINVAL, "bpf_percpu_obj_new type ID argument must be of a struct of scalars");
        if (record != nullptr)
          return c.fail(EINVAL, "bpf_percpu_obj_new type ID argument must not contain special fields");
      }
      c.mark_pointer(r0, Kind::btf_object,
                     percpu ? static_cast<std::uint16_t>(flag::alloc | flag::percpu) : flag::alloc);
      r0.object = btf;
      r0.type = type_id;
      facts.constant = type.size();
      facts.hidden_btf_id = type_id;
      return true;
    }
    case Special::refcount_acquire:
      c.mark_pointer(r0, Kind::btf_object, flag::alloc);
      r0.object = object_btf_;
      r0.type = object_type_;
      facts.hidden_btf_id = object_type_;
      return true;
    case Special::list_pop:
    case Special::list_peek:
    case Special::rbtree_remove:
    case Special::rbtree_first:
    case Special::rbtree_child:
      if (root_ == nullptr) return c.fail(EFAULT, "verifier internal error: no root for {}", k_.name);
      graph_node(r0);
      return true;
    case Special::cast_to_kern_ctx:
      c.mark_pointer(r0, Kind::btf_object, flag::trusted);
      r0.object = c.model().kernel_btf;
      r0.type = context_type_;
      return true;
    case Special::rdonly_cast: {
      const auto id = static_cast<btf::TypeId>(constant_.value_or(0));
      const bool known = constant_.value_or(0) < k_.btf->type_count();
      if (!known)
        return c.fail(EINVAL, "Unknown type ID {} passed to kfunc bpf_rdonly_cast", constant_.value_or(0));
      const btf::Type type = k_.btf->type(id);
      if (type.is_composite()) {
        c.mark_pointer(r0, Kind::btf_object, flag::untrusted);
        r0.object = k_.btf;
        r0.type = id;
        return true;
      }
      if (id == 0 && c.model().at_least(6, 17)) {
        c.mark_pointer(r0, Kind::mem, flag::rdonly | flag::untrusted);
        r0.mem_size = 0;
        return true;
      }
      return c.fail(EINVAL, "kfunc bpf_rdonly_cast type ID argument must be of a struct{}",
                    c.model().at_least(6, 17) ? " or void" : "");
    }
    case Special::dynptr_slice:
    case Special::dynptr_slice_rdwr: {
      if (!constant_ || !has_dynptr_)
        return c.fail(EFAULT, "verifier internal error: bpf_dynptr_slice(_rdwr) no constant size");
      c.mark_pointer(r0, Kind::mem);
      r0.mem_size = static_cast<std::uint32_t>(*constant_);
      r0.dynptr = dynptr_.dynptr;
      r0.type = dynptr_.id;
      if (k_.special == Special::dynptr_slice) {
        r0.flags |= flag::rdonly;
      } else {
        const uapi::ProgTypeRow* row = uapi::find_prog_type(c.prog().type);
        if (row == nullptr || !row->packet_write)
          return c.fail(EINVAL, "the prog does not allow writes to packet data");
      }
      return true;
    }
    default: return c.unsupported("the result of kfunc {}", k_.name);
  }
}

bool KfuncCall::result() {
  RegState& r0 = c.reg(0);
  const auto resolved = k_.btf->resolve(k_.proto.type());
  if (!resolved) return c.fail(EINVAL, "kernel function {} has no result type", k_.name);
  const btf::Type type = k_.btf->type(*resolved);
  if (type.kind == btf::Kind::unkn) return true;  // void: r0 stays unreadable
  if (type.kind != btf::Kind::ptr) {
    if (has(kf::acquire)) return c.fail(EINVAL, "acquire kernel function does not return PTR_TO_BTF_ID");
    c.mark_unknown(r0);
    if (k_.special == Special::res_lock || k_.special == Special::res_lock_irq) {
      r0.value = Scalar::constant(0);
    }
    return true;
  }
  const auto target_id = k_.btf->resolve(type.type());
  if (!target_id) return c.fail(EINVAL, "kernel function {} has no result type", k_.name);
  const btf::Type target = k_.btf->type(*target_id);
  bool object = false;
  switch (k_.special) {
    case Special::obj_new:
    case Special::percpu_obj_new:
    case Special::refcount_acquire:
    case Special::list_pop:
    case Special::list_peek:
    case Special::rbtree_remove:
    case Special::rbtree_first:
    case Special::rbtree_child:
    case Special::cast_to_kern_ctx:
    case Special::rdonly_cast:
    case Special::dynptr_slice:
    case Special::dynptr_slice_rdwr:
      object = true;
      if (!object_result()) return false;
      break;
    default: break;
  }
  if (object) {
  } else if (target.kind == btf::Kind::unkn) {
    c.mark_unknown(r0);
    return true;
  } else if (!target.is_composite()) {
    if (k_.special == Special::session_cookie) {
      r0_size_ = 8;
      r0_rdonly_ = false;
    }
    if (r0_size_ == 0) {
      const auto size = k_.btf->size_of(target.id);
      if (size) {
        r0_size_ = *size;
        r0_rdonly_ = true;
      }
    }
    if (r0_size_ == 0)
      return c.fail(EINVAL, "kernel function {} returns pointer type {} {} is not supported", k_.name,
                    btf::kind_name(target.kind), target.name());
    c.mark_pointer(r0, Kind::mem, r0_rdonly_ ? flag::rdonly : std::uint16_t{0});
    r0.mem_size = static_cast<std::uint32_t>(r0_size_);
    if (ref_id_ != 0) r0.ref_id = ref_id_;
    if (k_.name == "bpf_session_cookie") r0.ref_id = 0;
  } else {
    c.mark_pointer(r0, Kind::btf_object);
    r0.object = k_.btf;
    r0.type = target.id;
    if (has(kf::iter_next)) {
      const RegState& iterator = c.state().frames[iter_frame_]->stack[iter_slot_].spilled;
      r0.flags |= iterator.has(flag::rcu) ? flag::rcu : flag::trusted;
    } else if (k_.name == "bpf_get_kmem_cache") {
      r0.flags |= flag::untrusted;
    }
  }
  if (ret_null()) {
    r0.flags |= flag::maybe_null;
    r0.id = c.new_id();
  }
  if (has(kf::acquire)) {
    const std::uint32_t id = acquire_reference(c);
    if (ret_null()) r0.id = id;
    r0.ref_id = id;
  } else if (k_.special == Special::rbtree_first || k_.special == Special::list_peek ||
             k_.special == Special::rbtree_child) {
    if (!set_non_owning(c, r0)) return false;
  }
  const Record* record = record_of(c, r0);
  if (record != nullptr && r0.id == 0 &&
      (record->has(FieldKind::spin_lock) || record->has(FieldKind::res_spin_lock)))
    r0.id = c.new_id();
  return true;
}

// next() gives an element or the end. The path of the element is explored later, from here; this one goes on
// with the end.
bool KfuncCall::iterator_next() {
  const auto iterator = [&](State& state) -> RegState& {
    return state.frames[iter_frame_]->stack[iter_slot_].spilled;
  };
  if (iterator(c.state()).iter == IterState::active) {
    State* before = c.find_previous_entry(c.at());
    State* element = c.push_branch(c.at() + 1, c.at(), false);
    if (element == nullptr) return false;
    iterator(*element).iter = IterState::active;
    iterator(*element).iter_depth++;
    if (before != nullptr) c.widen(*before, *element);
    c.mark_not_null(element->reg(0));
  }
  iterator(c.state()).iter = IterState::drained;
  c.reg(0) = RegState::constant(0);
  return true;
}

bool KfuncCall::run() {
  if (!find_callee(c, insn_, k_)) return c.fail(EINVAL, "kernel btf_id {} is not a function", insn_.imm);
  if (k_.row == nullptr && k_.since != 0)
    return c.lacks({uapi::Lack::kfunc, std::string(k_.name), k_.since}, EACCES,
                   "calling kernel function {} is not allowed", k_.name);
  if (k_.row == nullptr) return c.fail(EACCES, "calling kernel function {} is not allowed", k_.name);
  if (has(kf::destructive) && !c.model().privileges.sys_admin)
    return c.fail(EACCES, "destructive kfunc calls require CAP_SYS_BOOT capability");
  if (has(kf::sleepable) && !c.state().sleepable)
    return c.fail(EACCES, "program must be sleepable to call sleepable kfunc {}", k_.name);
  if (k_.name == "bpf_session_cookie" || k_.name == "bpf_session_is_return") {
    const auto at = static_cast<unsigned>(c.prog().attach_type);
    if (at != static_cast<unsigned>(uapi::AttachType::trace_kprobe_session) &&
        at != static_cast<unsigned>(uapi::AttachType::trace_uprobe_session))
      return c.fail(EACCES, "calling kernel function {} is not allowed", k_.name);
  }
  if (k_.name == "bpf_sock_destroy" && c.prog().attach_type != uapi::AttachType::trace_iter)
    return c.fail(EACCES, "calling kernel function {} is not allowed", k_.name);
  if (k_.name.starts_with("bpf_xdp_metadata_rx_") && !c.prog().dev_bound)
    return c.fail(EINVAL, "metadata kfuncs require device-bound program");
  // A lock that can fail is followed twice: here it is held, the other path gets an error.
  if (k_.special == Special::res_lock || k_.special == Special::res_lock_irq) {
    State* refused = c.push_branch(c.at() + 1, c.at(), false);
    if (refused == nullptr) return false;
    for (unsigned i = 0; i <= 5; i++) c.mark_not_init(refused->reg(i));
    RegState& error = refused->reg(0);
    error = RegState::unknown();
    error.value = Scalar::between_signed(-4095, -1);
  }
  if (!arguments()) return false;
  if (k_.special == Special::rbtree_add && !c.push_callback(insn_, subprog_, set_tree_callback)) return false;
  if (k_.special == Special::wq_set_callback &&
      !c.push_async_callback(insn_, subprog_, set_timer_callback, true))
    return false;
  if (k_.special == Special::task_work &&
      !c.push_async_callback(insn_, subprog_, set_task_work_callback, true))
    return false;
  if (!sections() || !release() || !insert_node()) return false;
  if (k_.special == Special::throw_) return true;  // the explorer ends the path
  c.clobber_caller_saved();
  if (!result()) return false;
  if (k_.special == Special::changes_packet) c.clear_packet_pointers();
  return !has(kf::iter_next) || iterator_next();
}

bool Checker::check_kfunc_call(const Code& insn) { return KfuncCall(*this, insn).run(); }

}  // namespace skep::verify
