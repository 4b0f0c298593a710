// Which kernel function a call names, and what the passes before exploration ask of calls.
#include "skep/uapi/prog_types.h"
#include "skep/verify/helper_types.h"
#include "skep/verify/kfunc_call.h"

namespace skep::verify {

namespace {

struct SpecialRow {
  std::string_view name;
  Special what;
};
constexpr SpecialRow special_rows[] = {
    {"bpf_obj_new_impl", Special::obj_new},
    {"bpf_percpu_obj_new_impl", Special::percpu_obj_new},
    {"bpf_obj_drop_impl", Special::obj_drop},
    {"bpf_percpu_obj_drop_impl", Special::percpu_obj_drop},
    {"bpf_refcount_acquire_impl", Special::refcount_acquire},
    {"bpf_list_push_front_impl", Special::list_push},
    {"bpf_list_push_back_impl", Special::list_push},
    {"bpf_list_pop_front", Special::list_pop},
    {"bpf_list_pop_back", Special::list_pop},
    {"bpf_list_front", Special::list_peek},
    {"bpf_list_back", Special::list_peek},
    {"bpf_rbtree_add_impl", Special::rbtree_add},
    {"bpf_rbtree_remove", Special::rbtree_remove},
    {"bpf_rbtree_first", Special::rbtree_first},
    {"bpf_rbtree_root", Special::rbtree_first},
    {"bpf_rbtree_left", Special::rbtree_child},
    {"bpf_rbtree_right", Special::rbtree_child},
    {"bpf_cast_to_kern_ctx", Special::cast_to_kern_ctx},
    {"bpf_rdonly_cast", Special::rdonly_cast},
    {"bpf_rcu_read_lock", Special::rcu_lock},
    {"bpf_rcu_read_unlock", Special::rcu_unlock},
    {"bpf_preempt_disable", Special::preempt_disable},
    {"bpf_preempt_enable", Special::preempt_enable},
    {"bpf_local_irq_save", Special::irq_save},
    {"bpf_local_irq_restore", Special::irq_restore},
    {"bpf_res_spin_lock", Special::res_lock},
    {"bpf_res_spin_unlock", Special::res_unlock},
    {"bpf_res_spin_lock_irqsave", Special::res_lock_irq},
    {"bpf_res_spin_unlock_irqrestore", Special::res_unlock_irq},
    {"bpf_dynptr_from_skb", Special::dynptr_from_skb},
    {"bpf_dynptr_from_skb_meta", Special::dynptr_from_skb_meta},
    {"bpf_dynptr_from_xdp", Special::dynptr_from_xdp},
    {"bpf_dynptr_slice", Special::dynptr_slice},
    {"bpf_dynptr_slice_rdwr", Special::dynptr_slice_rdwr},
    {"bpf_dynptr_clone", Special::dynptr_clone},
    {"bpf_throw", Special::throw_},
    {"bpf_wq_set_callback_impl", Special::wq_set_callback},
    {"bpf_iter_css_task_new", Special::css_task_new},
    {"bpf_session_cookie", Special::session_cookie},
    {"bpf_xdp_pull_data", Special::changes_packet},
    {"bpf_task_work_schedule_signal_impl", Special::task_work},
    {"bpf_task_work_schedule_resume_impl", Special::task_work},
};

Special special_of(std::string_view name) {
  for (const SpecialRow& row : special_rows)
    if (row.name == name) return row.what;
  return Special::none;
}

const btf::Btf* btf_of(const Checker& c, std::int32_t off) {
  if (off == 0) return c.model().kernel_btf;
  const auto index = static_cast<std::size_t>(off) - 1;
  return off > 0 && index < c.model().modules.size() ? c.model().modules[index].btf : nullptr;
}

}  // namespace

bool find_callee(const Checker& c, const Code& insn, Callee& callee) {
  const btf::Btf* btf = btf_of(c, insn.off);
  if (btf == nullptr || insn.imm <= 0 || !btf->has(static_cast<btf::TypeId>(insn.imm))) return false;
  const btf::Type func = btf->type(static_cast<btf::TypeId>(insn.imm));
  if (func.kind != btf::Kind::func) return false;
  callee.btf = btf;
  callee.name = func.name();
  callee.proto = btf->type(func.type());
  if (callee.proto.kind != btf::Kind::func_proto) return false;
  uapi::ProgType type = c.prog().type;
  if (type == uapi::ProgType::ext && c.prog().target.prog != nullptr) type = c.prog().target.prog->type;
  const uapi::Kfunc* row = uapi::find_kfunc(callee.name);
  if (row != nullptr && row->since <= c.model().kernel && (row->prog_types & uapi::bit(type)) != 0)
    callee.row = row;
  else if (row != nullptr && row->since > c.model().kernel)
    callee.since = row->since;
  if (insn.off == 0) callee.special = special_of(callee.name);
  return true;
}

bool Checker::is_throw(const Code& insn) const {
  Callee callee;
  return insn.row().operation == isa::Operation::call_kfunc && find_callee(*this, insn, callee) &&
         callee.special == Special::throw_;
}

bool Checker::is_iterator_next(const Code& insn) const {
  Callee callee;
  return insn.row().operation == isa::Operation::call_kfunc && find_callee(*this, insn, callee) &&
         callee.row != nullptr && (callee.row->flags & kf::iter_next) != 0;
}

bool Checker::call_changes_packet(const Code& insn) const {
  if (insn.row().operation == isa::Operation::call_kfunc) {
    Callee callee;
    return find_callee(*this, insn, callee) && callee.special == Special::changes_packet;
  }
  if (insn.row().operation != isa::Operation::call_helper || insn.imm < 0) return false;
  const uapi::Helper* helper = uapi::find_helper(static_cast<std::uint32_t>(insn.imm));
  return helper != nullptr && (helper->traits & uapi::helper_changes_packet) != 0;
}

bool Checker::call_might_sleep(const Code& insn) const {
  if (insn.row().operation == isa::Operation::call_kfunc) {
    Callee callee;
    return find_callee(*this, insn, callee) && callee.row != nullptr &&
           (callee.row->flags & kf::sleepable) != 0;
  }
  if (insn.row().operation != isa::Operation::call_helper || insn.imm < 0) return false;
  const uapi::Helper* helper = uapi::find_helper(static_cast<std::uint32_t>(insn.imm));
  return helper != nullptr && (helper->traits & uapi::helper_may_sleep) != 0;
}

}  // namespace skep::verify
