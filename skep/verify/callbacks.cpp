// How callbacks begin, and which calls have one.
#include "skep/verify/callbacks.h"

#include <optional>

#include "skep/uapi/map_types.h"
#include "skep/verify/kfunc_call.h"
#include "skep/verify/objects.h"

namespace skep::verify {

namespace {

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

}  // namespace

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

bool set_tree_callback(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  const RegState& tree = caller.regs[1];
  const Record* record = record_of(c, tree);
  const auto off = static_cast<std::uint32_t>(tree.off + static_cast<std::int64_t>(tree.value.value()));
  const Field* field = record == nullptr ? nullptr : record->at(off, FieldKind::rb_root);
  if (field == nullptr) return c.fail(EFAULT, "verifier internal error: no root for the callback");
  RegState node = RegState::pointer(Kind::btf_object, flag::alloc);
  node.object = field->btf;
  node.type = field->type;
  node.off = static_cast<std::int32_t>(field->node_offset);
  if (!set_non_owning(c, node)) return false;
  for (unsigned i = 0; i <= 5; i++) c.mark_not_init(callee.regs[i]);
  callee.regs[1] = node;
  callee.regs[2] = node;
  callee.in_callback = true;
  callee.callback_return = {0, 1, true};
  return true;
}

bool set_task_work_callback(Checker& c, const Frame& caller, Frame& callee, const Code&) {
  const RegState map = caller.regs[3];
  const auto of_map = [&](Kind kind) {
    RegState reg = RegState::pointer(kind);
    reg.object = map.object;
    reg.type = map.type;
    return reg;
  };
  for (unsigned i = 0; i <= 5; i++) c.mark_not_init(callee.regs[i]);
  callee.regs[1] = of_map(Kind::map_ptr);
  callee.regs[2] = of_map(Kind::map_key);
  callee.regs[3] = of_map(Kind::map_value);
  callee.in_async_callback = true;
  callee.callback_return = {INT32_MIN, INT32_MAX, true};
  return true;
}

bool Checker::is_callback_call(const Code& insn) const {
  if (insn.row().operation == isa::Operation::call_kfunc) {
    Callee callee;
    return find_callee(*this, insn, callee) &&
           (callee.special == Special::rbtree_add || callee.special == Special::wq_set_callback ||
            callee.special == Special::task_work);
  }
  if (insn.row().operation != isa::Operation::call_helper || insn.imm < 0) return false;
  const HelperTypes* types = helper_types(static_cast<std::uint32_t>(insn.imm));
  return types != nullptr && types->callback != Callback::none;
}

bool Checker::is_async_callback_call(const Code& insn) const {
  if (insn.row().operation == isa::Operation::call_kfunc) {
    Callee callee;
    return find_callee(*this, insn, callee) &&
           (callee.special == Special::wq_set_callback || callee.special == Special::task_work);
  }
  if (insn.row().operation != isa::Operation::call_helper || insn.imm < 0) return false;
  const HelperTypes* types = helper_types(static_cast<std::uint32_t>(insn.imm));
  return types != nullptr && types->callback == Callback::timer;
}

}  // namespace skep::verify
