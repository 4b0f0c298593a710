// What the verifier believes at one point of one path: registers, stack, frames, what the program holds.
//
// All of it is plain data; only Frame and State own memory, and StatePool (pool.h) recycles both.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "skep/verify/model.h"
#include "skep/verify/scalar.h"

namespace skep::verify {

inline constexpr unsigned register_count = 11, frame_pointer = 10;
inline constexpr unsigned max_frames = 8, stack_bytes = 512, stack_slots = stack_bytes / 8;

// What a register holds; the comment is the word in the log.
enum class Kind : std::uint8_t {
  not_init,
  scalar,
  context,       // ctx
  map_ptr,       // map_ptr
  map_value,     // map_value
  map_key,       // map_key
  stack,         // fp
  packet_meta,   // pkt_meta
  packet,        // pkt
  packet_end,    // pkt_end
  flow_keys,     // flow_keys
  socket,        // sock
  sock_common,   // sock_common
  tcp_sock,      // tcp_sock
  tp_buffer,     // tp_buffer
  xdp_sock,      // xdp_sock
  btf_object,    // ptr_
  mem,           // mem
  arena,         // arena
  buf,           // buf
  func,          // func
  dynptr,        // dynptr_ptr: a dynptr argument of a global function or callback
  insn_pointer,  // insn: from a jump table
};

// Bits of RegState::flags: what the kernel adds to the kind.
namespace flag {
inline constexpr std::uint16_t maybe_null = 1, rdonly = 2, ringbuf = 4, user = 8, percpu = 16, untrusted = 32,
                               uninit = 64, trusted = 128, rcu = 256, alloc = 512, non_owning = 1024,
                               write = 2048;
// At most these may accompany a pointer to a kernel object that helpers trust.
inline constexpr std::uint16_t register_trusted = trusted | rcu | alloc;
}  // namespace flag

enum class DynptrKind : std::uint8_t { none, local, ringbuf, skb, xdp, skb_meta, file };
enum class IterState : std::uint8_t { none, active, drained };

// Bits of RegState::id of a scalar that is another one of the same id plus `off`: in 64 bits, or (6.18) in 32
// with the upper half zero.
inline constexpr std::uint32_t id_add_const64 = 1u << 31, id_add_const32 = 1u << 30;
inline constexpr std::uint32_t id_add_const = id_add_const64 | id_add_const32;

struct RegState {
  Kind kind = Kind::not_init;
  std::uint8_t frame = 0;  // stack: whose
  bool precise = false;    // scalars: a decision depended on its value
  // Dynptrs and iterators on the stack (kind not_init there), and Kind::dynptr.
  DynptrKind dynptr = DynptrKind::none;
  bool first_slot = false;
  IterState iter = IterState::none;
  std::uint16_t flags = 0;
  std::int32_t off = 0;  // fixed part of a pointer's offset; scalars with id_add_const: the distance
  // Pointers: those with one id may be null together, share packet ranges, belong to one lock. Scalars: equal
  // values, up to `off`. Dynptrs: slices point back.
  std::uint32_t id = 0;
  std::uint32_t ref_id = 0;  // Reference::id that this is, or was made from
  // map_ptr, map_value, map_key: the number of the inner map's lookup; btf_object, iterators: the type.
  std::uint32_t type = 0;
  union {
    std::int32_t range;        // packet pointers: bytes proven behind the variable part; or one of the below
    std::uint32_t mem_size;    // mem, buf
    std::uint32_t subprog;     // func
    std::uint32_t iter_depth;  // iterators: next() calls
    std::uint32_t irq_class;   // saved irq flags: which pair of kfuncs
    std::uint32_t payload = 0;
  };
  // Packet pointers found to lie at the end of the packet, or beyond it.
  static constexpr std::int32_t at_end = -1, beyond_end = -2;
  const void* object = nullptr;  // MapModel or btf::Btf
  // Scalar: the value. Pointers: the variable part of the offset, as bits and bounds.
  Scalar value;

  const MapModel* map() const { return static_cast<const MapModel*>(object); }
  const btf::Btf* btf() const { return static_cast<const btf::Btf*>(object); }
  bool is_pointer() const { return kind != Kind::not_init && kind != Kind::scalar; }
  bool has(std::uint16_t flags_) const { return (flags & flags_) != 0; }
  bool maybe_null() const { return has(flag::maybe_null); }
  bool is(Kind k, std::uint16_t f = 0) const { return kind == k && flags == f; }
  bool is_const_scalar() const { return kind == Kind::scalar && value.is_const(); }
  // The register as the number 0: also what a null pointer is on its null branch.
  bool is_null() const { return is_const_scalar() && value.value() == 0; }
  bool is_packet() const { return kind == Kind::packet || kind == Kind::packet_meta; }

