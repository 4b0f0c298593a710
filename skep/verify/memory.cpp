// Loads and stores: which memory a pointer may be used on, how far, and what comes back.
#include "skep/uapi/prog_types.h"
#include "skep/verify/checker.h"

namespace skep::verify {

namespace {

constexpr std::uint64_t offset_limit = std::uint64_t{1} << 29;
constexpr std::uint32_t flow_keys_bytes = 56;  // struct bpf_flow_keys

// Bits of map_flags.
constexpr std::uint32_t map_rdonly_prog = 1u << 7, map_wronly_prog = 1u << 8;

// The word that a misaligned access is reported with; null: this pointer has no alignment.
const char* alignment_word(Kind kind) {
  switch (kind) {
    case Kind::flow_keys: return "flow keys ";
    case Kind::map_key: return "key ";
    case Kind::map_value: return "value ";
    case Kind::context: return "context ";
    case Kind::stack: return "stack ";
    case Kind::socket: return "sock ";
    case Kind::sock_common: return "sock_common ";
    case Kind::tcp_sock: return "tcp_sock ";
    case Kind::xdp_sock: return "xdp_sock ";
    case Kind::arena: return nullptr;
    case Kind::not_init:
    case Kind::scalar:
    case Kind::map_ptr:
    case Kind::packet_meta:
    case Kind::packet:
    case Kind::packet_end:
    case Kind::tp_buffer:
    case Kind::btf_object:
    case Kind::mem:
    case Kind::buf:
    case Kind::func:
    case Kind::dynptr:
    case Kind::insn_pointer: return "";
  }
  return "";
}

Access access_of(Kind kind) {
  switch (kind) {
    case Kind::stack: return Access::stack;
    case Kind::context: return Access::context;
    case Kind::packet:
    case Kind::packet_meta: return Access::packet;
    case Kind::map_value:
    case Kind::map_key: return Access::map_value;
    case Kind::btf_object:
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::xdp_sock:
    case Kind::map_ptr: return Access::btf;
    case Kind::arena: return Access::arena;
    case Kind::mem:
    case Kind::buf:
    case Kind::flow_keys:
    case Kind::tp_buffer: return Access::memory;
    case Kind::not_init:
    case Kind::scalar:
    case Kind::packet_end:
    case Kind::func:
    case Kind::dynptr:
    case Kind::insn_pointer: return Access::none;
  }
  return Access::none;
}

}  // namespace

bool Checker::check_alignment(const RegState& reg, std::int32_t off, unsigned size, bool strict) {
  if (size == 1) return true;
  const char* word = alignment_word(reg.kind);
  if (word == nullptr) return true;
  strict |= strict_alignment() || reg.kind == Kind::stack;
  if (!strict) return true;
  const bool packet = reg.is_packet();
  constexpr std::int64_t ip_align = 2;  // NET_IP_ALIGN of machines that align
  const std::int64_t fixed = std::int64_t{reg.off} + off + (packet ? ip_align : 0);
  const Tnum sum = reg.value.bits + Tnum::constant(static_cast<std::uint64_t>(fixed));
  if (sum.is_aligned(size)) return true;
  if (packet)
    return fail(EACCES, "misaligned packet access off {}+{}+{}+{} size {}", ip_align,
                print_tnum(reg.value.bits), reg.off, off, size);
  return fail(EACCES, "misaligned {}access off {}+{}+{} size {}", word, print_tnum(reg.value.bits), reg.off,
              off, size);
}

// [off, off + size) within [0, limit), in the words that belong to the pointer's kind.
bool Checker::check_range(unsigned number, std::int64_t off, std::uint32_t size, std::uint32_t limit,
                          bool zero_ok, bool last_word) {
  if (off >= 0 && (size > 0 || zero_ok) && static_cast<std::uint64_t>(off) + size <= limit) return true;
  const RegState& r = reg(number);
  std::string text;
  const auto shown = static_cast<std::int32_t>(off);
  switch (r.kind) {
    case Kind::map_key:
      text = fmt::format("invalid access to map key, key_size={} off={} size={}", limit, shown, size);
      break;
    case Kind::map_value:
      text = fmt::format("invalid access to map value, value_size={} off={} size={}", limit, shown, size);
      break;
    case Kind::packet:
    case Kind::packet_meta:
    case Kind::packet_end:
      text = fmt::format("invalid access to packet, off={} size={}, R{}(id={},off={},r={})", shown, size,
                         number, r.id, shown, limit);
      break;
    default:
      text = fmt::format("invalid access to memory, mem_size={} off={} size={}", limit, shown, size);
      break;
  }
  if (last_word) return fail_with(EACCES, std::move(text));
  note("{}\n", text);
  return false;
}

bool Checker::check_region(unsigned number, std::int32_t off, std::uint32_t size, std::uint32_t limit,
                           bool zero_ok) {
  const Range<64>& range = reg(number).value.full;
  if (range.smin < 0 &&
      (range.smin == INT64_MIN || off + range.smin != static_cast<std::int32_t>(off + range.smin) ||
       off + range.smin < 0))
    return fail(EACCES, "R{} min value is negative, either use unsigned index or do a if (index >=0) check.",
                number);
  if (!check_range(number, off + range.smin, size, limit, zero_ok, false))
    return fail(EACCES, "R{} min value is outside of the allowed memory range", number);
  if (range.umax >= offset_limit)
    return fail(EACCES, "R{} unbounded memory access, make sure to bounds check any such access", number);
  if (!check_range(number, off + static_cast<std::int64_t>(range.umax), size, limit, zero_ok, false))
    return fail(EACCES, "R{} max value is outside of the allowed memory range", number);
  return true;
}

bool Checker::has_field(const MapModel& map, FieldKind kind) {
  const Record* record = records_.of(map);
  return record != nullptr && record->has(kind);
}

bool Checker::check_map_access(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok,
                               bool by_helper) {
  const RegState& r = reg(number);
  const MapModel& map = *r.map();
  const std::uint32_t limit = map.type == uapi::MapType::insn_array ? map.max_entries * 8 : map.value_size;
  if (!check_region(number, off, size, limit, zero_ok)) return false;
  const Record* record = records_.of(map);
  if (record == nullptr) return true;
  for (const Field& field : record->fields) {
    const std::int64_t begin = r.value.full.smin + off;
    const std::int64_t end = static_cast<std::int64_t>(r.value.full.umax) + off + size;
    if (begin >= std::int64_t{field.offset} + field.size || field.offset >= end) continue;
    if (!field.is_kptr() && field.kind != FieldKind::uptr)
      return fail(EACCES, "{} cannot be accessed directly by load/store", field_name(field.kind));
    const char* word = field.kind == FieldKind::uptr ? "uptr" : "kptr";
    if (by_helper) return fail(EACCES, "{} cannot be accessed indirectly by helper", word);
    if (!r.value.is_const()) return fail(EACCES, "{} access cannot have variable offset", word);
    const std::int64_t at = off + static_cast<std::int64_t>(r.value.value());
    if (at != field.offset)
      return fail(EACCES, "{} access misaligned expected={} off={}", word, field.offset, at);
    if (size != 8) return fail(EACCES, "{} access size must be BPF_DW", word);
  }
  return true;
}

bool Checker::check_map_rights(unsigned number, std::int32_t off, std::uint32_t size, Mode mode) {
  const MapModel& map = *reg(number).map();
  const bool refused = (map.flags & (mode == Mode::write ? map_rdonly_prog : map_wronly_prog)) != 0;
  if (!refused) return true;
  return fail(EACCES, "{} map forbidden, value_size={} off={} size={}",
              mode == Mode::write ? "write into" : "read from", map.value_size, off, size);
}

bool Checker::check_packet_access(unsigned number, std::int32_t off, std::uint32_t size, bool zero_ok) {
  const RegState& r = reg(number);
  if (r.value.full.smin < 0)
    return fail(EACCES, "R{} min value is negative, either use unsigned index or do a if (index >=0) check.",
                number);
  if (r.range < 0 || !check_range(number, off, size, static_cast<std::uint32_t>(r.range), zero_ok, false))
    return fail(r.range < 0 ? EINVAL : EACCES, "R{} offset is outside of the packet", number);
  return true;
}

bool Checker::check_plain_offset(const RegState& r, unsigned number, bool fixed_ok) {
  if (r.off < 0)
    return fail(EACCES, "negative offset {} ptr R{} off={} disallowed", kind_name(r), number, r.off);
  if (!fixed_ok && r.off != 0)
    return fail(EACCES, "dereference of modified {} ptr R{} off={} disallowed", kind_name(r), number, r.off);
  if (!r.value.is_const() || r.value.value() != 0)
    return fail(EACCES, "variable {} access var_off={} disallowed", kind_name(r), print_tnum(r.value.bits));
  return true;
}

bool Checker::may_touch_packet(Mode mode) const {
  return type_row_ != nullptr && type_row_->packet_access && (mode == Mode::read || type_row_->packet_write);
}

bool Checker::check_buffer(const RegState& r, unsigned number, std::int32_t off, std::uint32_t size,
                           const char* what) {
  (void)size;
  if (off < 0) return fail(EACCES, "R{} invalid {} buffer access: off={}, size={}", number, what, off, size);
  if (!r.value.is_const() || r.value.value() != 0)
    return fail(EACCES, "R{} invalid variable buffer offset: off={}, var_off={}", number, off,
                print_tnum(r.value.bits));
  return true;
}

bool Checker::check_no_leak(int value, const char* where) {
  if (value < 0 || !is_pointer_to_hide(reg(static_cast<unsigned>(value)))) return true;
  return fail(EACCES, "R{} leaks addr into {}", value, where);
}

// The contents of a frozen read-only map are constants.
bool Checker::read_constant(const RegState& pointer, std::int32_t off, unsigned size, bool sign_extended,
                            RegState& dst) {
  const MapModel& map = *pointer.map();
  if (!has(uapi::Rule::constant_maps)) return false;
  if (!pointer.value.is_const() || !map.frozen || (map.flags & map_rdonly_prog) == 0 || map.contents.empty())
    return false;
  const std::int64_t at = off + static_cast<std::int64_t>(pointer.value.value());
  if (at < 0 || static_cast<std::uint64_t>(at) + size > map.contents.size()) return false;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; i++)
    value |= std::uint64_t{map.contents[static_cast<std::size_t>(at) + i]} << (8 * i);
  if (sign_extended) {
    const unsigned up = 64 - 8 * size;
    value = static_cast<std::uint64_t>(static_cast<std::int64_t>(value << up) >> up);
  }
  mark_constant(dst, value);
  return true;
}

