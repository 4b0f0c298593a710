// How each callback's registers begin: what push_callback and push_async_callback are given.
#pragma once

#include "skep/verify/checker.h"
#include "skep/verify/helper_types.h"

namespace skep::verify {

bool set_for_each(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);
bool set_loop(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);
bool set_find_vma(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);
bool set_user_ringbuf(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);
// Timers and workqueues: the map, the key and the value that the timer lies in.
bool set_timer_callback(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);
// less() of a tree: two borrowed nodes.
bool set_tree_callback(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);
// Task work: the map of the third argument, its key and value.
bool set_task_work_callback(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);

}  // namespace skep::verify
