// The program's context and the socket structs: plain tables of members.
#include <algorithm>

#include "skep/uapi/contexts.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/checker.h"

namespace skep::verify {

using uapi::Yields;

namespace {

bool is_power_of_two_access(std::int64_t off, unsigned size) { return off >= 0 && off % size == 0; }

// A member that is read in the sizes of its row, whoever the program is.
bool reads_member(const uapi::Context& context, std::int64_t off, unsigned size) {
  if (!is_power_of_two_access(off, size)) return false;
  return std::any_of(context.fields.begin(), context.fields.end(), [&](const uapi::ContextField& f) {
    if (off < f.offset || off + size > std::int64_t{f.offset} + f.size) return false;
    if (size < f.load.min || size > f.load.max) return false;
    return !(f.narrow_at_start && size < f.load.max && off != f.offset);
  });
}

// struct bpf_tcp_sock: 32-bit members, then two of 64 bits.
constexpr std::int64_t tcp_sock_bytes = 112, tcp_sock_bytes_received = 80, tcp_sock_bytes_acked = 88;

}  // namespace

const uapi::Context* Checker::context_of_this() const { return uapi::context_of(prog_type_); }

// Tracing programs' pt_regs and the like may be read at a constant offset of the pointer.
bool Checker::context_offset_ok() const { return false; }

bool Checker::check_socket(unsigned number, std::int32_t off, unsigned size) {
  const RegState& r = reg(number);
  if (r.value.full.smin < 0)
    return fail(EACCES, "R{} min value is negative, either use unsigned index or do a if (index >=0) check.",
                number);
  bool valid = false;
  static const uapi::Context* sock = uapi::find_context("bpf_sock");
  switch (r.kind) {
    case Kind::sock_common:
      valid = (off < 8 || off >= 24) && sock != nullptr && reads_member(*sock, off, size);
      break;
    case Kind::socket: valid = sock != nullptr && reads_member(*sock, off, size); break;
    case Kind::tcp_sock:
      valid = off >= 0 && off < tcp_sock_bytes && static_cast<unsigned>(off) % size == 0 &&
              (off == tcp_sock_bytes_received || off == tcp_sock_bytes_acked ? size == 8 : size == 4);
      break;
    case Kind::xdp_sock: valid = off == 0 && size == 4; break;
    default: break;
  }
  if (valid) return true;
  return fail(EACCES, "R{} invalid {} access off={} size={}", number, kind_name(r), off, size);
}

bool Checker::check_context(isa::Slot slot, std::int32_t off, unsigned size, Mode mode, int value,
                            bool sign_extended) {
  const bool write = mode == Mode::write;
  (void)slot;
  if (context_of_this() == nullptr) return check_argument_context(off, size, mode, value, sign_extended);
  const uapi::AttachType attach = uapi::fixed_attach_type(prog_type_, prog().attach_type);
  const uapi::ContextAccess access = uapi::check_context_access(prog_type_, attach, off, size, write);
  // Unprivileged cgroup programs see no packet and set no time stamp.
  const bool secret = prog_type_ == uapi::ProgType::cgroup_skb && !bpf_capable() && access.field != nullptr &&
                      (access.field->name == "data" || access.field->name == "data_end" ||
                       (write && access.field->name == "tstamp"));
  const bool later = access.field != nullptr && access.field->since > model_.kernel;
  const bool refused = !access || secret || later || (sign_extended && access.yields != Yields::scalar);
  if (refused) return fail(EACCES, "invalid bpf_context access off={} size={}", off, size);
  if (write || value < 0) return true;
  RegState& dst = reg(static_cast<unsigned>(value));
  const auto nullable = [&](Kind kind) {
    mark_pointer(dst, kind, flag::maybe_null);
    dst.id = new_id();
  };
  switch (access.yields) {
    case Yields::scalar:
      mark_unknown(dst);
      narrow_load(dst, size, sign_extended);
      return true;
    case Yields::packet:
    case Yields::mem: mark_pointer(dst, Kind::packet); return true;
    case Yields::packet_end:
    case Yields::mem_end: mark_pointer(dst, Kind::packet_end); return true;
    case Yields::packet_meta: mark_pointer(dst, Kind::packet_meta); return true;
    case Yields::sock_common_or_null: nullable(Kind::sock_common); return true;
    case Yields::sock: mark_pointer(dst, Kind::socket); return true;
    case Yields::sock_or_null: nullable(Kind::socket); return true;
    case Yields::flow_keys: mark_pointer(dst, Kind::flow_keys); return true;
    case Yields::tp_buffer: mark_pointer(dst, Kind::tp_buffer); return true;
    case Yields::btf_ptr: {
      const char* name = off == 0 ? "nf_hook_state" : "sk_buff";
      const auto type = model_.kernel_btf != nullptr ? model_.kernel_btf->find(name, btf::Kind::struct_)
                                                     : std::optional<btf::TypeId>{};
      if (!type) return unsupported("a context of kernel types without kernel BTF");
      mark_pointer(dst, Kind::btf_object, flag::trusted);
      dst.object = model_.kernel_btf;
      dst.type = *type;
      return true;
    }
  }
  return true;
}

// Contexts without a table: the buffer of a syscall program, the 8-byte arguments of what a program is
// attached to.
bool Checker::check_argument_context(std::int32_t off, unsigned size, Mode mode, int value,
                                     bool sign_extended) {
  const bool write = mode == Mode::write;
  if (prog_type_ == uapi::ProgType::syscall) {
    constexpr std::int32_t most = 0xffff;
    if (off < 0 || off >= most || off % static_cast<std::int32_t>(size) != 0)
      return fail(EACCES, "invalid bpf_context access off={} size={}", off, size);
    if (!write && value >= 0) {
      mark_unknown(reg(static_cast<unsigned>(value)));
      narrow_load(reg(static_cast<unsigned>(value)), size, sign_extended);
    }
    return true;
  }
  return check_btf_context(off, size, mode, value);
}

}  // namespace skep::verify
