// The object's types in the form that BPF_BTF_LOAD takes: what only a loader understands is rewritten.
#pragma once

#include "skep/base/bytes.h"
#include "skep/btf/btf.h"

namespace skep::object {

// A copy of the section in which externs look like plain variables and functions: the kernel refuses extern
// linkage of variables, functions inside data sections, and data sections whose size is 0. Ids stay as they
// are.
Buffer btf_for_load(const btf::Btf& btf);

}  // namespace skep::object