  static RegState unknown() {
    RegState reg;
    reg.kind = Kind::scalar;
    return reg;
  }
  static RegState constant(std::uint64_t number) {
    RegState reg = unknown();
    reg.value = Scalar::constant(number);
    return reg;
  }
  static RegState pointer(Kind kind, std::uint16_t flags = 0) {
    RegState reg;
    reg.kind = kind;
    reg.flags = flags;
    reg.value = Scalar::constant(0);
    return reg;
  }
  // Everything that two states must agree on exactly, ids apart.
  bool same_but_ids(const RegState& o) const {
    return kind == o.kind && flags == o.flags && off == o.off && type == o.type && payload == o.payload &&
           object == o.object && frame == o.frame && dynptr == o.dynptr && first_slot == o.first_slot &&
           iter == o.iter && value == o.value;
  }
};
static_assert(sizeof(RegState) <= 112);

enum class Byte : std::uint8_t { invalid, spill, misc, zero, dynptr, iter, irq_flag };

// Eight bytes of stack. Slot i lies at fp - 8 * (i + 1); bytes[7] is the one at the lowest address... that
// is, bytes[b] describes the byte at fp - 8 * i - 1 - b.
struct StackSlot {
  RegState spilled;
  std::array<Byte, 8> bytes{};  // spill from the end: a spill of 4 bytes sets [4] to [7]

  bool is_spilled() const { return bytes[7] == Byte::spill; }
  bool is_spilled_scalar() const { return is_spilled() && spilled.kind == Kind::scalar; }
  bool is_spilled_scalar_of_8() const { return bytes[0] == Byte::spill && spilled.kind == Kind::scalar; }
  bool all(Byte byte) const {
    for (Byte b : bytes)
      if (b != byte) return false;
    return true;
  }
};

// Values that a function of the program must return.
struct ReturnBounds {
  std::int32_t min = 0, max = 0;
  bool wide = false;  // of all 64 bits
};

struct Frame {
  RegState regs[register_count];
  std::vector<StackSlot> stack;  // as deep as used
  isa::Slot callsite = 0;        // of the call in the frame below
  std::uint32_t number = 0;      // index into State::frames
  std::uint32_t subprog = 0;
  std::uint32_t chain = 0;           // of calls, in StackLiveness
  std::uint32_t async_entries = 0;   // times that async callbacks were entered before this one
  std::uint32_t callback_depth = 0;  // synchronous callbacks: how often simulated
  ReturnBounds callback_return;
  bool in_callback = false, in_async_callback = false, in_exception_callback = false;
};

enum class RefKind : std::uint8_t { pointer, irq, lock, resilient_lock, resilient_lock_irq };

// Something acquired and not yet released.
struct Reference {
  RefKind kind = RefKind::pointer;
  std::uint32_t id = 0;
  isa::Slot insn = 0;            // that acquired it
  const void* object = nullptr;  // locks: map or BTF object that the lock lies in
};

// One step of a path, for walking it back. Where precision is sought, `stack_slot` says which slot a load or
// store was found to touch although no fp is named; `linked` packs the registers that took a branch's bounds
// together (LinkedRegs in linked.h).
struct Step {
  isa::Slot insn = 0, previous = 0;
  std::uint8_t frame = 0, stack_slot = 0;
  bool touches_stack = false;
  bool dst_is_stack = false, src_is_stack = false;  // branches: operands that are stack pointers
  std::uint64_t linked = 0;
};

struct State {
  std::array<Frame*, max_frames> frames{};
  std::uint32_t depth = 0;  // index of the running frame
  isa::Slot insn = 0;       // where execution goes on; of a checkpoint: the instruction it stands before
  isa::Slot first_insn = 0, last_insn = 0;

  std::vector<Reference> refs;
  std::uint32_t locks = 0;  // how many of refs are locks
  std::uint32_t lock_id = 0;
  const void* lock_object = nullptr;
  std::uint32_t irq_id = 0;  // of the innermost saved irq flags
  std::uint32_t rcu_locks = 0, preempt_locks = 0;
  bool sleepable = false;    // may sleep here (program and callback; sections not counted)
  bool speculative = false;  // a path that only a mispredicting CPU takes

  State* parent = nullptr;     // the checkpoint that this path went on from
  std::uint32_t branches = 0;  // paths from here that are not finished
  std::uint32_t callback_unrolls = 0, may_goto_depth = 0, dfs_depth = 0;
  std::vector<Step> steps;    // since `parent`
  State* equal = nullptr;     // back edges of loops: the checkpoint that it was found equal to
  void* owner = nullptr;      // checkpoints: their entry in the list of their instruction (Explored)
  bool kept_by_loop = false;  // a back edge refers to it

  Frame& frame() { return *frames[depth]; }
  const Frame& frame() const { return *frames[depth]; }
  RegState& reg(unsigned number) { return frames[depth]->regs[number]; }
  const RegState& reg(unsigned number) const { return frames[depth]->regs[number]; }
  // The frame that a stack pointer points into.
  Frame& frame_of(const RegState& reg) { return *frames[reg.frame]; }

  // All registers and all spilled ones.
  template <class F>
  void each_reg(F&& f) {
    for (std::uint32_t i = 0; i <= depth; i++) {
      for (RegState& reg : frames[i]->regs) f(reg);
      for (StackSlot& slot : frames[i]->stack)
        if (slot.is_spilled()) f(slot.spilled);
    }
  }
};

}  // namespace skep::verify
