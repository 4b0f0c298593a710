// How the callbacks that several calls share begin.
#pragma once

#include "skep/verify/checker.h"
#include "skep/verify/helper_types.h"

namespace skep::verify {

// Timers and workqueues: the map, the key and the value that the timer lies in.
bool set_timer_callback(Checker& checker, const Frame& caller, Frame& callee, const Code& insn);

}  // namespace skep::verify
