// What a program holds: references, locks, and the objects that live in stack slots (dynptrs, iterators,
// saved irq flags). The calls that make, use and end them are in calls.cpp and kfuncs.cpp.
#pragma once

#include "skep/verify/checker.h"
#include "skep/verify/records.h"

namespace skep::verify {

// --- References ---
std::uint32_t acquire_reference(Checker& checker);
// Takes the reference off the list; false: nobody holds it.
bool drop_reference(State& state, std::uint32_t id);
// The register loses its meaning: unknown, or unreadable to those who may not see addresses.
void invalidate(Checker& checker, RegState& reg);
// All that came from a lock's critical section.
void invalidate_non_owning(Checker& checker);
// Marks a fresh pointer to a node as borrowed from its list or tree; needs the lock.
bool set_non_owning(Checker& checker, RegState& reg);

// --- Locks ---
struct LockUse {
  bool resilient = false, irq = false, lock = false;
};
bool process_lock(Checker& checker, unsigned number, LockUse use);
// Is the lock held that guards the object behind this register? Says why not.
bool check_locked(Checker& checker, const RegState& reg);
bool in_rcu_section(Checker& checker);
// A callback of a tree operation runs, under its lock.
bool in_tree_callback(Checker& checker);

// --- Stack objects ---
// Index of the slot at which an object of `slots` slots begins that register `number` points to; -1 after a
// line in the log, -2 when the stack does not reach there yet.
int object_slot(Checker& checker, const RegState& reg, const char* what, unsigned slots);

enum class DynptrUse : std::uint8_t { make, mutate, read };
// Checks a dynptr argument and makes it, if that is the use. `kind`: the kind to make, or the only one
// allowed (none: any). `clone_of`: the reference that the clone shares.
bool process_dynptr(Checker& checker, unsigned number, DynptrUse use, DynptrKind kind,
                    std::uint32_t clone_of = 0);
// The register that describes the dynptr behind an argument that was checked.
const RegState& dynptr_of(Checker& checker, const RegState& reg);
bool release_dynptr(Checker& checker, const RegState& reg);
std::string_view dynptr_name(DynptrKind kind);

// The kernel's word for a kind of type in messages; bpftool has another one for void.
std::string_view kind_word(btf::Kind kind);

// A string in a read-only map, for helpers and kfuncs that want a constant one.
bool check_const_string(Checker& checker, unsigned number);
// Its text, after the check.
std::string_view const_string(const RegState& reg);

// Offset rules of an argument: pointers to kernel objects keep theirs fixed; what is released has none.
bool check_argument_offset(Checker& checker, unsigned number, bool release, bool dynptr);

// --- Trust ---
bool is_trusted(const RegState& reg);
bool is_rcu(const RegState& reg);
// The kernel struct behind a socket register, or the map's; null for kinds that have none.
std::string_view struct_of_kind(Kind kind);
// A kptr of a map or object may take what is in this register.
bool check_kptr_match(Checker& checker, const Field& field, unsigned number);
// Flags of a kptr that was loaded.
std::uint16_t kptr_load_flags(Checker& checker, const Field& field);
// The special fields behind a register.
const Record* record_of(Checker& checker, const RegState& reg);

}  // namespace skep::verify