bool Checker::check_mem_access(isa::Slot slot, unsigned number, std::int32_t off, unsigned size, Mode mode,
                               int value, bool strict, bool sign_extended) {
  RegState& r = reg(number);
  if (!check_alignment(r, off, size, strict)) return false;
  off += r.off;
  const bool write = mode == Mode::write;
  remember_access(slot, r, write);      // before a load overwrites its own base
  bool unknown = !write && value >= 0;  // the usual result of a read
  switch (r.kind) {
    case Kind::map_key:
      if (write) return fail(EACCES, "write to change key R{} not allowed", number);
      if (!check_region(number, off, size, r.map()->key_size, false)) return false;
      break;
    case Kind::map_value: {
      if (r.maybe_null()) return refuse_memory(number);
      if (write && !check_no_leak(value, "map")) return false;
      if (!check_map_rights(number, off, size, mode) || !check_map_access(number, off, size, false, false))
        return false;
      const int kptr = check_map_kptr_access(slot, number, off, size, mode, value);
      if (kptr < 0) return false;
      if (kptr > 0) return true;
      if (r.map()->type == uapi::MapType::insn_array) {
        if (write) return fail(EACCES, "writes into insn_array not allowed");
        return unsupported("a load from an insn_array map");
      }
      if (unknown && read_constant(RegState(r), off, size, sign_extended, reg(static_cast<unsigned>(value))))
        return true;
      break;
    }
    case Kind::mem: {
      if (r.maybe_null()) return refuse_memory(number);
      const bool rdonly = r.has(flag::rdonly);
      if (write && rdonly) return fail(EACCES, "R{} cannot write into {}", number, kind_name(r));
      if (write && !check_no_leak(value, "mem")) return false;
      if (!r.has(flag::untrusted) && !check_region(number, off, size, r.mem_size, false)) return false;
      break;
    }
    case Kind::context:
      if (write && !check_no_leak(value, "ctx")) return false;
      if (!check_plain_offset(r, number, context_offset_ok())) return false;
      return check_context(slot, off, size, mode, value, sign_extended);
    case Kind::stack:
      if (!check_stack_access(number, off, size, mode, value)) return false;
      unknown = false;
      break;
    case Kind::packet:
    case Kind::packet_meta:
      if (write && !may_touch_packet(mode)) return fail(EACCES, "cannot write into packet");
      if (write && !check_no_leak(value, "packet")) return false;
      if (!check_packet_access(number, off, size, false)) return false;
      break;
    case Kind::flow_keys:
      if (write && !check_no_leak(value, "flow keys")) return false;
      if (off < 0 || static_cast<std::uint32_t>(off) + size > flow_keys_bytes)
        return fail(EACCES, "invalid access to flow keys off={} size={}", off, size);
      break;
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::xdp_sock:
      if (r.maybe_null()) return refuse_memory(number);
      if (write) return fail(EACCES, "R{} cannot write into {}", number, kind_name(r));
      if (!check_socket(number, off, size)) return false;
      break;
    case Kind::tp_buffer:
      if (!check_buffer(r, number, off, size, "tracepoint")) return false;
      break;
    case Kind::btf_object:
      if (r.maybe_null()) return refuse_memory(number);
      if (!check_btf_access(number, off, size, mode, value)) return false;
      unknown = false;
      break;
    case Kind::map_ptr:
      if (!check_map_struct_access(number, off, size, mode, value)) return false;
      unknown = false;
      break;
    case Kind::buf: {
      if (r.maybe_null()) return refuse_memory(number);
      const bool rdonly = r.has(flag::rdonly);
      if (write && rdonly) return fail(EACCES, "R{} cannot write into {}", number, kind_name(r));
      if (!check_buffer(r, number, off, size, rdonly ? "rdonly" : "rdwr")) return false;
      break;
    }
    case Kind::arena: break;
    case Kind::not_init:
    case Kind::scalar:
    case Kind::packet_end:
    case Kind::func:
    case Kind::dynptr:
    case Kind::insn_pointer: return refuse_memory(number);
  }
  if (write || value < 0) return true;
  RegState& dst = reg(static_cast<unsigned>(value));
  if (unknown) mark_unknown(dst);
  narrow_load(dst, size, sign_extended);
  return true;
}

