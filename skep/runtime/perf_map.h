// Names for compiled programs, as `perf` looks for them: one line for each function, "address size name", in
// /tmp/perf-PID.map. Format: Documentation/jit-interface.txt of perf in the kernel's tree.
#pragma once

#include <string>

#include "skep/base/result.h"
#include "skep/jit/jit.h"

namespace skep::runtime {

// Where perf looks for this process' names.
std::string perf_map_path();

// Appends the code's functions to the file, which is made if it is not there. The errno of what failed: ELOOP
// for a link, ENXIO or EINVAL for what is no regular file.
Result<void> write_perf_map(const jit::Code& code, const std::string& path);

}  // namespace skep::runtime
