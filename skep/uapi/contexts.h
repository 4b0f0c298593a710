// What a program gets in r1: the layouts of the contexts, and which program may read or write which member.
//
// Layouts are the UAPI's (include/uapi/linux/bpf.h); the access rules are the verifier's, which a program
// type refines and sometimes its attach type. A member may be read whole or, where the row says so, in
// aligned pieces of 1, 2, 4 bytes; pointers are loaded whole.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "skep/uapi/numbers.h"

namespace skep::uapi {

// What the register holds after a load from a member.
enum class Yields : std::uint8_t {
  scalar,
  packet,               // data
  packet_end,           // data_end
  packet_meta,          // data_meta
  sock_common_or_null,  // sk of __sk_buff, migrating_sk
  sock,                 // sk of bpf_sock_addr, bpf_sockopt, sk_msg_md, sk_reuseport_md
  sock_or_null,         // sk of bpf_sk_lookup and bpf_sock_ops
  flow_keys,            // struct bpf_flow_keys
  mem,                  // optval
  mem_end,              // optval_end
  btf_ptr,              // pointer to a kernel struct (state and skb of bpf_nf_ctx)
  tp_buffer,            // the buffer of a writable raw tracepoint
};

// Sizes of one access in bytes: powers of two from min to max. {0, 0}: none.
struct Widths {
  std::uint8_t min = 0, max = 0;
};

struct ContextField {
  std::string_view name;
  std::uint16_t offset, size;  // arrays are one member: cb[0] to cb[4]
  Yields yields;
  Widths load;
  std::uint64_t readable;  // bit n: program type n may read it
  Widths store = {};
  std::uint64_t writable = 0;
  // Bit n: only under attach type n; all ones: under each.
  std::uint64_t read_attach = ~0ull, write_attach = ~0ull;
  bool narrow_at_start = false;  // loads below load.max at its first byte only
  std::uint16_t since = 0;       // the first kernel that has it; 0: each that has the context
};

struct Context {
  std::string_view name;    // "xdp_md"
  std::string_view c_name;  // "struct xdp_md"; as a program writes it
  std::uint32_t size;       // bytes; 0: as many as the program's target gives (arguments of a function)
  // By offset; gaps are padding, which nobody may touch. Two rows may share bytes (unions, a port with and
  // without its padding).
  std::span<const ContextField> fields;
};

// Null where the type has no fixed layout (struct_ops, ext, syscall: an own buffer; tracing, lsm: u64
// arguments).
const Context* context_of(ProgType type);
std::span<const Context> contexts();
const Context* find_context(std::string_view name);
// The first member that `offset` lies in; null for padding and beyond.
const ContextField* find_field(const Context& context, std::uint32_t offset);

// May a program of this kind load or store `size` (1, 2, 4, 8) bytes at `offset`? Sign-extending loads of
// pointers are refused by the caller. No row of a type without a context allows anything.
struct ContextAccess {
  bool allowed = false;
  Yields yields = Yields::scalar;
  const ContextField* field = nullptr;
  explicit operator bool() const { return allowed; }
};
ContextAccess check_context_access(ProgType type, AttachType attach_type, std::int64_t offset,
                                   std::uint32_t size, bool write);

}  // namespace skep::uapi