// What a load of fewer than 8 bytes leaves in a register that held (or will hold) more.
void Checker::narrow_load(RegState& dst, unsigned size, bool sign_extended) const {
  if (size >= 8 || dst.kind != Kind::scalar) return;
  // Filled from the stack it is linked with what was spilled, and a copied sign bit makes another number of
  // it. Linux 6.18 keeps the link, and then believes bounds of the one that only hold for the other.
  if (sign_extended && dst.value.full.umax >> (8 * size - 1) != 0) unlink(dst);
  dst.value = sign_extended ? sign_extend(dst.value, 8 * size, 64, arithmetic_)
                            : zero_extend(dst.value, 8 * size, arithmetic_);
}

bool Checker::refuse_memory(unsigned number) {
  return fail(EACCES, "R{} invalid mem access '{}'", number, kind_name(reg(number)));
}

// Objects that the kernel only knows by their type may be gone, and memory that a pointer was cast to may
// never have been there; what is trusted, under RCU or the program's own stays.
bool may_be_gone(const RegState& r) {
  if (r.kind == Kind::mem) return r.has(flag::untrusted);
  if (r.kind != Kind::btf_object) return false;
  return r.has(flag::untrusted) || (r.flags & (flag::trusted | flag::rcu | flag::alloc)) == 0;
}

