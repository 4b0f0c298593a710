// Calls of kernel functions: prototypes and argument names from BTF, flags from the table, and the few
// functions that change what the verifier itself tracks (RCU and preempt sections, allocation, lists and
// trees, iterators, dynptr slices, exceptions).
#include <algorithm>
#include <optional>

#include "skep/uapi/kfuncs.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/callbacks.h"
#include "skep/verify/objects.h"
#include "skep/verify/walk.h"

namespace skep::verify {

namespace {

using uapi::ProgType;
namespace kf = uapi::kf;

enum class Special : std::uint8_t {
  none,
  obj_new,
  percpu_obj_new,
  obj_drop,
  percpu_obj_drop,
  refcount_acquire,
  list_push,
  list_pop,
  list_peek,
  rbtree_add,
  rbtree_remove,
  rbtree_first,  // first, root
  rbtree_child,  // left, right
  cast_to_kern_ctx,
  rdonly_cast,
  rcu_lock,
  rcu_unlock,
  preempt_disable,
  preempt_enable,
  irq_save,
  irq_restore,
  res_lock,
  res_unlock,
  res_lock_irq,
  res_unlock_irq,
  dynptr_from_skb,
  dynptr_from_skb_meta,
  dynptr_from_xdp,
  dynptr_slice,
  dynptr_slice_rdwr,
  dynptr_clone,
  throw_,
  wq_set_callback,
  css_task_new,
  session_cookie,
  changes_packet,
  task_work,
};

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

// What a pointer argument is.
enum class Takes : std::uint8_t {
  context,
  alloc_object,
  refcounted,
  dynptr,
  iterator,
  list_head,
  list_node,
  rb_root,
  rb_node,
  object,
  mem,
  mem_size,
  callback,
  null,
  const_str,
  map,
  workqueue,
  task_work,
  irq_flag,
  res_lock,
  prog,
};

// The struct types that say so by their names.
struct TakesRow {
  std::string_view type;
  Takes takes;
};
constexpr TakesRow takes_by_type[] = {
    {"bpf_dynptr", Takes::dynptr},       {"bpf_list_head", Takes::list_head},
    {"bpf_list_node", Takes::list_node}, {"bpf_rb_root", Takes::rb_root},
    {"bpf_rb_node", Takes::rb_node},     {"bpf_wq", Takes::workqueue},
    {"bpf_task_work", Takes::task_work}, {"bpf_res_spin_lock", Takes::res_lock},
};

struct Callee {
  const btf::Btf* btf = nullptr;
  std::string_view name;
  btf::Type proto;
  const uapi::Kfunc* row = nullptr;
  Special special = Special::none;
};

const btf::Btf* btf_of(const Checker& c, std::int32_t off) {
  if (off == 0) return c.model().kernel_btf;
  const auto index = static_cast<std::size_t>(off) - 1;
  return off > 0 && index < c.model().modules.size() ? c.model().modules[index].btf : nullptr;
}

// The function that a call names; row stays null where the program may not call it.
bool find_callee(const Checker& c, const Code& insn, Callee& callee) {
  const btf::Btf* btf = btf_of(c, insn.off);
  if (btf == nullptr || insn.imm <= 0 || !btf->has(static_cast<btf::TypeId>(insn.imm))) return false;
  const btf::Type func = btf->type(static_cast<btf::TypeId>(insn.imm));
  if (func.kind != btf::Kind::func) return false;
  callee.btf = btf;
  callee.name = func.name();
  callee.proto = btf->type(func.type());
  if (callee.proto.kind != btf::Kind::func_proto) return false;
  ProgType type = c.prog().type;
  if (type == ProgType::ext && c.prog().target.prog != nullptr) type = c.prog().target.prog->type;
  const uapi::Kfunc* row = uapi::find_kfunc(callee.name);
  if (row != nullptr && row->since <= c.model().kernel && (row->prog_types & uapi::bit(type)) != 0)
    callee.row = row;
  if (insn.off == 0) callee.special = special_of(callee.name);
  return true;
}

class KfuncCall {
 public:
  KfuncCall(Checker& checker, const Code& insn) : c(checker), insn_(insn) {}
  bool run();

 private:
  bool has(std::uint32_t flag) const { return (k_.row->flags & flag) != 0; }
  bool trusted_args() const { return has(kf::trusted_args | kf::release); }
  bool arguments();
  bool scalar_argument(unsigned index, const btf::Param& param);
  bool pointer_argument(unsigned& index, const btf::Param& param, const btf::Type& pointer);
  std::optional<Takes> classify(unsigned index, const btf::Param& param, const btf::Type& target);
  bool is_context_type(const btf::Type& target) const;
  bool is_scalar_struct(const btf::Type& type, int depth) const;
  bool is_size_of(unsigned index, std::string_view suffix) const;
  bool check_object(unsigned number, const btf::Type& target);
  bool check_both_ways(unsigned number, std::uint32_t size);
  bool check_sized(unsigned number);
  bool dynptr(unsigned number, const btf::Param& param);
  bool iterator(unsigned number, const btf::Type& target);
  bool irq_flag(unsigned number);
  bool root(unsigned number, FieldKind kind);
  bool node(unsigned number, FieldKind kind);
  bool in_map_value(unsigned number, FieldKind kind);
  bool sections();
  bool release();
  bool insert_node();
  bool result();
  bool object_result();
  void graph_node(RegState& reg) const;
  bool iterator_next();
  bool ret_null() const { return has(kf::ret_null) && !(k_.special == Special::refcount_acquire && owning_); }
  bool context_type(btf::TypeId& type);

