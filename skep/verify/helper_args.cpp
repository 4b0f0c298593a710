// Arguments of helpers: does every register keep the promise that the helper's row asks for.
#include <algorithm>
#include <optional>

#include "skep/uapi/flags.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/helper_call.h"
#include "skep/verify/objects.h"
#include "skep/verify/walk.h"

namespace skep::verify {

using uapi::Arg;
using uapi::MapType;
using uapi::ProgType;

// A register type that an argument takes.
struct Accepted {
  Kind kind;
  std::uint16_t flags = 0;
};

namespace {

constexpr Accepted mem_kinds[] = {{Kind::stack},
                                  {Kind::packet},
                                  {Kind::packet_meta},
                                  {Kind::map_key},
                                  {Kind::map_value},
                                  {Kind::mem},
                                  {Kind::mem, flag::ringbuf},
                                  {Kind::buf},
                                  {Kind::btf_object, flag::trusted}};
// Keys of maps until Linux 6.2.
constexpr std::span<const Accepted> old_key_kinds = std::span(mem_kinds).first(5);
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

}  // namespace

// How one kind of argument is checked.
struct ArgRow {
  Arg arg;
  std::span<const Accepted> kinds;
  bool nullable = false;
  bool rdonly_ok = false;  // the callee only reads
  bool writes = false, uninit = false;
};

namespace {

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

}  // namespace

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
  if (!c.model().at_least(6, 2) &&
      (arg == Arg::map_key || (is_value && kinds.data() == std::data(mem_kinds))))
    kinds = old_key_kinds;
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

}  // namespace skep::verify
