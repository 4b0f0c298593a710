// References, locks and stack objects.
#include "skep/verify/objects.h"

#include <algorithm>

#include "skep/uapi/flags.h"
#include "skep/verify/walk.h"

namespace skep::verify {

// --- References ---

std::uint32_t acquire_reference(Checker& c) {
  const std::uint32_t id = c.new_id();
  c.state().refs.push_back({RefKind::pointer, id, c.at(), nullptr});
  return id;
}

bool drop_reference(State& state, std::uint32_t id) {
  for (auto ref = state.refs.begin(); ref != state.refs.end(); ++ref)
    if (ref->kind == RefKind::pointer && ref->id == id) {
      state.refs.erase(ref);
      return true;
    }
  return false;
}

void invalidate(Checker& c, RegState& reg) { c.invalidate(reg); }

bool Checker::release_reference(std::uint32_t ref_id) {
  if (!drop_reference(state(), ref_id)) return false;
  state().each_reg([&](RegState& reg) {
    if (reg.kind != Kind::not_init && reg.ref_id == ref_id) invalidate(reg);
  });
  return true;
}

void invalidate_non_owning(Checker& c) {
  c.state().each_reg([&](RegState& reg) {
    if (reg.kind == Kind::btf_object && reg.has(flag::non_owning)) invalidate(c, reg);
  });
}

bool set_non_owning(Checker& c, RegState& reg) {
  if (c.state().locks == 0)
    return c.fail(EFAULT, "verifier internal error: ref_set_non_owning w/o active lock");
  const Record* record = c.records().of(reg.btf(), reg.type);
  reg.flags |= flag::non_owning;
  if (record != nullptr && record->has(FieldKind::refcount)) reg.flags |= flag::rcu;
  return true;
}

bool Checker::check_nothing_held(bool exception, bool check_locks, const char* prefix) {
  State& s = state();
  // Before 6.13 the end of a program asked for the unlock by name; before 6.9 so did each function's.
  const bool at_exit = std::string_view(prefix).starts_with("BPF_EXIT");
  if (at_exit && !model().at_least(6, 13)) {
    const bool asks = s.depth == 0 || !model().at_least(6, 9);
    if (asks && s.locks != 0 && !in_tree_callback(*this)) return fail(EINVAL, "bpf_spin_unlock is missing");
    if (asks && s.rcu_locks != 0 && !in_tree_callback(*this))
      return fail(EINVAL, "bpf_rcu_read_unlock is missing");
    if (s.depth == 0 && s.preempt_locks != 0)
      return fail(EINVAL, "{} bpf_preempt_enable{} missing", s.preempt_locks,
                  s.preempt_locks == 1 ? " is" : "(s) are");
    check_locks = false;
  }
  if (check_locks && s.locks != 0)
    return fail(EINVAL, "{} cannot be used inside bpf_spin_lock-ed region", prefix);
  if (exception || s.depth == 0 || !model().at_least(6, 13)) {
    const bool returns_kptr = prog().type == uapi::ProgType::struct_ops && model().at_least(6, 15);
    if (exception || s.depth == 0) {
      bool leaked = false;
      for (const Reference& ref : s.refs) {
        if (ref.kind != RefKind::pointer) continue;
        if (returns_kptr && reg(0).ref_id == ref.id) continue;
        if (!leaked)
          fail(EINVAL, "Unreleased reference id={} alloc_insn={}", ref.id, ref.insn);
        else
          note("Unreleased reference id={} alloc_insn={}\n", ref.id, ref.insn);
        leaked = true;
      }
      if (leaked && at_exit && !model().at_least(6, 13)) return false;
      if (leaked) return fail(EINVAL, "{} would lead to reference leak", prefix);
    }
  }
  if (check_locks && s.irq_id != 0)
    return fail(EINVAL, "{} cannot be used inside bpf_local_irq_save-ed region", prefix);
  if (check_locks && s.rcu_locks != 0)
    return fail(EINVAL, "{} cannot be used inside bpf_rcu_read_lock-ed region", prefix);
  if (check_locks && s.preempt_locks != 0)
    return fail(EINVAL, "{} cannot be used inside bpf_preempt_disable-ed region", prefix);
  return true;
}

bool Checker::check_callback_references() {
  return true;
}  // since 6.13 callbacks share their caller's references

// --- Locks ---

const Record* record_of(Checker& c, const RegState& reg) {
  if (reg.kind == Kind::map_value) return c.records().of(*reg.map());
  if (reg.kind == Kind::btf_object && reg.has(flag::alloc)) return c.records().of(reg.btf(), reg.type);
  return nullptr;
}

bool process_lock(Checker& c, unsigned number, LockUse use) {
  RegState& reg = c.reg(number);
  State& state = c.state();
  const char* name = use.resilient ? "bpf_res_spin" : "bpf_spin";
  if (!reg.value.is_const())
    return c.fail(EINVAL, "R{} doesn't have constant offset. {}_lock has to be at the constant offset",
                  number, name);
  const MapModel* map = reg.kind == Kind::map_value ? reg.map() : nullptr;
  if (map != nullptr && map->btf == nullptr)
    return c.fail(EINVAL, "map '{}' has to have BTF in order to use {}_lock", map->name, name);
  const Record* record = record_of(c, reg);
  const Field* field = record == nullptr
                           ? nullptr
                           : record->find(use.resilient ? FieldKind::res_spin_lock : FieldKind::spin_lock);
  if (field == nullptr)
    return c.fail(EINVAL, "{} '{}' has no valid {}_lock", map != nullptr ? "map" : "local",
                  map != nullptr ? map->name : "kptr", name);
  const std::int64_t off = static_cast<std::int64_t>(reg.value.value()) + reg.off;
  if (off != field->offset)
    return c.fail(EINVAL, "off {} doesn't point to 'struct {}_lock' that is at {}", off, name, field->offset);
  const void* object = reg.object;
  const RefKind kind = !use.resilient ? RefKind::lock
                       : use.irq      ? RefKind::resilient_lock_irq
                                      : RefKind::resilient_lock;
  if (use.lock) {
    if (state.locks != 0) {
      if (!use.resilient) {
        for (const Reference& ref : state.refs)
          if (ref.kind == RefKind::lock) return c.fail(EINVAL, "Locking two bpf_spin_locks are not allowed");
      } else {
        for (const Reference& ref : state.refs)
          if ((ref.kind == RefKind::resilient_lock || ref.kind == RefKind::resilient_lock_irq) &&
              ref.id == reg.id && ref.object == object)
            return c.fail(EINVAL, "Acquiring the same lock again, AA deadlock detected");
      }
    }
    state.refs.push_back({kind, reg.id, c.at(), object});
    state.locks++;
    state.lock_id = reg.id;
    state.lock_object = object;
    return true;
  }
  if (state.locks == 0) return c.fail(EINVAL, "{}_unlock without taking a lock", name);
  const auto held = std::find_if(state.refs.begin(), state.refs.end(), [&](const Reference& ref) {
    return ref.kind == kind && ref.id == reg.id && ref.object == object;
  });
  if (held == state.refs.end()) return c.fail(EINVAL, "{}_unlock of different lock", name);
  if (reg.id != state.lock_id || object != state.lock_object)
    return c.fail(EINVAL, "{}_unlock cannot be out of order", name);
  state.refs.erase(held);
  state.locks--;
  state.lock_id = 0;
  state.lock_object = nullptr;
  for (const Reference& ref : state.refs)
    if (ref.kind == RefKind::lock || ref.kind == RefKind::resilient_lock ||
        ref.kind == RefKind::resilient_lock_irq) {
      state.lock_id = ref.id;
      state.lock_object = ref.object;
    }
  invalidate_non_owning(c);
  return true;
}

bool check_locked(Checker& c, const RegState& reg) {
  if (c.state().locks == 0) return false;
  for (const Reference& ref : c.state().refs)
    if ((ref.kind == RefKind::lock || ref.kind == RefKind::resilient_lock ||
         ref.kind == RefKind::resilient_lock_irq) &&
        ref.id == reg.id && ref.object == reg.object)
      return true;
  return c.fail(EINVAL, "held lock and object are not in the same allocation");
}

bool in_rcu_section(Checker& c) {
  const State& s = c.state();
  return s.rcu_locks != 0 || s.locks != 0 || !s.sleepable;
}

bool in_tree_callback(Checker& c) {
  const State& s = c.state();
  for (std::uint32_t i = s.depth; i > 0; i--) {
    const Frame& frame = *s.frames[i];
    if (!frame.in_callback) continue;
    const Code& call = c.code(frame.callsite);
    if (call.row().operation == isa::Operation::call_kfunc) return true;  // tree operations are the only such
  }
  return false;
}

// --- Stack objects ---

int object_slot(Checker& c, const RegState& reg, const char* what, unsigned slots) {
  if (!reg.value.is_const()) {
    c.fail(EINVAL, "{} has to be at a constant offset", what);
    return -1;
  }
  const std::int64_t off = reg.off + static_cast<std::int64_t>(reg.value.value());
  const std::int64_t slot = -off / 8 - 1;
  if (off % 8 != 0 || slot + 1 < slots) {
    c.fail(EINVAL, "cannot pass in {} at an offset={}", what, off);
    return -1;
  }
  const Frame& frame = c.state().frame_of(reg);
  if (slot >= static_cast<std::int64_t>(frame.stack.size())) return -2;
  return static_cast<int>(slot);
}

std::string_view dynptr_name(DynptrKind kind) {
  switch (kind) {
    case DynptrKind::local: return "local";
    case DynptrKind::ringbuf: return "ringbuf";
    case DynptrKind::skb: return "skb";
    case DynptrKind::xdp: return "xdp";
    case DynptrKind::skb_meta: return "skb_meta";
    case DynptrKind::file: return "file";
    case DynptrKind::none: return "<invalid>";
  }
  return "<unknown>";
}

namespace {

bool is_refcounted(DynptrKind kind) { return kind == DynptrKind::ringbuf || kind == DynptrKind::file; }

void clear_slot(StackSlot& slot) {
  slot.bytes.fill(Byte::invalid);
  slot.spilled = RegState{};
}

}  // namespace

bool Checker::overwrite_special_slot(Frame& frame, unsigned slot) {
  if (slot >= frame.stack.size() || frame.stack[slot].bytes[0] != Byte::dynptr) return true;
  // The first slot lies at the lower address, that is, at the higher index.
  if (!frame.stack[slot].spilled.first_slot) slot++;
  StackSlot& first = frame.stack[slot];
  if (is_refcounted(first.spilled.dynptr)) return fail(EINVAL, "cannot overwrite referenced dynptr");
  const std::uint32_t id = first.spilled.id;
  clear_slot(first);
  clear_slot(frame.stack[slot - 1]);
  // Slices of it are dead.
  state().each_reg([&](RegState& reg) {
    if (reg.kind == Kind::mem && (reg.flags & ~flag::maybe_null) == 0 && reg.type == id) invalidate(reg);
  });
  return true;
}

// A part of a dynptr lies in the two slots that the register points at.
static bool holds_dynptr(Checker& c, const RegState& reg) {
  const int slot = object_slot(c, reg, "dynptr", 2);
  if (slot < 0) return false;
  const Frame& frame = c.state().frame_of(reg);
  for (const int index : {slot, slot - 1})
    if (frame.stack[static_cast<unsigned>(index)].bytes[0] == Byte::dynptr) return true;
  return false;
}

bool process_dynptr(Checker& c, unsigned number, DynptrUse use, DynptrKind kind, std::uint32_t clone_of) {
  RegState& reg = c.reg(number);
  if (reg.kind != Kind::stack && reg.kind != Kind::dynptr)
    return c.fail(EINVAL, "arg#{} expected pointer to stack or const struct bpf_dynptr", number - 1);
  if (use == DynptrUse::make) {
    if (reg.kind == Kind::dynptr || object_slot(c, reg, "dynptr", 2) == -1)
      return c.fail(EINVAL, "Dynptr has to be an uninitialized dynptr");
    if (!c.model().at_least(6, 3) && holds_dynptr(c, reg))
      return c.fail(EINVAL, "Dynptr has to be an uninitialized dynptr");
    for (std::int32_t off = 0; off < 16; off += 8)
      if (!c.check_mem_access(c.at(), number, off, 8, Mode::write, -1)) return false;
    const int slot = object_slot(c, reg, "dynptr", 2);
    if (slot < 0) return c.fail(EINVAL, "Dynptr has to be an uninitialized dynptr");
    Frame& frame = c.state().frame_of(reg);
    const auto at = static_cast<unsigned>(slot);
    if (!c.overwrite_special_slot(frame, at) || !c.overwrite_special_slot(frame, at - 1)) return false;
    const std::uint32_t id = c.new_id();
    const std::uint32_t ref = !is_refcounted(kind) ? 0 : clone_of != 0 ? clone_of : acquire_reference(c);
    for (const unsigned index : {at, at - 1}) {
      StackSlot& part = frame.stack[index];
      part.bytes.fill(Byte::dynptr);
      part.spilled = RegState{};
      part.spilled.kind = Kind::dynptr;
      part.spilled.value = Scalar::constant(0);
      part.spilled.dynptr = kind;
      part.spilled.first_slot = index == at;
      part.spilled.id = id;
      part.spilled.ref_id = ref;
    }
    return true;
  }
  if (reg.kind == Kind::dynptr) {
    if (use == DynptrUse::mutate)
      return c.fail(EINVAL, "cannot pass pointer to const bpf_dynptr, the helper mutates it");
    if (kind != DynptrKind::none && reg.dynptr != kind)
      return c.fail(EINVAL, "Expected a dynptr of type {} as arg #{}", dynptr_name(kind), number - 1);
    return true;
  }
  const int slot = object_slot(c, reg, "dynptr", 2);
  const auto is_dynptr = [&] {
    const Frame& frame = c.state().frame_of(reg);
    const auto at = static_cast<unsigned>(slot);
    return frame.stack[at].spilled.first_slot && frame.stack[at].all(Byte::dynptr) &&
           frame.stack[at - 1].all(Byte::dynptr);
  };
  if (slot < 0 || !is_dynptr())
    return c.fail(EINVAL, "Expected an initialized dynptr as arg #{}", number - 1);
  const RegState& found = c.state().frame_of(reg).stack[static_cast<unsigned>(slot)].spilled;
  if (kind != DynptrKind::none && found.dynptr != kind)
    return c.fail(EINVAL, "Expected a dynptr of type {} as arg #{}", dynptr_name(kind), number - 1);
  return true;
}

const RegState& dynptr_of(Checker& c, const RegState& reg) {
  if (reg.kind == Kind::dynptr) return reg;
  const std::int64_t off = reg.off + static_cast<std::int64_t>(reg.value.value());
  return c.state().frame_of(reg).stack[static_cast<std::size_t>(-off / 8 - 1)].spilled;
}

bool release_dynptr(Checker& c, const RegState& reg) {
  const RegState dynptr = dynptr_of(c, reg);
  Frame& frame = c.state().frame_of(reg);
  const std::int64_t off = reg.off + static_cast<std::int64_t>(reg.value.value());
  const auto at = static_cast<std::size_t>(-off / 8 - 1);
  if (!is_refcounted(dynptr.dynptr)) {
    clear_slot(frame.stack[at]);
    clear_slot(frame.stack[at - 1]);
    return true;
  }
  if (!c.release_reference(dynptr.ref_id)) return false;
  // Its clones share the reference.
  for (std::size_t i = 1; i < frame.stack.size(); i++) {
    StackSlot& slot = frame.stack[i];
    if (slot.bytes[0] == Byte::dynptr && slot.spilled.ref_id == dynptr.ref_id && slot.spilled.first_slot) {
      clear_slot(slot);
      clear_slot(frame.stack[i - 1]);
    }
  }
  return true;
}

bool check_const_string(Checker& c, unsigned number) {
  const RegState& reg = c.reg(number);
  const MapModel& map = *reg.map();
  if ((map.flags & uapi::map_rdonly_prog) == 0 || !map.frozen)
    return c.fail(EACCES, "R{} does not point to a readonly map'", number);
  if (!reg.value.is_const()) return c.fail(EACCES, "R{} is not a constant address'", number);
  if (map.type != uapi::MapType::array)
    return c.fail(EACCES, "no direct value access support for this map type");
  const std::int64_t off = reg.off + static_cast<std::int64_t>(reg.value.value());
  if (off < 0 || off >= map.value_size) {
    if (!c.check_map_access(number, reg.off, 1, false, true)) return false;
    return c.fail(EACCES, "direct value access on string failed");
  }
  if (!c.check_map_access(number, reg.off, map.value_size - static_cast<std::uint32_t>(off), false, true))
    return false;
  if (map.contents.size() < map.value_size)
    return c.unsupported("a string in map '{}' without contents", map.name);
  const auto text =
      map.contents.subspan(static_cast<std::size_t>(off), map.value_size - static_cast<std::size_t>(off));
  if (std::find(text.begin(), text.end(), 0) == text.end())
    return c.fail(EINVAL, "string is not zero-terminated");
  return true;
}

std::string_view const_string(const RegState& reg) {
  const std::int64_t off = reg.off + static_cast<std::int64_t>(reg.value.value());
  const std::string_view text = base::as_text(reg.map()->contents).substr(static_cast<std::size_t>(off));
  return text.substr(0, text.find('\0'));
}

bool check_argument_offset(Checker& c, unsigned number, bool release, bool dynptr) {
  const RegState& reg = c.reg(number);
  if (release) {
    if (dynptr && reg.kind == Kind::stack) return true;
    if (reg.off != 0)
      return c.fail(EINVAL, "R{} must have zero offset when passed to release func or trusted arg to kfunc",
                    number);
    return c.check_plain_offset(reg, number, false);
  }
  switch (reg.kind) {
    case Kind::stack:
    case Kind::packet:
    case Kind::packet_meta:
    case Kind::map_key:
    case Kind::map_value:
    case Kind::arena:
    case Kind::scalar:
      if (reg.flags == 0) return true;
      break;
    case Kind::mem:
      if (reg.flags == 0 || reg.flags == flag::rdonly || reg.flags == flag::ringbuf ||
          reg.flags == (flag::rdonly | flag::untrusted))
        return true;
      break;
    case Kind::buf:
      if (reg.flags == 0 || reg.flags == flag::rdonly) return true;
      break;
    case Kind::btf_object: {
      const std::uint16_t f = reg.flags;
      const bool fixed_ok = f == 0 || f == flag::alloc || f == flag::trusted || f == flag::rcu ||
                            f == (flag::alloc | flag::non_owning) ||
                            f == (flag::alloc | flag::non_owning | flag::rcu);
      return c.check_plain_offset(reg, number, fixed_ok);
    }
    case Kind::not_init:
    case Kind::context:
    case Kind::map_ptr:
    case Kind::packet_end:
    case Kind::flow_keys:
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::tp_buffer:
    case Kind::xdp_sock:
    case Kind::func:
    case Kind::dynptr:
    case Kind::insn_pointer: break;
  }
  return c.check_plain_offset(reg, number, false);
}

// --- Trust ---

namespace {

constexpr std::uint16_t trust_flags = flag::alloc | flag::trusted | flag::non_owning;

bool has_unsafe_flags(const RegState& reg) { return (reg.flags & ~trust_flags) != 0; }

}  // namespace

std::string_view struct_of_kind(Kind kind) {
  switch (kind) {
    case Kind::socket: return "sock";
    case Kind::sock_common: return "sock_common";
    case Kind::tcp_sock: return "tcp_sock";
    case Kind::map_ptr: return "bpf_map";
    default: return {};
  }
}

bool is_trusted(const RegState& reg) {
  if (reg.ref_id != 0) return true;
  if (!struct_of_kind(reg.kind).empty() && !has_unsafe_flags(reg)) return true;
  return reg.has(trust_flags) && !has_unsafe_flags(reg);
}
bool is_rcu(const RegState& reg) { return reg.has(flag::rcu); }

bool check_kptr_match(Checker& c, const Field& field, unsigned number) {
  const RegState& reg = c.reg(number);
  const std::string_view target = field.btf->name(field.type);
  std::string_view found;
  const auto matches = [&]() -> std::optional<bool> {
    if (reg.kind != Kind::btf_object) return false;
    std::uint16_t allowed = flag::maybe_null;
    if (c.records().is_kernel(reg.btf())) {
      allowed |= flag::trusted | flag::rcu;
      if (field.kind == FieldKind::kptr_untrusted) allowed |= flag::untrusted;
    } else {
      allowed |= flag::alloc;
      if (field.kind == FieldKind::kptr_percpu) allowed |= flag::percpu;
    }
    if ((reg.flags & ~allowed) != 0) return false;
    if ((field.kind == FieldKind::kptr_percpu) != reg.has(flag::percpu)) return false;
    found = reg.btf()->name(reg.type);
    if (!c.check_plain_offset(reg, number, true)) return std::nullopt;
    return struct_matches(reg.btf(), reg.type, reg.off, field.btf, field.type,
                          field.kind != FieldKind::kptr_untrusted, !reg.has(flag::alloc));
  }();
  if (!matches) return false;
  if (*matches) return true;
  return c.fail(
      EACCES, "invalid kptr access, R{} type={}{} expected=ptr_{}{}", number, c.kind_name(reg), found, target,
      field.kind == FieldKind::kptr_untrusted ? fmt::format(" or untrusted_ptr_{}", target) : std::string());
}

namespace {

constexpr std::string_view rcu_protected[] = {"prog_test_ref_kfunc", "cgroup", "bpf_cpumask", "task_struct",
                                              "bpf_crypto_ctx"};

}  // namespace

std::uint16_t kptr_load_flags(Checker& c, const Field& field) {
  std::uint16_t flags = flag::maybe_null;
  const bool kernel = c.records().is_kernel(field.btf);
  const auto listed = [&] {
    return std::find(std::begin(rcu_protected), std::end(rcu_protected), field.btf->name(field.type)) !=
           std::end(rcu_protected);
  };
  const bool safe =
      field.kind == FieldKind::kptr_percpu || (field.kind == FieldKind::kptr && (!kernel || listed()));
  if (!safe || !in_rcu_section(c)) return flags | flag::untrusted;
  flags |= flag::rcu;
  if (field.kind == FieldKind::kptr_percpu)
    flags |= flag::percpu;
  else if (!kernel)
    flags |= flag::alloc;
  const Record* record = kernel ? nullptr : c.records().of(field.btf, field.type);
  if (record != nullptr && (record->has(FieldKind::list_node) || record->has(FieldKind::rb_node)))
    flags |= flag::non_owning;
  return flags;
}

int Checker::check_map_kptr_access(isa::Slot slot, unsigned number, std::int32_t off, unsigned size,
                                   Mode mode, int value) {
  const RegState& pointer = reg(number);
  if (pointer.kind != Kind::map_value || pointer.map() == nullptr) return 0;
  const Record* record = records().of(*pointer.map());
  if (record == nullptr) return 0;
  // The special fields that the access may touch.
  const std::int64_t low = off + pointer.value.full.smin;
  const std::int64_t high = std::int64_t{off} + static_cast<std::int64_t>(pointer.value.full.umax) + size;
  const Field* field = record->overlap(low, high);
  if (field == nullptr) return 0;
  if (!field->is_kptr() && field->kind != FieldKind::uptr) return 0;
  const auto bad = [](bool) { return -1; };
  if (!pointer.value.is_const()) return bad(fail(EACCES, "kptr access cannot have variable offset"));
  const std::int64_t at = std::int64_t{off} + static_cast<std::int64_t>(pointer.value.value());
  if (at != field->offset)
    return bad(fail(EACCES, "kptr access misaligned expected={} off={}", field->offset, at));
  if (size != 8) return bad(fail(EACCES, "kptr access size must be BPF_DW"));
  const isa::Op& row = code(slot).row();
  if (row.action == isa::Class::atomic || (row.action == isa::Class::load && row.sign_from != 0) ||
      row.action == isa::Class::load_acquire || row.action == isa::Class::store_release)
    return bad(fail(EACCES, "kptr in map can only be accessed using BPF_MEM instruction mode"));
  if (mode == Mode::write && (field->kind == FieldKind::kptr || field->kind == FieldKind::kptr_percpu))
    return bad(fail(EACCES, "store to referenced kptr disallowed"));
  if (mode == Mode::write && field->kind == FieldKind::uptr)
    return bad(fail(EACCES, "store to uptr disallowed"));
  if (mode == Mode::read) {
    if (field->kind == FieldKind::uptr) {
      const auto bytes = field->btf->size_of(field->type);
      if (!bytes) return bad(fail(EINVAL, "uptr of a type without a size"));
      if (value >= 0) {
        RegState& loaded = reg(static_cast<unsigned>(value));
        mark_pointer(loaded, Kind::mem, flag::maybe_null);
        loaded.mem_size = *bytes;
        loaded.id = new_id();
      }
      return 1;
    }
    const std::uint16_t flags = kptr_load_flags(*this, *field);
    if (value >= 0) {
      RegState& loaded = reg(static_cast<unsigned>(value));
      mark_pointer(loaded, Kind::btf_object, flags);
      loaded.object = field->btf;
      loaded.type = field->type;
      loaded.id = new_id();
    }
    return 1;
  }
  if (row.action == isa::Class::store_imm) {
    if (code(slot).imm != 0)
      return bad(fail(EACCES, "BPF_ST imm must be 0 when storing to kptr at off={}", field->offset));
    return 1;
  }
  if (row.action != isa::Class::store || value < 0)
    return bad(fail(EACCES, "kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST"));
  const auto source = static_cast<unsigned>(value);
  if (reg(source).is_null()) return mark_precise(source) ? 1 : -1;
  return check_kptr_match(*this, *field, source) ? 1 : -1;
}

}  // namespace skep::verify
