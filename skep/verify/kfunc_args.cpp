// Arguments of kernel functions: prototypes and argument names from BTF.
#include <algorithm>
#include <optional>

#include "skep/uapi/prog_types.h"
#include "skep/verify/kfunc_call.h"
#include "skep/verify/objects.h"
#include "skep/verify/walk.h"

namespace skep::verify {

using uapi::ProgType;

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

namespace {

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

}  // namespace

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
                      kind_word(target.kind), target.name());
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

}  // namespace skep::verify