  Checker& c;
  const Code& insn_;
  Callee k_;
  unsigned count_ = 0;

  std::optional<std::uint64_t> constant_;
  std::uint64_t r0_size_ = 0;
  bool r0_rdonly_ = false;
  std::uint32_t ref_id_ = 0;
  unsigned release_number_ = 0;
  bool owning_ = false;
  const btf::Btf* object_btf_ = nullptr;
  btf::TypeId object_type_ = 0;
  const Field* root_ = nullptr;
  RegState dynptr_;
  bool has_dynptr_ = false;
  std::uint32_t subprog_ = 0;
  const MapModel* map_ = nullptr;
  std::uint32_t map_uid_ = 0;
  std::uint32_t iter_frame_ = 0, iter_slot_ = 0;
  btf::TypeId context_type_ = 0;
};

bool KfuncCall::is_size_of(unsigned index, std::string_view suffix) const {
  if (index >= count_) return false;
  const btf::Param param = k_.proto.params()[index];
  const auto type = k_.btf->resolve(param.type);
  if (!type) return false;
  const btf::Kind kind = k_.btf->type(*type).kind;
  if (kind != btf::Kind::int_ && kind != btf::Kind::enum_ && kind != btf::Kind::enum64) return false;
  return c.reg(index + 1).kind == Kind::scalar && param.name.ends_with(suffix);
}

bool KfuncCall::is_scalar_struct(const btf::Type& type, int depth) const {
  if (!type.is_composite() || depth > 3) return false;
  for (const btf::Member& member : type.members()) {
    auto id = k_.btf->resolve(member.type);
    if (!id) return false;
    btf::Type inner = k_.btf->type(*id);
    if (inner.is_composite()) {
      if (!is_scalar_struct(inner, depth + 1)) return false;
      continue;
    }
    if (inner.kind == btf::Kind::array) {
      if (inner.array().count == 0) return false;
      id = k_.btf->resolve(inner.array().type);
      if (!id) return false;
      inner = k_.btf->type(*id);
    }
    if (inner.kind != btf::Kind::int_ && !inner.is_enum()) return false;
  }
  return true;
}

// The context as kfuncs' prototypes name it: by the UAPI struct, or by the kernel's own behind it.
bool KfuncCall::is_context_type(const btf::Type& target) const {
  if (target.kind != btf::Kind::struct_) return false;
  const uapi::ProgTypeRow* row = uapi::find_prog_type(c.prog().type);
  if (row == nullptr || row->context.empty()) return false;
  std::string_view name = row->context;
  return target.name() == name || (target.name() == "__sk_buff" && name == "sk_buff");
}

std::optional<Takes> KfuncCall::classify(unsigned index, const btf::Param& param, const btf::Type& target) {
  const RegState& reg = c.reg(index + 1);
  if (k_.special == Special::cast_to_kern_ctx || is_context_type(target)) return Takes::context;
  if (param.name.ends_with("__nullable") && reg.is_null()) return Takes::null;
  if (param.name.ends_with("__alloc")) return Takes::alloc_object;
  if (param.name.ends_with("__refcounted_kptr")) return Takes::refcounted;
  const auto by_type = [&]() -> std::optional<Takes> {
    if (target.kind != btf::Kind::struct_) return std::nullopt;
    for (const TakesRow& row : takes_by_type)
      if (row.type == target.name()) return row.takes;
    return std::nullopt;
  }();
  if (by_type == Takes::dynptr) return by_type;
  const bool iterates = has(kf::iter_new | kf::iter_next | kf::iter_destroy);
  if (iterates ? index == 0 : param.name.ends_with("__iter")) return Takes::iterator;
  if (by_type && *by_type != Takes::workqueue && *by_type != Takes::task_work && *by_type != Takes::res_lock)
    return by_type;
  if (param.name.ends_with("__str")) return Takes::const_str;
  if (param.name.ends_with("__map")) return Takes::map;
  if (by_type) return by_type;
  if (param.name.ends_with("__irq_flag")) return Takes::irq_flag;
  if (param.name.ends_with("__prog") || param.name == "aux__prog") return Takes::prog;
  if (reg.kind == Kind::btf_object || !struct_of_kind(reg.kind).empty()) {
    if (!target.is_composite()) {
      c.fail(EINVAL, "kernel function {} args#{} pointer type {} {} is not supported", k_.name, index,
             btf::kind_name(target.kind), target.name());
      return std::nullopt;
    }
    return Takes::object;
  }
  if (target.kind == btf::Kind::func_proto) return Takes::callback;
  const bool sized = is_size_of(index + 1, "__sz") || is_size_of(index + 1, "__szk");
  const bool scalar = target.kind == btf::Kind::int_ || target.is_enum() || is_scalar_struct(target, 0);
  if (!scalar && !(sized && target.kind == btf::Kind::unkn)) {
    c.fail(EINVAL, "arg#{} pointer type {} {} must point to {}scalar, or struct with scalar", index,
           btf::kind_name(target.kind), target.name(), sized ? "void, " : "");
    return std::nullopt;
  }
  return sized ? Takes::mem_size : Takes::mem;
}

bool KfuncCall::scalar_argument(unsigned index, const btf::Param& param) {
  const unsigned number = index + 1;
  const RegState& reg = c.reg(number);
  if (reg.kind != Kind::scalar) return c.fail(EINVAL, "R{} is not a scalar", number);
  if (param.name.ends_with("__k")) {
    if (constant_) return c.fail(EFAULT, "verifier internal error: only one constant argument permitted");
    if (!reg.value.is_const()) return c.fail(EINVAL, "R{} must be a known constant", number);
    constant_ = reg.value.value();
    return c.mark_precise(number);
  }
  const bool rdonly = param.name == "rdonly_buf_size";
  if (!rdonly && param.name != "rdwr_buf_size") return true;
  r0_rdonly_ = rdonly;
  if (r0_size_ != 0) return c.fail(EINVAL, "2 or more rdonly/rdwr_buf_size parameters for kfunc");
  if (!reg.value.is_const()) return c.fail(EINVAL, "R{} is not a const", number);
  r0_size_ = reg.value.value();
  if (r0_size_ > 0xffffffff) return c.fail(EINVAL, "R{} rdonly/rdwr_buf_size exceeds u32 max", number);
  return c.mark_precise(number);
}

// Memory that the callee may read and write.
bool KfuncCall::check_both_ways(unsigned number, std::uint32_t size) {
  RegState& reg = c.reg(number);
  if (reg.is_null()) return true;
  const std::uint16_t flags = reg.flags;
  reg.flags = static_cast<std::uint16_t>(reg.flags & ~flag::maybe_null);
  bool fine = true;
  for (const Mode mode : {Mode::read, Mode::write}) {
    Checker::HelperMemory use;
    use.mode = mode;
    use.zero_ok = true;
    use.is_kfunc = true;
    fine = fine && c.check_helper_memory(number, size, use);
  }
  c.reg(number).flags = flags;
  return fine;
}

bool KfuncCall::check_sized(unsigned number) {
  const RegState& size = c.reg(number + 1);
  const auto& bounds = size.value.full;
  if (bounds.smin < 0)
    return c.fail(EACCES, "R{} min value is negative, either use unsigned or 'var &= const'", number + 1);
  if (bounds.umax >= (1u << 29))
    return c.fail(EACCES, "R{} unbounded memory access, use 'var &= const' or 'if (var < const)'",
                  number + 1);
  if (c.reg(number).is_null()) {
    // A null pointer goes with size 0 alone.
    Checker::HelperMemory use;
    use.zero_ok = true;
    use.is_kfunc = true;
    if (!c.check_helper_memory(number, static_cast<std::uint32_t>(bounds.umax), use)) return false;
  } else if (!check_both_ways(number, static_cast<std::uint32_t>(bounds.umax))) {
    return false;
  }
  return c.mark_precise(number + 1);
}

bool KfuncCall::check_object(unsigned number, const btf::Type& target) {
  const RegState& reg = c.reg(number);
  const unsigned index = number - 1;
  const btf::Btf* btf = reg.btf();
  btf::TypeId type = reg.type;
  const std::string_view of_kind = struct_of_kind(reg.kind);
  if (reg.kind != Kind::btf_object ||
      ((reg.flags & ~(flag::alloc | flag::trusted | flag::non_owning)) != 0 && !is_rcu(reg))) {
    if (of_kind.empty()) {
      RegState expected = reg;
      expected.flags =
          static_cast<std::uint16_t>(reg.flags & (flag::alloc | flag::trusted | flag::non_owning));
      return c.fail(EINVAL, "arg#{} is {} expected {} or socket", index, c.kind_name(reg),
                    c.kind_name(expected));
    }
  }
  if (!of_kind.empty()) {
    btf = c.model().kernel_btf;
    const auto found = btf == nullptr ? std::nullopt : btf->find(of_kind, btf::Kind::struct_);
    if (!found) return c.fail(EINVAL, "struct {} is not in the kernel's BTF", of_kind);
    type = *found;
  }
  const auto resolved = btf->resolve(type);
  if (!resolved) return c.fail(EINVAL, "type {} has no end", type);
  const btf::Type found = btf->type(*resolved);
  // A type that only adds ___flavour to the other's name is not to be confused with it.
  const auto alias = [](std::string_view a, std::string_view b) {
    return a.size() > b.size() && a.starts_with(b) && a.substr(b.size()) == "___init";
  };
  const bool strict = (has(kf::release) && reg.ref_id != 0) || alias(found.name(), target.name()) ||
                      alias(target.name(), found.name());
  const bool matches =
      struct_matches(btf, *resolved, reg.off, k_.btf, target.id, strict, !reg.has(flag::alloc));
  if (matches) return true;
  // Contexts as programs know them stand for the kernel's own structs.
  const auto projection = [](std::string_view uapi_name, std::string_view kernel_name) {
    return (uapi_name == "__sk_buff" && kernel_name == "sk_buff") ||
           (uapi_name == "xdp_md" && kernel_name == "xdp_buff");
  };
  if (projection(target.name(), found.name())) return true;
  return c.fail(EINVAL, "kernel function {} args#{} expected pointer to {} {} but R{} has a pointer to {} {}",
                k_.name, index, btf::kind_name(target.kind), target.name(), number,
                btf::kind_name(found.kind), found.name());
}

bool KfuncCall::dynptr(unsigned number, const btf::Param& param) {
  const RegState& reg = c.reg(number);
  const bool make = param.name.ends_with("__uninit");
  DynptrKind kind = DynptrKind::none;
  std::uint32_t clone_of = 0;
  switch (k_.special) {
    case Special::dynptr_from_skb: kind = DynptrKind::skb; break;
    case Special::dynptr_from_skb_meta: kind = DynptrKind::skb_meta; break;
    case Special::dynptr_from_xdp: kind = DynptrKind::xdp; break;
    case Special::dynptr_clone:
      if (make) {
        kind = dynptr_.dynptr;
        clone_of = dynptr_.ref_id;
      }
      break;
    default: break;
  }
  const DynptrUse use = make                       ? DynptrUse::make
                        : reg.kind == Kind::dynptr ? DynptrUse::read
                                                   : DynptrUse::mutate;
  if (!process_dynptr(c, number, use, kind, clone_of)) return false;
  if (!make) {
    dynptr_ = dynptr_of(c, c.reg(number));
    has_dynptr_ = true;
  }
  return true;
}

bool KfuncCall::iterator(unsigned number, const btf::Type& target) {
  const RegState& reg = c.reg(number);
  if (reg.kind != Kind::stack)
    return c.fail(EINVAL, "arg#{} expected pointer to an iterator on stack", number - 1);
  if (!target.name().starts_with("bpf_iter_") || target.size() == 0 || target.size() % 8 != 0)
    return c.fail(EINVAL, "expected valid iter pointer as arg #{}", number - 1);
  const std::string_view name = target.name().substr(9);
  const unsigned slots = target.size() / 8;
  const auto bytes_of = [&](unsigned slot) -> StackSlot& {
    return c.state().frame_of(c.reg(number)).stack[slot];
  };
  if (has(kf::iter_new)) {
    const int before = object_slot(c, reg, "iter", slots);
    bool free = before != -1;
    for (unsigned i = 0; free && before >= 0 && i < slots; i++)
      for (const Byte byte : bytes_of(static_cast<unsigned>(before) - i).bytes)
        free = free && byte != Byte::iter;
    if (!free) return c.fail(EINVAL, "expected uninitialized iter_{} as arg #{}", name, number - 1);
    for (unsigned i = 0; i < slots; i++)
      if (!c.check_mem_access(c.at(), number, static_cast<std::int32_t>(i * 8), 8, Mode::write, -1))
        return false;
    const int slot = object_slot(c, c.reg(number), "iter", slots);
    if (slot < 0) return c.fail(EINVAL, "expected uninitialized iter_{} as arg #{}", name, number - 1);
    const std::uint32_t id = acquire_reference(c);
    for (unsigned i = 0; i < slots; i++) {
      StackSlot& part = bytes_of(static_cast<unsigned>(slot) - i);
      part.bytes.fill(Byte::iter);
      part.spilled = RegState::pointer(Kind::stack);
      if (has(kf::rcu_protected)) part.spilled.flags = in_rcu_section(c) ? flag::rcu : flag::untrusted;
      part.spilled.ref_id = i == 0 ? id : 0;
      part.spilled.object = k_.btf;
      part.spilled.type = target.id;
      part.spilled.iter = IterState::active;
      part.spilled.iter_depth = 0;
    }
    return true;
  }
  const int slot = object_slot(c, reg, "iter", slots);
  bool fits = slot >= 0;
  for (unsigned i = 0; fits && i < slots; i++) {
    const StackSlot& part = bytes_of(static_cast<unsigned>(slot) - i);
    if (part.all(Byte::iter) && part.spilled.has(flag::untrusted))
      return c.fail(EPROTO, "expected an RCU CS when using {}", k_.name);
    fits = part.all(Byte::iter) && (part.spilled.ref_id != 0) == (i == 0) && part.spilled.object == k_.btf &&
           part.spilled.type == target.id;
  }
  if (!fits) return c.fail(EINVAL, "expected an initialized iter_{} as arg #{}", name, number - 1);
  iter_slot_ = static_cast<std::uint32_t>(slot);
  iter_frame_ = reg.frame;
  c.note_stack_access(iter_frame_, iter_slot_);
  ref_id_ = bytes_of(iter_slot_).spilled.ref_id;
  if (has(kf::iter_destroy)) {
    c.release_reference(ref_id_);
    for (unsigned i = 0; i < slots; i++) {
      StackSlot& part = bytes_of(iter_slot_ - i);
      part.spilled = RegState{};
      part.bytes.fill(Byte::invalid);
    }
  }
  return true;
}

bool KfuncCall::irq_flag(unsigned number) {
  const RegState& reg = c.reg(number);
  if (reg.kind != Kind::stack)
    return c.fail(EINVAL, "arg#{} expected pointer to an irq flag on stack", number - 1);
  const bool by_lock = k_.special == Special::res_lock_irq || k_.special == Special::res_unlock_irq;
  const bool save = k_.special == Special::irq_save || k_.special == Special::res_lock_irq;
  const std::uint32_t irq_class = by_lock ? 1 : 0;
  State& state = c.state();
  if (save) {
    const int before = object_slot(c, reg, "irq_flag", 1);
    const auto taken = [&] {
      const StackSlot& slot = state.frame_of(reg).stack[static_cast<unsigned>(before)];
      return std::find(slot.bytes.begin(), slot.bytes.end(), Byte::irq_flag) != slot.bytes.end();
    };
    if (before == -1 || (before >= 0 && taken()))
      return c.fail(EINVAL, "expected uninitialized irq flag as arg#{}", number - 1);
    if (!c.check_mem_access(c.at(), number, 0, 8, Mode::write, -1)) return false;
    const int at = object_slot(c, c.reg(number), "irq_flag", 1);
    if (at < 0) return c.fail(EINVAL, "expected uninitialized irq flag as arg#{}", number - 1);
    const std::uint32_t id = c.new_id();
    state.refs.push_back({RefKind::irq, id, c.at(), nullptr});
    state.irq_id = id;
    StackSlot& slot = state.frame_of(c.reg(number)).stack[static_cast<unsigned>(at)];
    slot.bytes.fill(Byte::irq_flag);
    slot.spilled = RegState::pointer(Kind::stack);
    slot.spilled.ref_id = id;
    slot.spilled.irq_class = irq_class;
    return true;
  }
  const int at = object_slot(c, reg, "irq_flag", 1);
  if (at < 0 || !state.frame_of(reg).stack[static_cast<unsigned>(at)].all(Byte::irq_flag))
    return c.fail(EINVAL, "expected an initialized irq flag as arg#{}", number - 1);
  StackSlot& slot = state.frame_of(reg).stack[static_cast<unsigned>(at)];
  if (slot.spilled.irq_class != irq_class)
    return c.fail(EINVAL, "irq flag acquired by {} kfuncs cannot be restored with {} kfuncs",
                  slot.spilled.irq_class == 1 ? "lock" : "native", irq_class == 1 ? "lock" : "native");
  const std::uint32_t id = slot.spilled.ref_id;
  if (id != state.irq_id) {
    for (const Reference& ref : state.refs)
      if (ref.kind == RefKind::irq && ref.id == state.irq_id)
        return c.fail(EACCES, "cannot restore irq state out of order, expected id={} acquired at insn_idx={}",
                      ref.id, ref.insn);
    return c.fail(EACCES, "cannot restore irq state out of order");
  }
  state.irq_id = 0;
  for (auto ref = state.refs.begin(); ref != state.refs.end();) {
    if (ref->kind == RefKind::irq && ref->id == id) {
      ref = state.refs.erase(ref);
      continue;
    }
    if (ref->kind == RefKind::irq) state.irq_id = ref->id;
    ++ref;
  }
  slot.spilled = RegState{};
  slot.bytes.fill(Byte::invalid);
  return true;
}

bool KfuncCall::root(unsigned number, FieldKind kind) {
  const RegState& reg = c.reg(number);
  if (!reg.is(Kind::map_value) && !reg.is(Kind::btf_object, flag::alloc))
    return c.fail(EINVAL, "arg#{} expected pointer to map value or allocated object", number - 1);
  if (reg.kind == Kind::btf_object && reg.ref_id == 0)
    return c.fail(EINVAL, "allocated object must be referenced");
  if (!reg.value.is_const())
    return c.fail(EINVAL, "R{} doesn't have constant offset. {} has to be at the constant offset", number,
                  field_name(kind));
  const Record* record = record_of(c, reg);
  const auto off = static_cast<std::uint32_t>(reg.off + static_cast<std::int64_t>(reg.value.value()));
  const Field* field = record == nullptr ? nullptr : record->at(off, kind);
  if (field == nullptr) return c.fail(EINVAL, "{} not found at offset={}", field_name(kind), off);
  if (!check_locked(c, reg)) {
    const Field* lock = record->find(FieldKind::spin_lock);
    if (lock == nullptr) lock = record->find(FieldKind::res_spin_lock);
    return c.fail(EINVAL, "bpf_spin_lock at off={} must be held for {}",
                  lock == nullptr ? -22 : static_cast<int>(lock->offset), field_name(kind));
  }
  root_ = field;
  return true;
}

bool KfuncCall::node(unsigned number, FieldKind kind) {
  const RegState& reg = c.reg(number);
  const FieldKind root_kind = kind == FieldKind::list_node ? FieldKind::list_head : FieldKind::rb_root;
  if (k_.special == Special::rbtree_remove || k_.special == Special::rbtree_child) {
    if (!reg.has(flag::non_owning) || reg.ref_id != 0) {
      if (c.model().at_least(6, 16))
        return c.fail(EINVAL, "{} can only take non-owning or refcounted bpf_rb_node pointer", k_.name);
      return c.fail(EINVAL, "rbtree_remove node input must be non-owning ref");
    }
    if (in_tree_callback(c)) {
      if (c.model().at_least(6, 16)) return c.fail(EINVAL, "{} not allowed in rbtree cb", k_.name);
      return c.fail(EINVAL, "rbtree_remove not allowed in rbtree cb");
    }
  } else {
    if (!reg.is(Kind::btf_object, flag::alloc))
      return c.fail(EINVAL, "arg#{} expected pointer to allocated object", number - 1);
    if (reg.ref_id == 0) return c.fail(EINVAL, "allocated object must be referenced");
  }
  if (!reg.value.is_const())
    return c.fail(EINVAL, "R{} doesn't have constant offset. {} has to be at the constant offset", number,
                  field_name(kind));
  const auto off = static_cast<std::uint32_t>(reg.off + static_cast<std::int64_t>(reg.value.value()));
  const Record* record = record_of(c, reg);
  if (record == nullptr || record->at(off, kind) == nullptr)
    return c.fail(EINVAL, "{} not found at offset={}", field_name(kind), off);
  if (root_ == nullptr) {  // left, right: the tree is not an argument
    return c.fail(EINVAL, "{} without a root", field_name(kind));
  }
  const std::string_view owner = root_->btf->name(root_->type);
  if (!struct_matches(reg.btf(), reg.type, 0, root_->btf, root_->type, true, !reg.has(flag::alloc)))
    return c.fail(
        EINVAL,
        "operation on {} expects arg#1 {} at offset={} in struct {}, but arg is at offset={} in struct {}",
        field_name(root_kind), field_name(kind), root_->node_offset, owner, off, reg.btf()->name(reg.type));
  object_btf_ = reg.btf();
  object_type_ = reg.type;
  if (off != root_->node_offset)
    return c.fail(EINVAL, "arg#1 offset={}, but expected {} at offset={} in struct {}", off, field_name(kind),
                  root_->node_offset, owner);
  return true;
}

bool KfuncCall::in_map_value(unsigned number, FieldKind kind) {
  const RegState& reg = c.reg(number);
  if (!reg.is(Kind::map_value)) return c.fail(EINVAL, "arg#{} doesn't point to a map value", number - 1);
  const Record* record = c.records().of(*reg.map());
  const Field* field = record == nullptr ? nullptr : record->find(kind);
  const std::int64_t off = static_cast<std::int64_t>(reg.value.value()) + reg.off;
  if (field == nullptr) {
    if (c.model().at_least(6, 15) || kind == FieldKind::task_work)
      return c.fail(EINVAL, "map '{}' has no valid {}", reg.map()->name, field_name(kind));
    return c.fail(EINVAL, "off {} doesn't point to 'struct {}' that is at {}", off, field_name(kind), -22);
  }
  if (!reg.value.is_const())
    return c.fail(EINVAL, "R{} doesn't have constant offset. {} has to be at the constant offset", number,
                  field_name(kind));
  if (off != field->offset)
    return c.fail(EINVAL, "off {} doesn't point to 'struct {}' that is at {}", off, field_name(kind),
                  field->offset);
  map_ = reg.map();
  map_uid_ = reg.type;
  return true;
}

// The kernel's own struct behind a context.
bool KfuncCall::context_type(btf::TypeId& type) {
  std::string_view name;
  switch (c.prog().type) {
    case ProgType::xdp: name = "xdp_buff"; break;
    case ProgType::sched_cls:
    case ProgType::sched_act:
    case ProgType::cgroup_skb:
    case ProgType::socket_filter:
    case ProgType::lwt_in:
    case ProgType::lwt_out:
    case ProgType::lwt_xmit:
    case ProgType::lwt_seg6local:
    case ProgType::sk_skb: name = "sk_buff"; break;
    case ProgType::cgroup_sock: name = "sock"; break;
    case ProgType::cgroup_sock_addr: name = "bpf_sock_addr_kern"; break;
    case ProgType::sock_ops: name = "bpf_sock_ops_kern"; break;
    case ProgType::sk_msg: name = "sk_msg"; break;
    case ProgType::flow_dissector: name = "bpf_flow_dissector"; break;
    case ProgType::kprobe: name = "pt_regs"; break;
    case ProgType::perf_event: name = "bpf_perf_event_data_kern"; break;
    case ProgType::cgroup_sysctl: name = "bpf_sysctl_kern"; break;
    case ProgType::cgroup_sockopt: name = "bpf_sockopt_kern"; break;
    case ProgType::cgroup_device: name = "bpf_cgroup_dev_ctx"; break;
    case ProgType::sk_reuseport: name = "sk_reuseport_kern"; break;
    case ProgType::sk_lookup: name = "bpf_sk_lookup_kern"; break;
    case ProgType::netfilter: name = "bpf_nf_ctx"; break;
    default: return c.fail(EINVAL, "the context of this program type has no kernel struct");
  }
  const auto found = c.model().kernel_btf->find(name, btf::Kind::struct_);
  if (!found) return c.fail(EINVAL, "struct {} is not in the kernel's BTF", name);
  type = *found;
  return true;
}

bool KfuncCall::pointer_argument(unsigned& index, const btf::Param& param, const btf::Type& pointer) {
  const unsigned number = index + 1;
  const auto target_id = k_.btf->resolve(pointer.type());
  if (!target_id) return c.fail(EINVAL, "Unrecognized arg#{} type", index);
  const btf::Type target = k_.btf->type(*target_id);
  {
    const RegState& reg = c.reg(number);
    const bool wants = trusted_args() || has(kf::rcu);
    if (wants && (reg.is_null() || (reg.is_pointer() && reg.has(flag::maybe_null))) &&
        !param.name.ends_with("__nullable"))
      return c.fail(EACCES, "Possibly NULL pointer passed to trusted arg{}", index);
    if (reg.ref_id != 0) {
      if (has(kf::release) && ref_id_ != 0)
        return c.fail(EFAULT, "verifier internal error: more than one arg with ref_obj_id R{} {} {}", number,
                      reg.ref_id, ref_id_);
      ref_id_ = reg.ref_id;
      if (has(kf::release)) release_number_ = number;
    }
  }
  const std::optional<Takes> takes = classify(index, param, target);
  if (!takes) return false;
  RegState& reg = c.reg(number);
  if (*takes == Takes::null) return true;
  if (*takes == Takes::prog) return c.unsupported("argument {} of kfunc {}", index, k_.name);
  if (*takes == Takes::map) {
    if (reg.kind != Kind::map_ptr && reg.kind != Kind::btf_object)
      return c.fail(EINVAL, "pointer in R{} isn't map pointer", number);
    if (map_ != nullptr && (map_ != reg.map() || map_uid_ != reg.type))
      return c.fail(EINVAL, "{} pointer in R1 map_uid={} doesn't match map pointer in R2 map_uid={}",
                    k_.special == Special::task_work ? "bpf_task_work" : "workqueue", map_uid_, reg.type);
    if (reg.kind == Kind::map_ptr) {
      map_ = reg.map();
      map_uid_ = reg.type;
    }
  }
  if (*takes == Takes::map || *takes == Takes::alloc_object || *takes == Takes::object) {
    if ((trusted_args() || has(kf::rcu)) && !is_trusted(reg)) {
      if (!has(kf::rcu)) return c.fail(EINVAL, "R{} must be referenced or trusted", number);
      if (!is_rcu(reg)) return c.fail(EINVAL, "R{} must be a rcu pointer", number);
    }
  }
  const bool release = has(kf::release) && reg.ref_id != 0;
  if (!check_argument_offset(c, number, release, *takes == Takes::dynptr)) return false;
  switch (*takes) {
    case Takes::context:
      if (!reg.is(Kind::context))
        return c.fail(EINVAL, "arg#{} expected pointer to ctx, but got {}", index, c.kind_name(reg));
      return k_.special != Special::cast_to_kern_ctx || context_type(context_type_);
    case Takes::alloc_object:
      if (reg.is(Kind::btf_object, flag::alloc)) {
        if (k_.special != Special::obj_drop)
          return c.fail(EINVAL, "arg#{} expected for bpf_obj_drop_impl()", index);
      } else if (reg.is(Kind::btf_object, flag::alloc | flag::percpu)) {
        if (k_.special != Special::percpu_obj_drop)
          return c.fail(EINVAL, "arg#{} expected for bpf_percpu_obj_drop_impl()", index);
      } else {
        return c.fail(EINVAL, "arg#{} expected pointer to allocated object", index);
      }
      if (reg.ref_id == 0) return c.fail(EINVAL, "allocated object must be referenced");
      object_btf_ = reg.btf();
      object_type_ = reg.type;
      return true;
    case Takes::dynptr: return dynptr(number, param);
    case Takes::iterator:
      if (k_.special == Special::css_task_new && c.prog().type != ProgType::lsm &&
          !(c.prog().type == ProgType::tracing && c.prog().attach_type == uapi::AttachType::trace_iter) &&
          !c.state().sleepable)
        return c.fail(EINVAL, "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs");
      return iterator(number, target);
    case Takes::list_head: return root(number, FieldKind::list_head);
    case Takes::rb_root: return root(number, FieldKind::rb_root);
    case Takes::list_node: return node(number, FieldKind::list_node);
    case Takes::rb_node: return node(number, FieldKind::rb_node);
    case Takes::map: {
      const auto map_type = c.model().kernel_btf->find("bpf_map", btf::Kind::struct_);
      if (!map_type) return c.fail(EINVAL, "struct bpf_map is not in the kernel's BTF");
      return check_object(number, c.model().kernel_btf->type(*map_type));
    }
    case Takes::object: return check_object(number, target);
    case Takes::mem: {
      const auto size = k_.btf->size_of(target.id);
      if (!size)
        return c.fail(EINVAL, "arg#{} reference type('{} {}') size cannot be determined: -22", index,
                      btf::kind_name(target.kind), target.name());
      return check_both_ways(number, *size);
    }
    case Takes::mem_size: {
      const bool optional =
          param.name.ends_with("__opt") || (param.name.ends_with("__nullable") && c.model().at_least(6, 17));
      if (!(reg.is_null() && optional) && !check_sized(number))
        return c.fail(EACCES, "arg#{} arg#{} memory, len pair leads to invalid memory access", index,
                      index + 1);
      if (is_size_of(index + 1, "__szk")) {
        const RegState& size = c.reg(number + 1);
        if (!size.value.is_const()) return c.fail(EINVAL, "R{} must be a known constant", number + 1);
        if (!c.mark_precise(number + 1)) return false;
        constant_ = size.value.value();
      }
      index++;
      return true;
    }
    case Takes::callback:
      if (reg.kind != Kind::func) return c.fail(EINVAL, "arg{} expected pointer to func", index);
      subprog_ = reg.subprog;
      return true;
    case Takes::refcounted: {
      if (reg.kind != Kind::btf_object || !reg.has(flag::alloc))
        return c.fail(EINVAL, "arg#{} is neither owning or non-owning ref", index);
      if (!reg.has(flag::non_owning) && reg.ref_id != 0) owning_ = true;
      const Record* record = c.records().of(reg.btf(), reg.type);
      if (record == nullptr || !record->has(FieldKind::refcount))
        return c.fail(EINVAL, "arg#{} doesn't point to a type with bpf_refcount field", index);
      object_btf_ = reg.btf();
      object_type_ = reg.type;
      return true;
    }
    case Takes::const_str:
      if (!reg.is(Kind::map_value)) return c.fail(EINVAL, "arg#{} doesn't point to a const string", index);
      return check_const_string(c, number);
    case Takes::workqueue: return in_map_value(number, FieldKind::workqueue);
    case Takes::task_work: return in_map_value(number, FieldKind::task_work);
    case Takes::irq_flag: return irq_flag(number);
    case Takes::res_lock: {
      if (!reg.is(Kind::map_value) && !reg.is(Kind::btf_object, flag::alloc))
        return c.fail(EINVAL, "arg#{} doesn't point to map value or allocated object", index);
      const bool irq = k_.special == Special::res_lock_irq || k_.special == Special::res_unlock_irq;
      const bool lock = k_.special == Special::res_lock || k_.special == Special::res_lock_irq;
      return process_lock(c, number, {.resilient = true, .irq = irq, .lock = lock});
    }
    case Takes::null:
    case Takes::prog: return true;
  }
  return c.unsupported("argument {} of kfunc {}", index, k_.name);
}

bool KfuncCall::arguments() {
  const auto params = k_.proto.params();
  count_ = static_cast<unsigned>(params.size());
  if (count_ > 5) return c.fail(EINVAL, "Function {} has {} > {} args", k_.name, count_, 5);
  for (unsigned i = 0; i < count_; i++) {
    const btf::Param param = params[i];
    if (param.name.ends_with("__ign")) continue;
    if (param.name.ends_with("__prog")) {  // the kernel fills it in
      c.mark_unknown(c.reg(i + 1));
      continue;
    }
    const auto resolved = k_.btf->resolve(param.type);
    if (!resolved) return c.fail(EINVAL, "Unrecognized arg#{} type", i);
    const btf::Type type = k_.btf->type(*resolved);
    if (!c.check_reg_read(i + 1)) return false;
    if (type.kind == btf::Kind::int_ || type.is_enum()) {
      if (!scalar_argument(i, param)) return false;
    } else if (type.kind == btf::Kind::ptr) {
      if (!pointer_argument(i, param, type)) return false;
    } else {
      return c.fail(EINVAL, "Unrecognized arg#{} type {}", i, btf::kind_name(type.kind));
    }
  }
  if (has(kf::release) && release_number_ == 0)
    return c.fail(EINVAL, "release kernel function {} expects refcounted PTR_TO_BTF_ID", k_.name);
  return true;
}

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

// The map of the third argument, its key and value.
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

bool KfuncCall::run() {
  if (!find_callee(c, insn_, k_)) return c.fail(EINVAL, "kernel btf_id {} is not a function", insn_.imm);
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

}  // namespace

bool Checker::check_kfunc_call(const Code& insn) { return KfuncCall(*this, insn).run(); }

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
