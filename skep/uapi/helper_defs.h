// bpf/bpf_helper_defs.h, the declarations of all helpers for BPF programs, printed from the table.
#pragma once

#include <string>

namespace skep::uapi {

// The text of the header. The checked-in copy is skep/bpf/bpf_helper_defs.h; a test holds the two equal.
std::string print_helper_defs();

}  // namespace skep::uapi