void Checker::remember_access(isa::Slot slot, const RegState& r, bool write) {
  InsnFacts& fact = verdict_.facts[slot];
  const Access access = access_of(r.kind);
  fact.access = fact.access == Access::none || fact.access == access ? access : Access::mixed;
  fact.may_fault |= r.kind == Kind::arena || (!write && may_be_gone(r));
}

bool Checker::check_helper_memory(unsigned number, std::uint32_t size, HelperMemory& memory) {
  RegState& r = reg(number);
  const bool write = memory.mode == Mode::write;
  const auto refuse_write = [&] { return fail(EACCES, "R{} cannot write into {}", number, kind_name(r)); };
  switch (r.kind) {
    case Kind::packet:
    case Kind::packet_meta: return check_packet_access(number, r.off, size, memory.zero_ok);
    case Kind::map_key:
      if (write) return refuse_write();
      return check_region(number, r.off, size, r.map()->key_size, false);
    case Kind::map_value:
      return check_map_rights(number, r.off, size, memory.mode) &&
             check_map_access(number, r.off, size, memory.zero_ok, true);
    case Kind::mem:
      if (r.has(flag::rdonly) && write) return refuse_write();
      return check_region(number, r.off, size, r.mem_size, memory.zero_ok);
    case Kind::buf:
      if (r.has(flag::rdonly) && write) return refuse_write();
      return check_buffer(r, number, r.off, size, r.has(flag::rdonly) ? "rdonly" : "rdwr");
    case Kind::stack: return check_stack_range(number, r.off, size, memory.zero_ok, memory);
    case Kind::btf_object: return check_btf_access(number, r.off, size, Mode::read, -1);
    case Kind::context:
      if (context_of_this() == nullptr) {  // not a table: any byte that lies in it
        if (size == 0) return memory.zero_ok || fail(EACCES, "R{} invalid zero-sized read", number);
        return check_mem_access(at_, number, static_cast<std::int32_t>(size - 1), 1, memory.mode, -1);
      }
      break;
    default: break;
  }
  if (memory.zero_ok && size == 0 && r.is_null()) return true;
  return fail(EACCES, "R{} type={} expected=fp", number, kind_name(r));
}

}  // namespace skep::verify
