// The kinds of mistakes, one row each: what `skep verify` prints as [id] and docs/verify.md lists.
#include "skep/verify/explain.h"

namespace skep::verify {

namespace {

// clang-format off
constexpr Category rows[] = {
    {"map-out-of-bounds", "access outside of a map value", "A read or write may lie before or behind the bytes of a map value."},
    {"packet-out-of-bounds", "packet access without a sufficient check", "Packet bytes are read or written that no comparison with data_end has proven to be there."},
    {"stack-out-of-bounds", "access outside of the stack", "An access lies outside of the 512 bytes of a function's stack, or its place on the stack is not known."},
    {"context-access", "context field that cannot be accessed so", "The context is read or written at an offset, in a size or in a way that this program type does not allow."},
    {"memory-out-of-bounds", "access outside of a memory area", "A read or write may lie outside of a ring buffer record, a buffer or the memory that an argument points to."},
    {"missing-null-check", "missing null check", "A pointer that may be NULL is used before it was compared with NULL."},
    {"uninitialised-read", "read of something never written", "A register or stack bytes are read that nothing has written on this path."},
    {"unbounded-offset", "offset or size without an upper bound", "A number that may be anything is used as an offset, index or size."},
    {"negative-offset", "offset or size that may be negative", "A signed number that may be below zero is used as an offset, index or size."},
    {"zero-size", "size that may be zero", "A function that wants at least one byte is passed a size that may be 0."},
    {"lost-bounds-check", "bounds check lost in compiled code", "The source checks a value, but the compiled program checks another copy of it than the one that it uses."},
    {"stale-packet-pointer", "packet pointer that is no longer valid", "A pointer into the packet is used after a call that may move or resize the packet."},
    {"leaked-reference", "reference that is not released", "An object that was acquired is not released on every path to the end."},
    {"double-release", "release of something not held", "Something is released or used that was already released, or that was never acquired."},
    {"lock-misuse", "lock or critical section misused", "A lock, RCU, preemption or interrupt section is left open, closed twice, or contains what it must not."},
    {"helper-not-allowed", "helper or kfunc not allowed here", "This program type, attach point or section cannot call this helper or kfunc."},
    {"helper-unknown", "helper or kfunc that the kernel does not have", "The kernel does not know this function: it is too old or built without it."},
    {"licence", "licence that does not allow this", "A GPL-only helper or kfunc is called by a program whose licence is not compatible with the GPL."},
    {"wrong-argument-type", "argument of the wrong type", "A helper or kfunc is passed something else than what it takes."},
    {"wrong-map-type", "map of the wrong type", "A helper is called with a map type that it does not work on, or a map lacks what the call needs."},
    {"not-a-pointer", "memory access through something that is no pointer", "A plain number, or an address that the verifier does not trust, is dereferenced."},
    {"pointer-arithmetic", "arithmetic that is not allowed on a pointer", "An operation on a pointer would make it something that cannot be checked any more."},
    {"read-only", "write to something read-only", "Memory is written that this program may only read."},
    {"kernel-object", "kernel object accessed in a way not allowed", "A kernel structure is read beyond its fields, or written."},
    {"untrusted-pointer", "kernel pointer that is not trusted", "A kernel function is passed a kernel object that may no longer be alive."},
    {"dynptr", "dynptr misused", "A dynptr is used before it was initialised, overwritten or used in the wrong place."},
    {"iterator", "iterator misused", "An open-coded iterator is used before bpf_iter_*_new, after destroy, or overwritten."},
    {"special-field", "special field accessed directly", "A lock, timer, kptr, list or tree in a map value or object is accessed in another way than through its functions."},
    {"infinite-loop", "loop that may never end", "A path comes back to an instruction with nothing changed."},
    {"too-complex", "program too complex for the verifier", "Following every path takes more than the verifier's budget."},
    {"stack-too-deep", "stack too deep", "The functions that call each other need more than 512 bytes of stack, or nest too deeply."},
    {"return-value", "return value out of range", "The program or callback may return a value that its attach point does not allow."},
    {"back-edge", "loop on a kernel that takes none", "The program jumps backwards; the kernel, or unprivileged users, cannot have loops."},
    {"unreachable-code", "instructions that are never reached", "Some instructions cannot be reached from the start."},
    {"bad-btf", "type information that does not fit", "The object's BTF, or a CO-RE relocation against this kernel's types, cannot be used."},
    {"invalid-instruction", "instruction that is not valid", "An instruction is unknown to this kernel, has wrong operands, or jumps to no instruction."},
    {"misaligned-access", "misaligned access", "An address is not a multiple of the access size where the kernel wants it."},
    {"sleeping", "call that may sleep where it must not", "A sleepable function is called in a program or section that cannot sleep."},
    {"pointer-leak", "kernel address that would leak", "A kernel pointer would become visible to user space or to a map."},
    {"privileges", "privileges missing", "The task lacks a capability for what the program does."},
    {"attach-target", "attach point that does not work", "The function, member or program to attach to does not exist or does not allow it."},
    {"global-function", "global function's contract broken", "Arguments or result of a global function do not fit its prototype, which it is verified with alone."},
    {"exception", "bpf_throw misused", "bpf_throw or an exception callback stands where the kernel does not allow it."},
    {"other", "rejected", "The verifier's reason is not one that this tool knows how to explain."},
};
// clang-format on

consteval bool ids_are_unique() {
  for (const Category& a : rows)
    for (const Category& b : rows)
      if (&a != &b && a.id == b.id) return false;
  return true;
}
static_assert(ids_are_unique());

}  // namespace

std::span<const Category> categories() { return rows; }

const Category* find_category(std::string_view id) {
  for (const Category& row : rows)
    if (row.id == id) return &row;
  return nullptr;
}

}  // namespace skep::verify
